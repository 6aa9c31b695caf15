//! How a part is refused, and small values.

use serde_json::{Map, Value};

use crate::artifact::limits;
use crate::error::{Error, Result};

pub fn refuse(place: &str, why: &str) -> Error {
    Error::rejected(format!("{place} {why}"))
}

/// A value for a message: on one line, cut where it is long.
pub fn brief(value: Option<&Value>) -> String {
    let text = value.map_or("missing".into(), Value::to_string);
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

pub fn object<'a>(place: &str, value: &'a Value) -> Result<&'a Map<String, Value>> {
    let object = value.as_object();
    object.ok_or_else(|| refuse(place, &format!("is {}, no object", brief(Some(value)))))
}

pub fn number(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|n| u32::try_from(n).ok())
}

/// An id, which counts for the size of the vocabulary.
pub fn id(place: &str, value: &Value, highest: &mut Option<u32>) -> Result<u32> {
    let id = number(value).filter(|&id| (id as usize) < limits::VOCAB);
    let id = id.ok_or_else(|| refuse(place, &format!("has the id {}", brief(Some(value)))))?;
    *highest = Some(highest.unwrap_or(0).max(id));
    Ok(id)
}
