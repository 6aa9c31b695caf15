//! The header that is checked in is the one that the sources give.

use std::path::Path;

/// `ACT_WRITE_HEADER=1 cargo test --release header` writes it anew.
#[test]
fn the_header_is_current() {
    let crate_ = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(crate_.join("cbindgen.toml")).expect("cbindgen.toml");
    let made = cbindgen::Builder::new()
        .with_crate(crate_)
        .with_config(config)
        .generate()
        .expect("the sources are read");
    let mut text = Vec::new();
    made.write(&mut text);
    let text = String::from_utf8(text).expect("UTF-8");
    let file = crate_.join("include/act.h");
    if std::env::var_os("ACT_WRITE_HEADER").is_some() {
        std::fs::write(&file, &text).expect("include/act.h can be written");
    }
    let found = std::fs::read_to_string(&file).expect("include/act.h");
    assert!(
        found == text,
        "include/act.h is not what the sources give; ACT_WRITE_HEADER=1 writes it anew:\n{text}"
    );
}
