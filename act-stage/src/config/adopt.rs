//! From what is written to our names and forms, key by key. Every mistake is found, not the first
//! alone, so that a configuration is mended in one go.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::document::Config;
use super::places::Places;
use super::source::Source;
use super::tree::{kind_of, nested};
use super::{paddle, vocabulary};
use act_core::error::{Error, Result};

/// Mistakes that are told with their place; more of them are a file of something else.
const TOLD: usize = 20;

/// What all sources were found to say.
#[derive(Default)]
pub(super) struct Findings {
    /// Where the keys stand.
    pub places: Places,
    /// Each with the line that it stands in, of the source that is read.
    mistakes: Vec<(Option<usize>, String)>,
    /// Mistakes beyond those.
    more: usize,
    /// Keys that were told to change nothing.
    reported: BTreeSet<String>,
    /// Sections whose keys a mistake has listed.
    listed: BTreeSet<String>,
}

impl Findings {
    /// The source's tree in our names and forms, but for what is wrong with it.
    pub fn adopt(&mut self, source: &Source) -> Map<String, Value> {
        let before = self.mistakes.len();
        let adopted = self.keys(source, &[], source.tree.clone());
        // The tree has the keys in the order of their names.
        self.mistakes[before..].sort_by_key(|(line, _)| *line);
        adopted
    }

    /// All mistakes as one error.
    pub fn check(&self) -> Result<()> {
        let mistakes: Vec<&str> = self.mistakes.iter().map(|(_, told)| &**told).collect();
        match mistakes[..] {
            [] => Ok(()),
            [one] => Err(Error::usage(one)),
            _ => Err(Error::usage(format!(
                "{} mistakes: {}{}",
                mistakes.len() + self.more,
                mistakes.join("; "),
                if self.more > 0 { "; and more" } else { "" }
            ))),
        }
    }

    fn keys(
        &mut self,
        source: &Source,
        at: &[&str],
        written: Map<String, Value>,
    ) -> Map<String, Value> {
        let known = vocabulary::keys(at).unwrap_or_default();
        let mut adopted = Map::new();
        for (key, value) in written {
            let name = vocabulary::canonical(&key);
            let path = [at, &[name]].concat();
            if !known.contains(&name) {
                let told = vocabulary::unknown(at, &key, &mut self.listed);
                self.mistake(source, &[at, &[&key]].concat(), &told);
            } else if adopted.contains_key(name) {
                let told = format!("two names of one key, {name:?}, are there; keep one");
                self.mistake(source, &path, &told);
            } else {
                self.report_without_effect(source, &path);
                let value = self.value(source, &path, value);
                adopted.insert(name.into(), value.unwrap_or(Value::Null));
            }
        }
        adopted
    }

    /// The value in our form; none if it is wrong.
    fn value(&mut self, source: &Source, path: &[&str], written: Value) -> Option<Value> {
        let holds_keys = vocabulary::keys(path).is_some();
        let value = match paddle::simplify(path, written) {
            Ok(Value::Object(map)) if holds_keys => {
                return Some(Value::Object(self.keys(source, path, map)));
            }
            Ok(Value::Null) => Ok(Value::Null),
            Ok(other) if holds_keys => {
                let (key, found) = (path.join("."), kind_of(&other));
                Err(Error::usage(format!("{key}: found {found}; expected keys")))
            }
            // Alone among defaults, so that whatever is wrong is this value.
            Ok(value) => typed(path, nested(path, value.clone()))
                .and_then(|config| config.check())
                .map(|()| value),
            Err(error) => Err(error),
        };
        match value {
            Ok(value) => {
                if !holds_keys {
                    let by_flag = source.is_flag();
                    self.places.note(path, &value, source.place(path), by_flag);
                }
                Some(value)
            }
            Err(error) => {
                self.mistake(source, path, &error.to_string());
                None
            }
        }
    }

    fn mistake(&mut self, source: &Source, path: &[&str], told: &str) {
        if self.mistakes.len() == TOLD {
            self.more += 1;
            return;
        }
        let told = format!("{}: {told}", source.place(path));
        self.mistakes.push((source.line(path), told));
    }

    /// Says once that a key changes nothing; what stands below such a key goes without saying.
    fn report_without_effect(&mut self, source: &Source, path: &[&str]) {
        let Some(why) = vocabulary::without_effect(path) else {
            return;
        };
        let above = path[..path.len() - 1].join(".");
        if self.reported.contains(&above) || !self.reported.insert(path.join(".")) {
            return;
        }
        let text = format!("{}: {}: {why}", source.place(path), path.join("."));
        if vocabulary::is_harmless(why) {
            log::info!("{text}");
        } else {
            log::warn!("{text}");
        }
    }
}

/// The tree as a configuration; `path` is the key to name when a value is not of its type.
pub(super) fn typed(path: &[&str], tree: Map<String, Value>) -> Result<Config> {
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
