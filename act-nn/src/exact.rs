//! Numbers as text that reads back to the same bits; serde_json's own parser may miss the last one.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serializer};

/// The shortest text that names the number.
pub(crate) fn serialize<S: Serializer>(value: &f64, s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(&format_args!("{value:?}"))
}

/// The number that the text names.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
    let text = String::deserialize(d)?;
    text.parse().map_err(D::Error::custom)
}
