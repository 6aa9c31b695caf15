//! The only place that knows `serde_yaml`, which is frozen upstream: text to a plain tree, the line
//! of a key, and back to text.
//!
//! The tree is built by our own visitor, so that duplicate keys are caught where they stand and
//! aliases cannot blow a small file up.

use std::cell::Cell;
use std::fmt;

use serde::Serialize;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use serde_yaml::{Deserializer, Error};

/// What a configuration may grow to once its aliases are expanded, in bytes.
const BUDGET: usize = 4 << 20;

/// What is wrong with a text, and in which line.
#[derive(Debug)]
pub(super) struct Fault {
    pub line: Option<usize>,
    pub message: String,
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        // The parser appends where; we say it in front.
        let message = text.split(" at line ").next().unwrap_or(&text).to_string();
        Self {
            line: error.location().map(|l| l.line()),
            message,
        }
    }
}

/// Parses a document; nothing but comments is `Null`.
pub(super) fn parse(text: &str) -> Result<Value, Fault> {
    if serde_yaml::from_str::<Option<IgnoredAny>>(text)?.is_none() {
        return Ok(Value::Null);
    }
    let budget = Cell::new(BUDGET);
    Ok(Build(&budget).deserialize(Deserializer::from_str(text))?)
}

/// Writes a value as YAML.
pub(super) fn write(value: &impl Serialize) -> Result<String, Fault> {
    Ok(serde_yaml::to_string(value)?)
}

/// The line in which the key at `path` stands; `same` says whether a key in the text is the wanted
/// one. The parser tells positions only in errors, so the search ends in one on purpose.
pub(super) fn line_of(text: &str, path: &[&str], same: fn(&str, &str) -> bool) -> Option<usize> {
    let found = Cell::new(false);
    let search = Find {
        path,
        same,
        found: &found,
    };
    let error = search.deserialize(Deserializer::from_str(text)).err()?;
    found.get().then(|| error.location().map(|l| l.line()))?
}

/// Builds the tree.
#[derive(Clone, Copy)]
struct Build<'a>(&'a Cell<usize>);

impl Build<'_> {
    fn spend<E: serde::de::Error>(self, bytes: usize) -> Result<(), E> {
        let left = self.0.get().checked_sub(bytes + 16);
        self.0
            .set(left.ok_or_else(|| E::custom("aliases expand to more than 4 MiB"))?);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Build<'_> {
    type Value = Value;
    fn deserialize<D: serde::Deserializer<'de>>(self, d: D) -> Result<Value, D::Error> {
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Build<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("plain YAML without tags")
    }
    fn visit_unit<E: serde::de::Error>(self) -> Result<Value, E> {
        self.spend(0)?;
        Ok(Value::Null)
    }
    fn visit_bool<E: serde::de::Error>(self, v: bool) -> Result<Value, E> {
        self.spend(0)?;
        Ok(v.into())
    }
    fn visit_i64<E: serde::de::Error>(self, v: i64) -> Result<Value, E> {
        self.spend(0)?;
        Ok(v.into())
    }
    fn visit_u64<E: serde::de::Error>(self, v: u64) -> Result<Value, E> {
        self.spend(0)?;
        Ok(v.into())
    }
    fn visit_i128<E: serde::de::Error>(self, v: i128) -> Result<Value, E> {
        Err(E::custom(format!("{v} is too far below zero")))
    }
    fn visit_u128<E: serde::de::Error>(self, v: u128) -> Result<Value, E> {
        Err(E::custom(format!("{v} is too large a number")))
    }
    fn visit_f64<E: serde::de::Error>(self, v: f64) -> Result<Value, E> {
        self.spend(0)?;
        let number = serde_json::Number::from_f64(v);
        number
            .map(Value::Number)
            .ok_or_else(|| E::custom(format!("{v} is not a finite number")))
    }
    fn visit_str<E: serde::de::Error>(self, v: &str) -> Result<Value, E> {
        self.spend(v.len())?;
        Ok(v.into())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        self.spend(0)?;
        let mut list = Vec::new();
        while let Some(value) = seq.next_element_seed(self)? {
            list.push(value);
        }
        Ok(list.into())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        self.spend(0)?;
        let mut map = Map::new();
        while let Some(key) = entries.next_key_seed(NewKey(&map))? {
            self.spend(key.len())?;
            let value = entries.next_value_seed(self)?;
            map.insert(key, value);
        }
        Ok(map.into())
    }
}

/// Reads a key that the map does not hold yet.
struct NewKey<'a>(&'a Map<String, Value>);

impl<'de> DeserializeSeed<'de> for NewKey<'_> {
    type Value = String;
    fn deserialize<D: serde::Deserializer<'de>>(self, d: D) -> Result<String, D::Error> {
        d.deserialize_str(self)
    }
}

impl Visitor<'_> for NewKey<'_> {
    type Value = String;
    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a key")
    }
    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<String, E> {
        if self.0.contains_key(key) {
            return Err(E::custom(format!("the key {key:?} is there twice")));
        }
        Ok(key.into())
    }
}

/// Walks down to a key.
#[derive(Clone, Copy)]
struct Find<'a> {
    path: &'a [&'a str],
    same: fn(&str, &str) -> bool,
    found: &'a Cell<bool>,
}

impl<'de> DeserializeSeed<'de> for Find<'_> {
    type Value = ();
    fn deserialize<D: serde::Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Find<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a mapping")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while let Some(on_path) = entries.next_key_seed(Here(self))? {
            if on_path {
                entries.next_value_seed(Find {
                    path: &self.path[1..],
                    ..self
                })?;
            } else {
                entries.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// Reads a key: true if the path goes through it, the error that ends the search if it ends there.
struct Here<'a>(Find<'a>);

impl<'de> DeserializeSeed<'de> for Here<'_> {
    type Value = bool;
    fn deserialize<D: serde::Deserializer<'de>>(self, d: D) -> Result<bool, D::Error> {
        d.deserialize_str(self)
    }
}

impl Visitor<'_> for Here<'_> {
    type Value = bool;
    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a key")
    }
    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<bool, E> {
        let Find { path, same, found } = self.0;
        let Some((wanted, rest)) = path.split_first() else {
            return Ok(false);
        };
        if !same(key, wanted) {
            return Ok(false);
        }
        if rest.is_empty() {
            found.set(true);
            return Err(E::custom("found"));
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> (Option<usize>, String) {
        let fault = parse(text).unwrap_err();
        (fault.line, fault.message)
    }

    #[test]
    fn comments_alone_are_null() {
        for text in ["", "# nothing\n", "---\n", "\u{feff}"] {
            assert_eq!(parse(text).unwrap(), Value::Null, "{text:?}");
        }
    }

    #[test]
    fn duplicates_are_told_with_their_line() {
        let (line, message) = fault("A:\n  x: 1\n  y: 2\n  x: 3\n");
        assert_eq!(line, Some(4));
        assert!(
            message.contains("the key \"x\" is there twice"),
            "{message}"
        );
    }

    #[test]
    fn aliases_cannot_blow_up() {
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x]\n");
        for i in 1..40 {
            let (this, last) = (i, i - 1);
            bomb += &format!(
                "a{this}: &a{this} [{}]\n",
                vec![format!("*a{last}"); 8].join(",")
            );
        }
        let (_, message) = fault(&bomb);
        assert!(
            message.contains("4 MiB") || message.contains("repetition"),
            "{message}"
        );
        let (_, message) = fault("a: &a [*a]\n");
        assert!(!message.is_empty());
        let long = "x".repeat(1 << 19);
        let (_, message) = fault(&format!("a: &a {long}\nb: [{}]", vec!["*a"; 64].join(",")));
        assert!(message.contains("4 MiB"), "{message}");
    }

    #[test]
    fn what_is_not_plain_data_is_refused() {
        for text in [
            "a: !x {b: 1}",
            "a: .nan",
            "a: [",
            "? [1, 2]\n: 3",
            "a: 1\n---\nb: 2",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse(&"[".repeat(100_000)).is_err());
    }

    #[test]
    fn keys_are_found_in_any_style() {
        let text = "# c\nA: {p: 1, q: [x: 1]}\n'B':\n  - 1\nC:\n\n  \"d\":\n    e: 5\n";
        let line = |path: &[&str]| line_of(text, path, |a, b| a == b);
        assert_eq!(line(&["A", "q"]), Some(2));
        assert_eq!(line(&["B"]), Some(3));
        assert_eq!(line(&["C", "d", "e"]), Some(8));
        assert_eq!(line(&["C", "e"]), None);
        assert_eq!(line(&["B", "x"]), None);
    }
}
