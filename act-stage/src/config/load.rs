//! From a file and `--set` flags to a checked [`Config`].
//!
//! Each source becomes a tree that is checked key by key, so that a mistake is told with the file
//! and line, or the flag, that it stands in. The trees are merged only when all are sound.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde_json::{Map, Value};

use super::document::{Config, Section};
use super::sections::QuantAware;
use super::yaml::{self, Fault};
use super::{paddle, vocabulary};
use act_core::error::{Error, Result};

/// No configuration is longer than this; something else was given.
const LONGEST: usize = 1 << 20;

impl Config {
    /// Loads a file (or the defaults) and applies `Section.key=value` overrides, the last one
    /// winning. Keys that are accepted without effect are reported in the log.
    ///
    /// # Errors
    /// Of kind usage, naming file and line or the flag, the key, and what is allowed.
    pub fn load(path: Option<&Path>, overrides: &[String]) -> Result<Self> {
        let mut sources = Vec::new();
        if let Some(path) = path {
            sources.push(Source::file(path)?);
        }
        for flag in overrides {
            sources.push(Source::flag(flag)?);
        }
        let mut reported = BTreeSet::new();
        let mut merged = Map::new();
        for source in &mut sources {
            let written = std::mem::take(&mut source.tree);
            source.tree = source.adopt(&[], written, &mut reported)?;
            merge(&mut merged, source.tree.clone());
        }
        let config = typed(&[], without_nulls(present(merged)))?;
        // Rules between keys; the source that spoke last of the section is told.
        let rules = [
            (Section::Train, config.train.check_together()),
            (Section::Distillation, config.distillation.check_together()),
            (Section::Prune, config.prune.check()),
            (
                Section::QuantAware,
                (config.quant_aware.as_ref()).map_or(Ok(()), QuantAware::check_together),
            ),
        ];
        for (section, rule) in rules {
            rule.map_err(|error| {
                let spoke = |source: &&Source| source.tree.contains_key(section.name());
                match sources.iter().rev().find(spoke) {
                    Some(source) => source.blame(&[section.name()], error),
                    None => error,
                }
            })?;
        }
        if let (Some(name), Some(near)) = (&config.global.task_name, config.global.meant_task()) {
            log::warn!("Global.task_name: {name:?} is not a built-in task; did you mean {near:?}?");
        }
        Ok(config)
    }
}

/// Where values come from.
struct Source {
    /// The file's path, or `--set Section.key=value`.
    name: String,
    /// The file's text; a flag has no lines.
    text: Option<String>,
    /// Sections, keys and values: as written, then as adopted.
    tree: Map<String, Value>,
}

impl Source {
    fn file(path: &Path) -> Result<Self> {
        let io = |e| Error::io(path, e);
        let name = path.display().to_string();
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(io)?;
        file.take(LONGEST as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(io)?;
        if bytes.len() > LONGEST {
            return Err(Error::usage(format!(
                "{name}: longer than 1 MiB, not a configuration"
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
            tree,
        })
    }

    fn flag(flag: &str) -> Result<Self> {
        let name = format!("--set {flag}");
        let path_and_value = flag.split_once('=');
        let (path, value) = path_and_value
            .map(|(path, value)| (path.trim().split('.').collect::<Vec<_>>(), value))
            .filter(|(path, _)| path.len() >= 2 && path.iter().all(|key| !key.is_empty()))
            .ok_or_else(|| {
                Error::usage(format!(
                    "{name}: write --set Section.key=value, as in --set Prune.pruned_ratio=0.5"
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
            tree: nested(&path, value),
        })
    }

    /// The tree in our names and forms, every key and value checked.
    fn adopt(
        &self,
        at: &[&str],
        written: Map<String, Value>,
        reported: &mut BTreeSet<String>,
    ) -> Result<Map<String, Value>> {
        let known = vocabulary::keys(at).unwrap_or_default();
        let mut adopted = Map::new();
        for (key, value) in written {
            let name = vocabulary::canonical(&key);
            let path = [at, &[name]].concat();
            if !known.contains(&name) {
                let error = Error::usage(vocabulary::unknown(at, &key));
                return Err(self.blame(&[at, &[&key]].concat(), error));
            }
            if adopted.contains_key(name) {
                let message = format!("two names of one key, {name:?}, are there; keep one");
                return Err(self.blame(&path, Error::usage(message)));
            }
            self.report_without_effect(&path, reported);
            let value = paddle::simplify(&path, value).map_err(|e| self.blame(&path, e))?;
            let value = match value {
                Value::Object(map) if vocabulary::keys(&path).is_some() => {
                    Value::Object(self.adopt(&path, map, reported)?)
                }
                Value::Null => Value::Null,
                other if vocabulary::keys(&path).is_some() => {
                    let (key, found) = (path.join("."), kind_of(&other));
                    let error = Error::usage(format!("{key}: found {found}; expected keys"));
                    return Err(self.blame(&path, error));
                }
                // Alone among defaults, so that whatever is wrong is this value.
                value => typed(&path, nested(&path, value.clone()))
                    .and_then(|config| config.check())
                    .map(|()| value)
                    .map_err(|error| self.blame(&path, error))?,
            };
            adopted.insert(name.into(), value);
        }
        Ok(adopted)
    }

    /// Says once that a key changes nothing; what stands below such a key goes without saying.
    fn report_without_effect(&self, path: &[&str], reported: &mut BTreeSet<String>) {
        let Some(why) = vocabulary::without_effect(path) else {
            return;
        };
        let above = path[..path.len() - 1].join(".");
        if reported.contains(&above) || !reported.insert(path.join(".")) {
            return;
        }
        let text = format!("{}: {}: {why}", self.place(path), path.join("."));
        if vocabulary::is_harmless(why) {
            log::info!("{text}");
        } else {
            log::warn!("{text}");
        }
    }

    /// `file:line`, or the flag.
    fn place(&self, path: &[&str]) -> String {
        let same = |a: &str, b: &str| vocabulary::canonical(a) == vocabulary::canonical(b);
        match self
            .text
            .as_deref()
            .and_then(|text| yaml::line_of(text, path, same))
        {
            Some(line) => format!("{}:{line}", self.name),
            None => self.name.clone(),
        }
    }

    fn blame(&self, path: &[&str], error: Error) -> Error {
        error.context(self.place(path))
    }
}

fn located(name: &str, fault: Fault) -> Error {
    let place = fault
        .line
        .map_or_else(|| name.into(), |line| format!("{name}:{line}"));
    Error::usage(format!("{place}: {}", fault.message))
}

/// `{a: {b: value}}` for the path `a.b`.
fn nested(path: &[&str], value: Value) -> Map<String, Value> {
    let wrap = |inner, key: &&str| Value::Object(Map::from_iter([(key.to_string(), inner)]));
    match path.iter().rev().fold(value, wrap) {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Puts `from` over `into`, key by key.
fn merge(into: &mut Map<String, Value>, from: Map<String, Value>) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Object(below)), Value::Object(above)) => merge(below, above),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

/// A section without keys is there all the same: that of quantisation-aware training asks for it.
fn present(tree: Map<String, Value>) -> Map<String, Value> {
    let section = |value: Value| match value {
        Value::Null => Value::Object(Map::new()),
        other => other,
    };
    let sections = tree.into_iter();
    sections.map(|(key, value)| (key, section(value))).collect()
}

/// A key without a value means its default.
fn without_nulls(map: Map<String, Value>) -> Map<String, Value> {
    let kept = map.into_iter().filter(|(_, value)| !value.is_null());
    kept.map(|(key, value)| match value {
        Value::Object(map) => (key, Value::Object(without_nulls(map))),
        other => (key, other),
    })
    .collect()
}

/// The tree as a configuration; `path` is the key to name when a value is not of its type.
fn typed(path: &[&str], tree: Map<String, Value>) -> Result<Config> {
    serde_json::from_value(Value::Object(tree)).map_err(|error| {
        let message = error.to_string();
        let said = vocabulary::unknown_name(&message).unwrap_or_else(|| in_plain_words(&message));
        Error::usage(format!("{}: {said}", path.join(".")))
    })
}

/// What serde says of a value of another type, without Rust's names of types.
fn in_plain_words(message: &str) -> String {
    let Some((found, expected)) = message.split_once("expected ") else {
        return message.into();
    };
    let expected = match expected {
        "usize" | "u32" | "u64" => "a whole number, 0 or more",
        "u8" => "a whole number, 0 to 255",
        "f64" => "a number",
        "a boolean" => "true or false",
        "a string" => "text",
        "a sequence" => "a list",
        other => other,
    };
    format!("{}expected {expected}", found.replace("null", "nothing"))
}

fn kind_of(value: &Value) -> String {
    match value {
        Value::Null => "nothing".into(),
        Value::Object(_) => "keys".into(),
        Value::Array(_) => "a list".into(),
        Value::String(text) => format!("the text {:?}", text.chars().take(40).collect::<String>()),
        other => other.to_string(),
    }
}
