//! One line of a data file as named fields, whatever its format, with errors that name the field.
//!
//! The place (`file:line`) is added by the caller, who knows it.

use std::fmt;

use act_core::json::check_weight;
use act_core::{Error, Result};

use super::lines::MAX_LINE;
use super::quoted::bare;
use act_stage::config::nearest;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// Most memory of a line's values: four times the longest line.
const MOST: usize = 4 * MAX_LINE;

/// A line's fields.
#[derive(Debug)]
pub struct Record(Map<String, Value>);

impl Record {
    /// A JSON object.
    ///
    /// # Errors
    /// Usage: no JSON, no object, a field twice, more values than any example has.
    pub fn from_json(line: &str) -> Result<Self> {
        check_weight(line.as_bytes(), MOST)?;
        let mistake = match serde_json::from_str(line) {
            Ok(Fields(map)) => return Ok(Self(map)),
            Err(mistake) => mistake,
        };
        // The line is known better by the caller than by the parser, which counts from 1.
        let text = mistake.to_string();
        let what = text.rsplit_once(" at line ").map_or(&*text, |(w, _)| w);
        Err(Error::usage(match serde_json::from_str(line) {
            Ok(Value::Object(_)) => what.to_string(),
            Ok(other) => format!("a JSON object is expected, not {}", kind(&other)),
            Err(e) => format!("not JSON: {what} at column {}", e.column()),
        }))
    }

    /// A row of a table: names of columns with cells.
    pub fn of(fields: impl Iterator<Item = (String, String)>) -> Self {
        Self(fields.map(|(name, cell)| (name, cell.into())).collect())
    }

    /// Names of the fields.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// All fields as JSON.
    pub fn to_value(&self) -> Value {
        Value::Object(self.0.clone())
    }

    /// Whether there is such a field.
    pub fn has(&self, field: &str) -> bool {
        self.0.contains_key(field)
    }

    /// A field's value.
    pub fn value(&self, field: &str) -> Option<&Value> {
        self.0.get(field)
    }

    /// What there is instead of a field, for a message.
    pub(crate) fn instead_of(&self, field: &str) -> String {
        if self.0.is_empty() {
            return "the line has no field at all".into();
        }
        let names: Vec<&str> = self.names().collect();
        format!("the line has {}", instead_of(field, &names))
    }

    fn get(&self, field: &str) -> Result<&Value> {
        self.0.get(field).ok_or_else(|| {
            let instead = self.instead_of(field);
            Error::usage(format!("no field {field:?}; {instead}"))
        })
    }

    fn wrong(field: &str, value: &Value, expected: &str) -> Error {
        Error::usage(format!(
            "field {field:?} is {}, not {expected}",
            kind(value)
        ))
    }

    /// A field that must be a string.
    ///
    /// # Errors
    /// Usage: it is missing or something else.
    pub fn text(&self, field: &str) -> Result<&str> {
        let value = self.get(field)?;
        let text = value.as_str();
        text.ok_or_else(|| Self::wrong(field, value, "a string"))
    }

    /// A label: a string, a number or a boolean. `None` where it is absent or null.
    pub(crate) fn label(&self, field: &str) -> Result<Option<String>> {
        match self.0.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(s)) => Ok(Some(s.clone())),
            Some(Value::Bool(b)) => Ok(Some(b.to_string())),
            Some(Value::Number(n)) => Ok(Some(n.to_string())),
            Some(other) => Err(Self::wrong(field, other, "a label")),
        }
    }

    /// The labels of a multi-label row: a list, or in a cell with `separator` between them. `None` where the
    /// field is absent or null.
    pub(crate) fn labels(&self, field: &str, separator: &str) -> Result<Option<Vec<String>>> {
        let list = match self.0.get(field) {
            Some(Value::Array(list)) => list,
            Some(Value::String(cell)) if !cell.is_empty() => {
                let labels = cell.split(separator).map(|label| label.trim().to_string());
                return Ok(Some(labels.collect()));
            }
            Some(Value::String(_)) => return Ok(Some(Vec::new())),
            _ => return Ok(self.label(field)?.map(|one| vec![one])),
        };
        let labels = list.iter().map(|value| match value {
            Value::String(name) => Ok(name.clone()),
            Value::Number(number) => Ok(number.to_string()),
            other => Err(Error::usage(format!(
                "field {field:?} has {} in its list, which is no label",
                kind(other)
            ))),
        });
        labels.collect::<Result<_>>().map(Some)
    }

    /// A field that must be a list of strings.
    pub(crate) fn strings(&self, field: &str) -> Result<Vec<&str>> {
        let value = self.get(field)?;
        let wrong = || Self::wrong(field, value, "a list of strings");
        let list = value.as_array().ok_or_else(wrong)?;
        list.iter().map(|v| v.as_str().ok_or_else(wrong)).collect()
    }

    /// A field that must be an index into a text.
    pub(crate) fn index(&self, field: &str) -> Result<usize> {
        let value = self.get(field)?;
        let index = value.as_u64().and_then(|n| usize::try_from(n).ok());
        index.ok_or_else(|| Self::wrong(field, value, "an index"))
    }

    /// A field that must be an object.
    pub(crate) fn object(&self, field: &str) -> Result<Record> {
        match self.get(field)? {
            Value::Object(map) => Ok(Record(map.clone())),
            other => Err(Self::wrong(field, other, "an object")),
        }
    }
}

/// The names there are, and which of them is likely the one that is missing.
pub(crate) fn instead_of(wanted: &str, names: &[&str]) -> String {
    const SHOWN: usize = 12;
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| bare(name)).collect();
    let more = if names.len() > SHOWN { ", ..." } else { "" };
    let near = nearest(wanted, names).map_or(String::new(), |n| format!("; is {n:?} meant?"));
    format!("{}{more}{near}", shown.join(", "))
}

/// Fields that are all different.
struct Fields(Map<String, Value>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor).map(Self)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut map = Map::new();
        while let Some((name, value)) = entries.next_entry::<String, Value>()? {
            if map.contains_key(&name) {
                return Err(de::Error::custom(format!("field {name:?} is there twice")));
            }
            map.insert(name, value);
        }
        Ok(map)
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error<T: std::fmt::Debug>(result: Result<T>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn says_what_is_wrong() {
        assert_eq!(
            error(Record::from_json("[1]")),
            "a JSON object is expected, not a list"
        );
        assert_eq!(
            error(Record::from_json("{\"a\": }")),
            "not JSON: expected value at column 7"
        );
        let r = Record::from_json(r#"{"a":1,"b":[1],"c":-1}"#).unwrap();
        assert_eq!(error(r.text("a")), "field \"a\" is a number, not a string");
        assert_eq!(error(r.text("x")), "no field \"x\"; the line has a, b, c");
        assert_eq!(
            error(r.strings("b")),
            "field \"b\" is a list, not a list of strings"
        );
        assert_eq!(error(r.index("c")), "field \"c\" is a number, not an index");
        assert_eq!(error(r.object("b")), "field \"b\" is a list, not an object");
        assert_eq!(error(r.label("b")), "field \"b\" is a list, not a label");
    }

    #[test]
    fn labels_of_every_kind() {
        let r = Record::from_json(r#"{"s":"x","n":3,"t":true,"z":null}"#).unwrap();
        let label = |f| r.label(f).unwrap();
        assert_eq!(label("s").as_deref(), Some("x"));
        assert_eq!(label("n").as_deref(), Some("3"));
        assert_eq!(label("t").as_deref(), Some("true"));
        assert_eq!(label("z"), None);
        assert_eq!(label("absent"), None);
    }
}
