//! Circles among the files of a crate, read from the paths in their text. What a file hands on with
//! `pub use` is followed to where it stands, and tests and comments do not count.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A path in a crate, name by name; that of the root is empty.
type Names = Vec<String>;

/// The files of a crate by module, without comments and tests.
struct Files {
    text: BTreeMap<Names, String>,
    /// Where the names that a module hands on stand.
    handed_on: BTreeMap<(Names, String), Names>,
}

/// Files of `src` that use each other in a circle, each circle's in order.
pub fn of(src: &Path) -> Vec<Vec<String>> {
    let files = Files::read(src);
    let uses: BTreeMap<&Names, BTreeSet<Names>> = files
        .text
        .keys()
        .map(|module| (module, files.used_by(module)))
        .collect();
    let mut circles = BTreeSet::new();
    for module in uses.keys().filter(|module| !module.is_empty()) {
        let circle: Vec<&Names> = reached(module, &uses)
            .into_iter()
            .filter(|other| reached(other, &uses).contains(*module))
            .collect();
        if !circle.is_empty() {
            circles.insert(circle.iter().map(|names| names.join("::")).collect());
        }
    }
    circles.into_iter().collect()
}

/// What a module uses, and what that uses, and so on.
fn reached<'a>(
    from: &'a Names,
    uses: &'a BTreeMap<&'a Names, BTreeSet<Names>>,
) -> BTreeSet<&'a Names> {
    let mut found = BTreeSet::new();
    let mut open = vec![from];
    while let Some(module) = open.pop() {
        let next = uses.get(module).into_iter().flatten();
        open.extend(next.filter(|other| !other.is_empty() && found.insert(*other)));
    }
    found
}

impl Files {
    fn read(src: &Path) -> Self {
        let mut text = BTreeMap::new();
        let mut folders = vec![(src.to_path_buf(), Names::new())];
        while let Some((folder, names)) = folders.pop() {
            for entry in fs::read_dir(folder).expect("the folder is readable") {
                let path = entry.expect("an entry").path();
                let stem = path.file_stem().unwrap_or_default().to_string_lossy();
                let own = [&names[..], &[stem.to_string()]].concat();
                if path.is_dir() {
                    folders.push((path, own));
                } else if path.extension().is_some_and(|e| e == "rs") && stem != "main" {
                    let module = if ["lib", "mod"].contains(&&*stem) {
                        names.clone()
                    } else {
                        own
                    };
                    let code = fs::read_to_string(&path).expect("UTF-8");
                    text.insert(module, without_tests(&code));
                }
            }
        }
        let mut files = Self {
            text,
            handed_on: BTreeMap::new(),
        };
        for (module, code) in &files.text {
            for (path, name) in imports(code, true) {
                if let Some(path) = files.absolute(module, &path) {
                    files.handed_on.insert((module.clone(), name), path);
                }
            }
        }
        files
    }

    /// Modules whose items a module names.
    fn used_by(&self, module: &Names) -> BTreeSet<Names> {
        let code = &self.text[module];
        let imported = imports(code, false).into_iter().map(|(path, _)| path);
        let named = code.match_indices("crate::").map(|(at, _)| {
            let rest = &code[at..];
            let end = rest.find(|c: char| !(c.is_alphanumeric() || "_:".contains(c)));
            rest[..end.unwrap_or(rest.len())].to_string()
        });
        let paths = imported
            .chain(named)
            .filter_map(|path| self.absolute(module, &path));
        let modules = paths.map(|path| self.home(path));
        modules.filter(|other| other != module).collect()
    }

    /// The module in which the item of a path stands.
    fn home(&self, path: Names) -> Names {
        let known = (0..=path.len())
            .rev()
            .find(|&n| self.text.contains_key(&path[..n]));
        let known = known.unwrap_or_default();
        let (module, rest) = path.split_at(known);
        let handed_on = rest
            .first()
            .and_then(|name| self.handed_on.get(&(module.to_vec(), name.clone())));
        match handed_on {
            Some(elsewhere) => self.home([elsewhere, &rest[1..]].concat()),
            None => module.to_vec(),
        }
    }

    /// A path from the crate's root; `None` if it leads out of the crate.
    fn absolute(&self, module: &Names, path: &str) -> Option<Names> {
        let mut names: Vec<&str> = path.split("::").filter(|name| !name.is_empty()).collect();
        let mut from = module.clone();
        match *names.first()? {
            "crate" => from.clear(),
            "super" => {
                while names.first() == Some(&"super") {
                    from.pop();
                    names.remove(0);
                }
                names.insert(0, "super");
            }
            "self" => {}
            child => {
                let own = [&from[..], &[child.to_string()]].concat();
                self.text.contains_key(&own).then_some(())?;
                names.insert(0, "self");
            }
        }
        from.extend(names[1..].iter().map(|name| name.to_string()));
        Some(from)
    }
}

/// Code without comments and without what is for tests only.
fn without_tests(code: &str) -> String {
    let mut kept = String::new();
    let mut lines = code.lines();
    while let Some(line) = lines.next() {
        if line.trim_start().starts_with("#[cfg(test)]") {
            let mut depth = 0;
            for line in lines.by_ref() {
                depth += line.matches('{').count() as i32 - line.matches('}').count() as i32;
                let ended = line.trim_end().ends_with(['}', ';']);
                if depth <= 0 && ended {
                    break;
                }
            }
        } else {
            kept += line.split("//").next().unwrap_or(line);
            kept.push('\n');
        }
    }
    kept
}

/// Paths of the `use` declarations with the names they give: those with `pub`, or the others.
fn imports(code: &str, handed_on: bool) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for declaration in code.split(';') {
        let Some((before, tree)) = declaration.rsplit_once("use ") else {
            continue;
        };
        let line = before.lines().last().unwrap_or_default().trim();
        if line.starts_with("pub") == handed_on && (line.is_empty() || line.starts_with("pub")) {
            unfold("", tree.trim(), &mut found);
        }
    }
    found
}

/// The paths of a tree of imports.
fn unfold(prefix: &str, tree: &str, found: &mut Vec<(String, String)>) {
    let Some((head, group)) = tree.split_once('{') else {
        let (path, name) = tree.split_once(" as ").unwrap_or((tree, tree));
        let name = name.rsplit("::").next().unwrap_or(name).trim();
        found.push((format!("{prefix}{}", path.trim()), name.to_string()));
        return;
    };
    let group = group.trim_end().strip_suffix('}').unwrap_or(group);
    let (mut depth, mut start) = (0, 0);
    for (at, c) in group.char_indices().chain([(group.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                let branch = group[start..at].trim();
                if !branch.is_empty() {
                    unfold(&format!("{prefix}{}", head.trim()), branch, found);
                }
                start = at + 1;
            }
            _ => {}
        }
    }
}
