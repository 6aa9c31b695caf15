//! The bindings are a workspace of their own, which `make test` does not build: here their files are held to
//! what can be read from them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use act_tests::workspace;

fn read(path: &str) -> String {
    let path: PathBuf = workspace().join(path);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The lines of a section of a Cargo.toml.
fn section<'a>(manifest: &'a str, name: &str) -> Vec<&'a str> {
    let head = format!("[{name}]");
    let lines = manifest.lines().skip_while(|line| *line != head).skip(1);
    lines.take_while(|line| !line.starts_with('[')).collect()
}

#[test]
fn the_bindings_stand_on_the_engine_and_on_nothing_else_of_ours() {
    for package in ["c", "python"] {
        let manifest = read(&format!("bindings/{package}/Cargo.toml"));
        let ours: Vec<&str> = section(&manifest, "dependencies")
            .into_iter()
            .filter_map(|line| line.split(['.', ' ', '=']).next())
            .filter(|name| name.starts_with("act-"))
            .collect();
        assert_eq!(ours, ["act-infer"], "{package}");
    }
}

/// Packages of a lock file: for each name and version, what it depends on.
fn packages(lock: &str) -> BTreeMap<(String, String), Vec<String>> {
    let quoted = |line: &str| line.split('"').nth(1).unwrap_or_default().to_string();
    let package = |text: &str| {
        let value = |key: &str| text.lines().find(|l| l.starts_with(key)).map(quoted);
        let depends = text.lines().filter(|l| l.starts_with(" \"")).map(quoted);
        Some(((value("name = ")?, value("version = ")?), depends.collect()))
    };
    lock.split("[[package]]")
        .skip(1)
        .filter_map(package)
        .collect()
}

#[test]
fn what_is_handed_out_is_built_from_the_versions_that_are_tested() {
    let (tested, handed_out) = (
        packages(&read("Cargo.lock")),
        packages(&read("bindings/Cargo.lock")),
    );
    let mut reached = BTreeSet::new();
    let mut open = vec!["act-infer".to_string()];
    while let Some(dependency) = open.pop() {
        // `name`, or `name version` where there are several.
        let mut parts = dependency.split(' ');
        let (name, version) = (parts.next().unwrap_or_default(), parts.next());
        let fits =
            |(n, v): &&(String, String)| n == name && version.is_none_or(|version| v == version);
        for package in handed_out.keys().filter(fits) {
            if reached.insert(package.clone()) {
                open.extend(handed_out[package].clone());
            }
        }
    }
    assert!(reached.len() > 20, "only {reached:?}");
    let others: Vec<_> = reached
        .iter()
        .filter(|p| !tested.contains_key(*p))
        .collect();
    assert!(
        others.is_empty(),
        "bindings/Cargo.lock has other versions than Cargo.lock: {others:?}; copy the latter over it, and \
         `cargo metadata` in bindings takes out what is not needed"
    );
}

#[test]
fn the_header_declares_what_the_library_exports() {
    let mut exported = BTreeSet::new();
    for file in fs::read_dir(workspace().join("bindings/c/src")).expect("a folder") {
        let code = fs::read_to_string(file.expect("a file").path()).expect("UTF-8");
        let functions = code.split("extern \"C\" fn ").skip(1);
        exported.extend(functions.filter_map(|rest| Some(rest.split('(').next()?.to_string())));
    }
    let header = read("bindings/c/include/act.h");
    let code = header
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let declared: BTreeSet<String> = code
        .filter_map(|line| line.split_once('(')?.0.rsplit([' ', '*']).next())
        .filter(|name| name.starts_with("act_"))
        .map(str::to_string)
        .collect();
    assert!(exported.len() > 5, "only {exported:?}");
    assert_eq!(declared, exported);
}
