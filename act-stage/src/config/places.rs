//! Where the keys of a configuration stand, for what is found out about them only later.

use std::collections::BTreeMap;

use serde_json::Value;

use act_core::error::Error;

/// Where each key that was given stands: a file's line, or a flag.
#[derive(Debug, Clone, Default)]
pub struct Places(BTreeMap<String, Place>);

/// Of one key.
#[derive(Debug, Clone)]
struct Place {
    /// `file:line`, or the flag.
    at: String,
    by_flag: bool,
    value: Value,
}

/// Configurations that say the same are equal, wherever they say it.
impl PartialEq for Places {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Places {
    /// A key was given at a place; the last one counts, and no value takes the key back.
    pub(super) fn note(&mut self, path: &[&str], value: &Value, at: String, by_flag: bool) {
        let key = path.join(".");
        if value.is_null() {
            self.0.remove(&key);
            return;
        }
        let value = value.clone();
        self.0.insert(key, Place { at, by_flag, value });
    }

    /// True if the key, `Section.key`, was given.
    pub fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// True if a flag gave the key.
    pub(super) fn is_of_flag(&self, key: &str) -> bool {
        self.0.get(key).is_some_and(|place| place.by_flag)
    }

    /// The keys of a section that were given, each with whether it was by a flag.
    pub(super) fn of_section(&self, section: &str) -> impl Iterator<Item = (&str, bool)> {
        let all = self.0.iter();
        let within = move |key: &str| key.split('.').next() == Some(section);
        all.filter(move |(key, _)| within(key))
            .map(|(key, place)| (key.as_str(), place.by_flag))
    }

    /// The keys that flags gave.
    pub(super) fn of_flags(&self) -> impl Iterator<Item = &str> {
        let flags = self.0.iter().filter(|(_, place)| place.by_flag);
        flags.map(|(key, _)| key.as_str())
    }

    /// A line for each key that was given: `Prune.pruned_ratio: 0.5 (afqmc.yaml:12)`.
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> {
        let given = self.0.iter();
        given.map(|(key, Place { at, value, .. })| format!("{key}: {value} ({at})"))
    }

    /// `file:line: text` about a key, or the flag's; the text alone of one that was not given.
    pub fn told(&self, key: &str, text: &str) -> String {
        match self.0.get(key) {
            Some(place) => format!("{}: {text}", place.at),
            None => text.into(),
        }
    }

    /// The user's mistake at a key.
    pub fn mistake(&self, key: &str, text: &str) -> Error {
        Error::usage(self.told(key, text))
    }
}
