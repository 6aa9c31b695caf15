//! One line of a data file as named fields, whatever its format, with errors that name the field.
//!
//! The place (`file:line`) is added by the caller, who knows it.

use act_core::{Error, Result};
use serde_json::{Map, Value};

/// A line's fields.
#[derive(Debug)]
pub(crate) struct Record(Map<String, Value>);

impl Record {
    /// A JSON object.
    pub(crate) fn from_json(line: &str) -> Result<Self> {
        match serde_json::from_str(line) {
            Ok(Value::Object(map)) => Ok(Self(map)),
            Ok(other) => Err(Error::usage(format!(
                "a JSON object is expected, not {}",
                kind(&other)
            ))),
            Err(e) => {
                // The line is known better by the caller than by the parser, which counts from 1.
                let text = e.to_string();
                let what = text.rsplit_once(" at line ").map_or(&*text, |(w, _)| w);
                Err(Error::usage(format!(
                    "not JSON: {what} at column {}",
                    e.column()
                )))
            }
        }
    }

    /// A row of tab-separated values under a header. Quotes mean nothing, as in GLUE's files.
    pub(crate) fn from_tsv(header: &[String], line: &str) -> Result<Self> {
        let cells: Vec<&str> = line.split('\t').collect();
        if cells.len() != header.len() {
            return Err(Error::usage(format!(
                "{} columns, but the header has {}",
                cells.len(),
                header.len()
            )));
        }
        let fields = header.iter().zip(cells);
        Ok(Self(fields.map(|(h, c)| (h.clone(), c.into())).collect()))
    }

    fn get(&self, field: &str) -> Result<&Value> {
        self.0.get(field).ok_or_else(|| {
            let present: Vec<&str> = self.0.keys().map(String::as_str).take(12).collect();
            let has = if present.is_empty() {
                "the line has no field at all".into()
            } else {
                format!("the line has {}", present.join(", "))
            };
            Error::usage(format!("no field {field:?}; {has}"))
        })
    }

    fn wrong(field: &str, value: &Value, expected: &str) -> Error {
        Error::usage(format!(
            "field {field:?} is {}, not {expected}",
            kind(value)
        ))
    }

    /// A field that must be a string.
    pub(crate) fn text(&self, field: &str) -> Result<&str> {
        let value = self.get(field)?;
        let text = value.as_str();
        text.ok_or_else(|| Self::wrong(field, value, "a string"))
    }

    /// A label: a string, a whole number or a boolean. `None` where it is absent or null.
    pub(crate) fn label(&self, field: &str) -> Result<Option<String>> {
        match self.0.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(s)) => Ok(Some(s.clone())),
            Some(Value::Bool(b)) => Ok(Some(b.to_string())),
            Some(Value::Number(n)) if !n.is_f64() => Ok(Some(n.to_string())),
            Some(other) => Err(Self::wrong(field, other, "a label")),
        }
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

    #[test]
    fn rows() {
        let header = ["a".to_string(), "b".to_string()];
        let r = Record::from_tsv(&header, "\"x\ty").unwrap();
        assert_eq!(r.text("a").unwrap(), "\"x");
        assert_eq!(r.text("b").unwrap(), "y");
        assert_eq!(
            error(Record::from_tsv(&header, "x")),
            "1 columns, but the header has 2"
        );
    }
}
