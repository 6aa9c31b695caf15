//! Writes the seeds of every fuzz target: `cargo run -p act-tests --example seeds -- DIR` makes
//! `DIR/<target>/<name>`.

use std::fs;
use std::path::PathBuf;

#[path = "../../../act-convert/tests/paddle/attributes.rs"]
mod attributes;
mod made;
#[path = "../../../act-convert/tests/paddle/writer.rs"]
mod writer;

fn main() -> std::io::Result<()> {
    let Some(dir) = std::env::args_os().nth(1).map(PathBuf::from) else {
        return Err(std::io::Error::other("usage: seeds DIR"));
    };
    for seed in made::all() {
        let folder = dir.join(seed.target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(seed.name), seed.bytes)?;
    }
    Ok(())
}
