//! What a description says of files: their names, and how they are written.

use std::fmt;

use act_core::{Error, Result};
use serde::de::{self, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::columns::Columns;
use crate::split::Split;

/// How a file holds its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileFormat {
    /// One JSON object a line, or a JSON list of objects; `.json`, `.jsonl` or `.ndjson`.
    #[serde(alias = "json")]
    Jsonl,
    /// Values between tabs under a header; `.tsv`.
    Tsv,
    /// Values between commas under a header, quoted by RFC 4180; `.csv`.
    Csv,
    /// Values between tabs without a header; `.txt`, as PaddleNLP's examples have it.
    Txt,
}

impl FileFormat {
    pub(crate) const ALL: [FileFormat; 4] = [
        FileFormat::Jsonl,
        FileFormat::Tsv,
        FileFormat::Csv,
        FileFormat::Txt,
    ];

    /// Endings of files that hold it; with `.gz` behind, they are packed.
    pub(crate) fn extensions(self) -> &'static [&'static str] {
        match self {
            FileFormat::Jsonl => &["json", "jsonl", "ndjson"],
            FileFormat::Tsv => &["tsv"],
            FileFormat::Csv => &["csv"],
            FileFormat::Txt => &["txt"],
        }
    }

    /// That of a file's name, by its ending.
    pub fn of_name(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        let (_, ending) = name.rsplit_once('.')?;
        Self::ALL
            .into_iter()
            .find(|format| format.extensions().contains(&ending))
    }

    /// What stands between two cells; nothing in JSON.
    pub(crate) fn delimiter(self) -> Option<u8> {
        match self {
            FileFormat::Jsonl => None,
            FileFormat::Csv => Some(b','),
            FileFormat::Tsv | FileFormat::Txt => Some(b'\t'),
        }
    }
}

/// How a table is written; what is not said is known from the file's ending and from the columns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Style {
    /// Whether the first line is a header.
    pub header: Option<bool>,
    /// What stands between two cells.
    pub delimiter: Option<char>,
    /// Whether cells may stand between quotes.
    pub quotes: Option<bool>,
    /// Whether rows may have more or fewer cells than the first.
    pub ragged: Option<bool>,
}

impl Style {
    /// What is said here, and elsewhere where nothing is.
    pub(crate) fn or(self, other: Style) -> Style {
        Style {
            header: self.header.or(other.header),
            delimiter: self.delimiter.or(other.delimiter),
            quotes: self.quotes.or(other.quotes),
            ragged: self.ragged.or(other.ragged),
        }
    }
}

/// Names of the splits' files, where they are not the usual ones.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Files {
    /// Of train.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train: Option<FileSpec>,
    /// Of dev.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dev: Option<FileSpec>,
    /// Of test.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<FileSpec>,
}

impl Files {
    /// Whether no file is named.
    pub(crate) fn is_empty(&self) -> bool {
        self.train.is_none() && self.dev.is_none() && self.test.is_none()
    }

    /// That of a split.
    pub(crate) fn of(&self, split: Split) -> Option<&FileSpec> {
        match split {
            Split::Train => self.train.as_ref(),
            Split::Dev => self.dev.as_ref(),
            Split::Test => self.test.as_ref(),
            Split::DevMismatched => None,
        }
    }

    /// Says no to names that lead out of the folder.
    pub(crate) fn check(&self) -> Result<()> {
        let specs = [&self.train, &self.dev, &self.test];
        for spec in specs.into_iter().flatten() {
            let parts = std::path::Path::new(&spec.name).components();
            let inside = parts
                .clone()
                .all(|p| matches!(p, std::path::Component::Normal(_)));
            if spec.name.is_empty() || !inside {
                return Err(Error::usage(format!(
                    "files: {:?} is no name of a file in the folder",
                    spec.name
                )));
            }
        }
        Ok(())
    }
}

/// A file by its name, or with what is otherwise in it than in the others.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FileSpec {
    /// Its name, in the folder.
    pub name: String,
    /// Its own columns.
    pub columns: Option<Columns>,
    /// How it is written.
    pub style: Style,
}

/// The same as an object.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileObject {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    columns: Option<Columns>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    header: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delimiter: Option<char>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    quotes: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ragged: Option<bool>,
}

impl Serialize for FileSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.columns.is_none() && self.style == Style::default() {
            return self.name.serialize(serializer);
        }
        let Style {
            header,
            delimiter,
            quotes,
            ragged,
        } = self.style;
        FileObject {
            name: self.name.clone(),
            columns: self.columns.clone(),
            header,
            delimiter,
            quotes,
            ragged,
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for FileSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SpecVisitor)
    }
}

struct SpecVisitor;

impl<'de> Visitor<'de> for SpecVisitor {
    type Value = FileSpec;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a file's name, or an object with its name")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<FileSpec, E> {
        Ok(FileSpec {
            name: name.into(),
            ..FileSpec::default()
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<FileSpec, A::Error> {
        let object = FileObject::deserialize(MapAccessDeserializer::new(map))?;
        Ok(FileSpec {
            name: object.name,
            columns: object.columns,
            style: Style {
                header: object.header,
                delimiter: object.delimiter,
                quotes: object.quotes,
                ragged: object.ragged,
            },
        })
    }
}

/// What is held out of train, where there is no file of it: shares of the examples, and by which seed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HoldOut {
    /// Of dev; nothing is held out if it is 0.
    pub dev: f64,
    /// Of test.
    pub test: f64,
    /// By which chance; of its own, so that every stage holds out the same whatever its `--seed`.
    pub seed: u64,
}

/// A tenth for dev, nothing for test.
impl Default for HoldOut {
    fn default() -> Self {
        Self {
            dev: 0.1,
            test: 0.0,
            seed: 42,
        }
    }
}

impl HoldOut {
    /// Says no to shares that leave nothing to train on.
    pub(crate) fn check(&self) -> Result<()> {
        let shares = [self.dev, self.test];
        if shares.iter().all(|share| (0.0..=0.5).contains(share)) && self.dev + self.test <= 0.5 {
            return Ok(());
        }
        Err(Error::usage(
            "hold_out: dev and test are shares of train from 0 on, together at most 0.5",
        ))
    }
}
