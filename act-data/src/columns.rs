//! Which columns of a data file hold what.

use act_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// Which columns of a line hold what. A column without a name is called by its number, from 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Columns {
    /// The text, or the first of a pair.
    #[serde(with = "column")]
    pub text: String,
    /// The second of a pair.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "column::optional"
    )]
    pub pair: Option<String>,
    /// The label.
    #[serde(default = "label", with = "column")]
    pub label: String,
}

/// The label's column where nobody names it.
pub(crate) fn label() -> String {
    "label".into()
}

/// A column's name, or its number as a number.
mod column {
    use std::fmt;

    use serde::de::{self, Visitor};
    use serde::{Deserializer, Serialize as _, Serializer};

    use crate::read::position;

    pub(super) fn serialize<S: Serializer>(name: &str, serializer: S) -> Result<S::Ok, S::Error> {
        match position(name) {
            Some(number) if number.to_string() == name => number.serialize(serializer),
            _ => name.serialize(serializer),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
        from.deserialize_any(NameOrNumber)
    }

    struct NameOrNumber;

    impl Visitor<'_> for NameOrNumber {
        type Value = String;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a column's name, or its number from 1")
        }

        fn visit_str<E: de::Error>(self, name: &str) -> Result<String, E> {
            Ok(name.into())
        }

        fn visit_u64<E: de::Error>(self, number: u64) -> Result<String, E> {
            match number {
                0 => Err(E::custom("columns are numbered from 1, not from 0")),
                number => Ok(number.to_string()),
            }
        }
    }

    pub(super) mod optional {
        use serde::{Deserializer, Serializer};

        pub(crate) fn serialize<S: Serializer>(
            name: &Option<String>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            match name {
                Some(name) => super::serialize(name, serializer),
                None => serializer.serialize_none(),
            }
        }

        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
            from: D,
        ) -> Result<Option<String>, D::Error> {
            super::deserialize(from).map(Some)
        }
    }
}

impl Columns {
    /// Says no to columns that are one column: the label would be read as text.
    pub(crate) fn check(&self) -> Result<()> {
        let names = [Some(&self.text), self.pair.as_ref(), Some(&self.label)];
        let names: Vec<&String> = names.into_iter().flatten().collect();
        match (1..names.len()).find(|&i| names[..i].contains(&names[i])) {
            Some(twice) => Err(Error::usage(format!(
                "columns: {:?} is named twice; text, pair and label are columns of their own",
                names[twice]
            ))),
            None => Ok(()),
        }
    }
}

/// As an artifact records them.
impl From<&Columns> for act_core::Columns {
    fn from(columns: &Columns) -> Self {
        Self {
            text: columns.text.clone(),
            pair: columns.pair.clone(),
            label: Some(columns.label.clone()),
        }
    }
}

impl From<&act_core::Columns> for Columns {
    fn from(columns: &act_core::Columns) -> Self {
        Self {
            text: columns.text.clone(),
            pair: columns.pair.clone(),
            label: columns.label.clone().unwrap_or_else(label),
        }
    }
}
