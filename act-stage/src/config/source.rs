//! One place that values come from, a file or a `--set` flag: read into a plain tree, and asked where
//! a key stands.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde_json::{Map, Value};

use super::tree::{kind_of, nested};
use super::vocabulary;
use super::yaml::{self, Fault};
use act_core::error::{Error, Result};

/// No configuration is longer than this; something else was given. The parser holds some hundred
/// bytes for each byte of the text.
const LONGEST: usize = 256 << 10;

/// Where values come from.
pub(super) struct Source {
    /// The file's path, or `--set Section.key=value`.
    name: String,
    /// The file's text; a flag has no lines.
    text: Option<String>,
    /// A flag that is meant for one program.
    own: bool,
    /// Sections, keys and values as they are written.
    pub tree: Map<String, Value>,
}

impl Source {
    /// A file.
    pub fn file(path: &Path) -> Result<Self> {
        let io = |e| Error::io(path, e);
        let name = path.display().to_string();
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(io)?;
        file.take(LONGEST as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(io)?;
        if bytes.len() > LONGEST {
            return Err(Error::usage(format!(
                "{name}: longer than 256 KiB, not a configuration"
            )));
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            let sound = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = 1 + sound.iter().filter(|b| **b == b'\n').count();
            Error::usage(format!("{name}:{line}: not UTF-8; save the file as UTF-8"))
        })?;
        let tree = match yaml::parse(&text).map_err(|fault| located(&name, fault))? {
            Value::Null => Map::new(),
            Value::Object(tree) => tree,
            other => {
                let sections = vocabulary::keys(&[]).unwrap_or_default().join(", ");
                let found = kind_of(&other);
                return Err(Error::usage(format!(
                    "{name}: found {found}; expected {sections}"
                )));
            }
        };
        Ok(Self {
            name,
            text: Some(text),
            own: false,
            tree,
        })
    }

    /// A flag for one program, `--set Section.key=value`.
    pub fn flag(flag: &str) -> Result<Self> {
        let own = true;
        Ok(Self {
            own,
            ..Self::assignment("--set", flag)?
        })
    }

    /// A flag for the whole recipe, `--set-any Section.key=value`.
    pub fn recipe_flag(flag: &str) -> Result<Self> {
        Self::assignment("--set-any", flag)
    }

    fn assignment(option: &str, flag: &str) -> Result<Self> {
        let name = format!("{option} {flag}");
        let path_and_value = flag.split_once('=');
        let (path, value) = path_and_value
            .map(|(path, value)| (path.trim().split('.').collect::<Vec<_>>(), value))
            .filter(|(path, _)| path.len() >= 2 && path.iter().all(|key| !key.is_empty()))
            .ok_or_else(|| {
                Error::usage(format!(
                    "{name}: write {option} Section.key=value, as in {option} Prune.pruned_ratio=0.5"
                ))
            })?;
        let value = yaml::parse(value).map_err(|fault| {
            located(
                &name,
                Fault {
                    line: None,
                    ..fault
                },
            )
        })?;
        Ok(Self {
            name,
            text: None,
            own: false,
            tree: nested(&path, value),
        })
    }

    /// True of a flag for one program, which must read its key.
    pub fn is_flag(&self) -> bool {
        self.own
    }

    /// The line in which a key stands; a flag has none.
    pub fn line(&self, path: &[&str]) -> Option<usize> {
        let same = |a: &str, b: &str| vocabulary::canonical(a) == vocabulary::canonical(b);
        yaml::line_of(self.text.as_deref()?, path, same)
    }

    /// `file:line`, or the flag.
    pub fn place(&self, path: &[&str]) -> String {
        match self.line(path) {
            Some(line) => format!("{}:{line}", self.name),
            None => self.name.clone(),
        }
    }
}

fn located(name: &str, fault: Fault) -> Error {
    let place = fault
        .line
        .map_or_else(|| name.into(), |line| format!("{name}:{line}"));
    Error::usage(format!("{place}: {}", fault.message))
}
