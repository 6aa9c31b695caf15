//! What the documents and the comments point to is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use act_tests::{files, workspace};

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The lines of a page that are not code.
fn prose(page: &str) -> impl Iterator<Item = &str> {
    let mut code = false;
    page.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        !code && !fence
    })
}

/// Whether a page has a heading or an element of that name, as GitHub makes names of headings.
fn has_anchor(page: &str, anchor: &str) -> bool {
    let name = |heading: &str| {
        let text = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = text
            .chars()
            .filter(|c| c.is_alphanumeric() || "-_ ".contains(*c));
        kept.collect::<String>().replace(' ', "-")
    };
    let element = format!("<a id=\"{anchor}\">");
    prose(page).any(|l| (l.starts_with('#') && name(l) == anchor) || l.contains(&element))
}

#[test]
fn every_link_of_a_page_leads_somewhere() {
    let mut links = 0;
    for path in files(&[".md"]) {
        let page = read(&path);
        let targets = prose(&page).flat_map(|line| line.split("](").skip(1));
        for target in targets.filter_map(|rest| rest.split(')').next()) {
            if target.contains("://") {
                continue;
            }
            links += 1;
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let to = if file.is_empty() {
                path.clone()
            } else {
                path.with_file_name(file)
            };
            let found = to.exists() && (anchor.is_empty() || has_anchor(&read(&to), anchor));
            assert!(found, "{}: there is no {target}", path.display());
        }
    }
    assert!(links > 50, "only {links} links were found");
}

/// The files that a text names by their path from the root of the workspace.
fn named(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || "/._-$".contains(c)));
    words.map(|word| word.trim_matches('.')).filter(|word| {
        let folder = word.split_once('/').map_or("", |(folder, _)| folder);
        let ending = word.rsplit_once('.').map_or("", |(_, ending)| ending);
        // What make builds or fetches may be there or not.
        !["", "build", "data"].contains(&folder)
            && workspace().join(folder).is_dir()
            && ["md", "rs", "py", "sh", "toml", "yaml"].contains(&ending)
            && !["MODEL", "TASK", "NAME"]
                .iter()
                .any(|part| word.contains(part))
    })
}

#[test]
fn every_file_that_a_file_names_exists() {
    for path in files(&[".md", ".rs", ".py", ".sh", ".toml", ".yaml", "Makefile"]) {
        let text = read(&path);
        for name in named(&text) {
            // From the root, the crate, or beside the file.
            let exists = path
                .ancestors()
                .skip(1)
                .any(|above| above.join(name).exists());
            assert!(exists, "{}: there is no {name}", path.display());
        }
    }
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// A promise that nothing holds is none.
#[test]
fn promises_of_security_are_held_by_tests_that_are_there() {
    let (mut functions, mut names) = (BTreeSet::new(), BTreeSet::new());
    for path in files(&[".rs"]) {
        names.extend(
            path.file_name()
                .map(|name| name.to_string_lossy().into_owned()),
        );
        for rest in read(&path).split("fn ").skip(1) {
            functions.extend(rest.split('(').next().map(str::to_string));
        }
    }
    let page = read(&workspace().join("docs/security.md"));
    let mut faults = 0;
    for line in page.lines().filter(|line| line.starts_with('|')) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").collect();
        let shown = cells.last().copied().unwrap_or_default();
        for file in quoted(shown).filter(|file| file.ends_with(".rs") && !file.contains('/')) {
            assert!(names.contains(file), "there is no {file}: {line}");
        }
        if cells[0].trim().parse() != Ok(faults + 1) {
            continue;
        }
        faults += 1;
        assert!(quoted(shown).count() > 0, "nothing holds {line}");
        for test in quoted(shown) {
            assert!(functions.contains(test), "there is no test {test}");
        }
    }
    assert_eq!(faults, 15);
}

#[test]
fn every_dependency_has_its_reason() {
    let reasons = read(&workspace().join("docs/dependencies.md"));
    let rows = reasons.lines().filter_map(|line| line.split('|').nth(1));
    let given: Vec<&str> = rows
        .flat_map(|names| names.split('`').skip(1).step_by(2))
        .collect();
    let mut used = Vec::new();
    for path in files(&["Cargo.toml"]) {
        let text = read(&path);
        let sections = text.split("\n[").filter(|section| {
            let name = section.split(']').next().unwrap_or("");
            name.ends_with("dependencies") && name != "workspace.dependencies"
        });
        for line in sections.flat_map(|section| section.lines().skip(1)) {
            let name = line.split([' ', '.', '=']).next().unwrap_or("");
            let renamed = line.contains("package = \"rand\"");
            if !(name.is_empty() || name.starts_with(['#', '[']) || name.starts_with("act-")) {
                used.push(if renamed { "rand" } else { name }.to_string());
            }
        }
    }
    assert!(used.len() > 50, "the manifests are read right: {used:?}");
    for name in &used {
        assert!(
            given.contains(&name.as_str()),
            "docs/dependencies.md gives no reason for {name}"
        );
    }
    for name in given {
        assert!(
            used.iter().any(|used| used == name),
            "docs/dependencies.md: nothing uses {name}"
        );
    }
}
