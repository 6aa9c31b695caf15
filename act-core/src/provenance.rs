//! Where a model comes from: one record for every stage it went through.
//!
//! Records hold no times and no paths, so that equal work gives equal bytes; times go into the
//! stage's report.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// BLAKE3 digest of a model or a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// BLAKE3 over some parts, each behind its length, so that moving a byte from one part to the
    /// next changes the digest.
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Self(*hasher.finalize().as_bytes())
    }
}

/// Lower-case hexadecimal.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

/// Hexadecimal.
impl FromStr for Digest {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let hash = blake3::Hash::from_hex(text);
        hash.map(|hash| Self(*hash.as_bytes()))
            .map_err(|_| Error::usage("a digest has 64 hexadecimal digits"))
    }
}

impl serde::Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
        let text = <std::borrow::Cow<'_, str>>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A model that went into a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputRecord {
    /// `"model"` or `"teacher"`.
    pub role: String,
    /// Its `model_digest`.
    pub model_digest: Digest,
}

/// Data that a stage read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataRecord {
    /// Task and split: `afqmc/train`.
    pub name: String,
    /// Digest of the examples as read.
    pub digest: Digest,
    /// Number of examples.
    pub examples: u64,
    /// True for the bundled generator's corpus: results on it show that the machinery works, no more.
    pub synthetic: bool,
}

/// What the names of metrics about one quantised input begin with:
/// `site.layer.0.attention.query.input.sqnr_db`. Trees of stages leave them out.
pub const SITE_METRIC: &str = "site.";

/// One stage's record.
#[derive(Debug, Clone, PartialEq)]
pub struct StageRecord {
    /// `act-prune` and so on.
    pub stage: String,
    /// Version of act.
    pub version: String,
    /// The configuration that acted, as YAML.
    pub config: String,
    /// The seed.
    pub seed: u64,
    /// Name of the [`Device`](crate::Device).
    pub device: String,
    /// Models that went in.
    pub inputs: Vec<InputRecord>,
    /// Data that went in.
    pub data: Vec<DataRecord>,
    /// What was measured, by name; deterministic numbers only.
    pub metrics: Vec<(String, f64)>,
}

impl StageRecord {
    /// A record with nothing but the stage's name, version and seed.
    pub fn new(stage: &str, seed: u64) -> Self {
        Self {
            stage: stage.into(),
            version: env!("CARGO_PKG_VERSION").into(),
            config: String::new(),
            seed,
            device: "cpu".into(),
            inputs: Vec::new(),
            data: Vec::new(),
            metrics: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_into_each_other() {
        let of = |parts: &[&[u8]]| Digest::of(parts.iter().copied());
        assert_eq!(of(&[b"ab", b"c"]), of(&[b"ab", b"c"]));
        assert_ne!(of(&[b"ab", b"c"]), of(&[b"a", b"bc"]));
        assert_ne!(of(&[b"ab"]), of(&[b"ab", b""]));
    }

    #[test]
    fn digests_read_as_hexadecimal() {
        let mut bytes = [0; 32];
        (bytes[0], bytes[31]) = (0xab, 0x01);
        let text = Digest(bytes).to_string();
        assert_eq!(text, format!("ab{}01", "0".repeat(60)));
        assert_eq!(
            serde_json::to_string(&Digest(bytes)).unwrap(),
            format!("{text:?}")
        );
        let read = |text: &str| serde_json::from_str::<Digest>(text);
        assert_eq!(read(&format!("{text:?}")).unwrap(), Digest(bytes));
        assert!(read("\"ab01\"").is_err());
    }
}
