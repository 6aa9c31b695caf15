//! Dependencies point one way: between crates, and between the files of a crate.

mod bindings;
mod circles;

use std::collections::BTreeSet;
use std::process::Command;

use act_tests::workspace;

/// What each crate links of ours, itself left out.
const LINKS: [(&str, &[&str]); 13] = [
    ("act-core", &[]),
    ("act-infer", &["act-core"]),
    ("act-nn", &["act-core"]),
    ("act-stage", &["act-core"]),
    ("act-data", &["act-core", "act-stage"]),
    ("act-convert", &["act-core", "act-data", "act-stage"]),
    (
        "act-train",
        &["act-core", "act-data", "act-infer", "act-nn", "act-stage"],
    ),
    (
        "act-prune",
        &["act-core", "act-data", "act-infer", "act-nn", "act-stage"],
    ),
    ("act-distill", &SESSION),
    ("act-quant", &SESSION),
    (
        "act-eval",
        &["act-core", "act-data", "act-infer", "act-stage"],
    ),
    ("act-compress", &ALL),
    ("act-serve", &["act-core", "act-infer", "act-stage"]),
];

/// What the program that calls the stages links.
const ALL: [&str; 11] = [
    "act-convert",
    "act-core",
    "act-data",
    "act-distill",
    "act-eval",
    "act-infer",
    "act-nn",
    "act-prune",
    "act-quant",
    "act-stage",
    "act-train",
];

/// What a stage that trains links.
const SESSION: [&str; 6] = [
    "act-core",
    "act-data",
    "act-infer",
    "act-nn",
    "act-stage",
    "act-train",
];

/// The packages that one links.
fn linked(package: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args("tree --offline --edges normal --prefix none --package".split(' '))
        .arg(package)
        .current_dir(workspace())
        .output()
        .expect("cargo tree runs");
    let tree = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    let names = tree.lines().filter_map(|l| l.split_whitespace().next());
    names.map(str::to_string).collect()
}

#[test]
fn crates_link_what_lies_below_them_and_stages_not_each_other() {
    for (package, expected) in LINKS {
        let packages = linked(package);
        let ours = packages.iter().filter(|p| p.starts_with("act-"));
        let found: Vec<&str> = ours.map(String::as_str).filter(|p| *p != package).collect();
        assert_eq!(found, expected, "{package}");
    }
}

#[test]
fn command_line_yaml_and_burn_stay_where_they_belong() {
    for (package, links) in LINKS {
        let packages = linked(package);
        let stands_on = |below| package == below || links.contains(&below);
        for (foreign, home) in [
            ("clap", "act-stage"),
            ("serde_yaml", "act-stage"),
            ("burn", "act-nn"),
        ] {
            let links_it = packages.contains(foreign);
            assert_eq!(links_it, stands_on(home), "{package} and {foreign}");
        }
    }
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    for (package, _) in LINKS {
        let circles = circles::of(&workspace().join(package).join("src"));
        assert!(circles.is_empty(), "{package}: {circles:?}");
    }
}

#[test]
fn a_circle_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("lib.rs", "mod a;\nmod b;\nmod c;\npub use a::{A, B};\n");
    write("a.rs", "use crate::b::B;\npub use crate::c::C as A;");
    write("b.rs", "fn b(_: crate::c::C) {}");
    write(
        "c.rs",
        "/// [`crate::a::A`]\n#[cfg(test)]\nmod tests {\n    use crate::a::A;\n}\n",
    );
    assert!(circles::of(folder.path()).is_empty());
    write("c.rs", "use crate::{a::B};");
    assert_eq!(circles::of(folder.path()), [["a", "b", "c"]]);
}
