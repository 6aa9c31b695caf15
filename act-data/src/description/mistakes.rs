//! What is wrong with a description, all of it at once.

use act_core::{Error, Result};
use act_stage::config::nearest;
use serde_json::Value;

const TOP: [&str; 14] = [
    "task",
    "columns",
    "problem",
    "labels",
    "label_numbers",
    "separator",
    "files",
    "format",
    "header",
    "delimiter",
    "quotes",
    "ragged",
    "hold_out",
    "synthetic",
];
const COLUMNS: [&str; 3] = ["text", "pair", "label"];
const FILES: [&str; 3] = ["train", "dev", "test"];
const FILE: [&str; 6] = ["name", "columns", "header", "delimiter", "quotes", "ragged"];
const HOLD_OUT: [&str; 3] = ["dev", "test", "seed"];

/// One error of all that failed.
///
/// # Errors
/// Usage: something did.
pub(super) fn all(checks: Vec<Result<()>>) -> Result<()> {
    let failed = checks.into_iter().filter_map(Result::err);
    let mut told: Vec<String> = failed.map(|e| e.to_string()).collect();
    told.dedup();
    match told.len() {
        0 => Ok(()),
        _ => Err(Error::usage(joined(told))),
    }
}

/// What to say of a text that is no description: what the parser says, and of keys that nobody knows all.
pub(super) fn of_json(bytes: &[u8], error: &serde_json::Error) -> String {
    let told = error.to_string();
    let unknown = told.strip_prefix("unknown field `");
    let Some(first) = unknown.and_then(|rest| rest.split('`').next()) else {
        return told;
    };
    let found = serde_json::from_slice(bytes).map(|value| unknown_keys(&value));
    match found {
        Ok(many) if many.len() > 1 => joined(many),
        _ => told.clone() + &meant(first),
    }
}

fn joined(told: Vec<String>) -> String {
    match &told[..] {
        [one] => one.clone(),
        many => format!("{} mistakes: {}", many.len(), many.join("; ")),
    }
}

/// The key that an unknown one most likely means, for the end of a message.
fn meant(unknown: &str) -> String {
    let places: [&[&str]; 5] = [&TOP, &COLUMNS, &FILES, &FILE, &HOLD_OUT];
    // `labels` is no column, and `label` no key beside them.
    let others = places.concat().into_iter().filter(|key| *key != unknown);
    let others: Vec<&str> = others.collect();
    let near = nearest(unknown, &others);
    near.map_or(String::new(), |key| format!("; is {key:?} meant?"))
}

fn unknown_keys(description: &Value) -> Vec<String> {
    let mut told = Vec::new();
    let mut look = |place: &str, value: &Value, known: &[&str]| {
        let keys = value
            .as_object()
            .into_iter()
            .flat_map(|object| object.keys());
        let unknown = keys.filter(|key| !known.contains(&key.as_str()));
        told.extend(unknown.map(|key| format!("{place}unknown key {key:?}{}", meant(key))));
    };
    look("", description, &TOP);
    look("columns: ", &description["columns"], &COLUMNS);
    look("hold_out: ", &description["hold_out"], &HOLD_OUT);
    look("files: ", &description["files"], &FILES);
    for split in FILES {
        let file = &description["files"][split];
        look(&format!("files: {split}: "), file, &FILE);
        look(
            &format!("files: {split}: columns: "),
            &file["columns"],
            &COLUMNS,
        );
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::description::Description;

    fn told(json: &str) -> String {
        let wrong = serde_json::from_str::<Description>(json).unwrap_err();
        of_json(json.as_bytes(), &wrong)
    }

    #[test]
    fn all_unknown_keys_are_told_at_once_and_each_that_is_known_is_known_here() {
        let many = r#"{"tusk": "x", "columns": {"text": "a", "lable": "b"}, "files": {"dev": {"nam": "d"}}}"#;
        let many = told(many);
        assert!(
            many.starts_with("3 mistakes: unknown key \"tusk\"; is \"task\" meant?; columns: "),
            "{many}"
        );
        assert!(
            many.contains("files: dev: unknown key \"nam\"; is \"name\" meant?"),
            "{many}"
        );
        let one = told(r#"{"colums": {}}"#);
        assert!(
            one.ends_with("; is \"columns\" meant?") && one.contains("line 1"),
            "{one}"
        );

        let whole = r#"{"task": "t", "columns": {"text": 1, "pair": 2, "label": 3}, "problem": "multi-label",
            "labels": ["a"], "label_numbers": true, "separator": ";", "files": {"train": {"name": "t", "columns":
            {"text": 1, "label": 2}, "header": true, "delimiter": ";", "quotes": true, "ragged": true}, "dev": "d", "test": "e"},
            "format": "csv", "header": true, "delimiter": ",", "quotes": true, "ragged": true,
            "hold_out": {"dev": 0.1, "test": 0, "seed": 1}, "synthetic": true}"#;
        serde_json::from_str::<Description>(whole).expect("every key is one");
        assert!(unknown_keys(&serde_json::from_str(whole).unwrap()).is_empty());
    }

    #[test]
    fn all_that_contradicts_itself_is_told_at_once() {
        let json = r#"{"columns": {"text": "a", "label": "a"}, "labels": ["x", "x"], "delimiter": "字",
            "hold_out": {"dev": 0.9}}"#;
        let description: Description = serde_json::from_str(json).unwrap();
        let told = description.resolve("mine").unwrap_err().to_string();
        assert!(told.starts_with("4 mistakes: hold_out: "), "{told}");
        for part in [
            "columns: \"a\" is named twice",
            "\"x\"",
            "delimiter: '字' is none",
        ] {
            assert!(told.contains(part), "{told}");
        }
    }
}
