//! Plain trees of keys and values: put together, laid over each other, named in words.

use serde_json::{Map, Value};

/// `{a: {b: value}}` for the path `a.b`.
pub(super) fn nested(path: &[&str], value: Value) -> Map<String, Value> {
    let wrap = |inner, key: &&str| Value::Object(Map::from_iter([(key.to_string(), inner)]));
    match path.iter().rev().fold(value, wrap) {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Puts `from` over `into`, key by key.
pub(super) fn merge(into: &mut Map<String, Value>, from: Map<String, Value>) {
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
pub(super) fn present(tree: Map<String, Value>) -> Map<String, Value> {
    let section = |value: Value| match value {
        Value::Null => Value::Object(Map::new()),
        other => other,
    };
    let sections = tree.into_iter();
    sections.map(|(key, value)| (key, section(value))).collect()
}

/// A key without a value means its default.
pub(super) fn without_nulls(map: Map<String, Value>) -> Map<String, Value> {
    let kept = map.into_iter().filter(|(_, value)| !value.is_null());
    kept.map(|(key, value)| match value {
        Value::Object(map) => (key, Value::Object(without_nulls(map))),
        other => (key, other),
    })
    .collect()
}

/// What a value is, for an error that expected another kind.
pub(super) fn kind_of(value: &Value) -> String {
    match value {
        Value::Null => "nothing".into(),
        Value::Object(_) => "keys".into(),
        Value::Array(_) => "a list".into(),
        Value::String(text) => format!("the text {:?}", text.chars().take(40).collect::<String>()),
        other => other.to_string(),
    }
}
