//! `checkpoint.json`, which names the files of a checkpoint and says where the run stood.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use act_core::json::check_weight;
use act_core::provenance::Digest;
use act_core::{Error, Result};
use act_nn::Journal;
use act_nn::checkpoint::Position;
use serde::{Deserialize, Serialize};

pub(super) const MANIFEST: &str = "checkpoint.json";
pub(super) const SCHEMA: u32 = 3;

/// What `checkpoint.json` says.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    pub(super) schema: u32,
    /// Digest of all that determines the run's result.
    pub(super) key: String,
    pub(super) position: Position,
    pub(super) journal: Journal,
    pub(super) weights: Entry,
    pub(super) moments: Vec<Entry>,
    pub(super) best: Option<Entry>,
    pub(super) steps: Option<Entry>,
}

/// A file of the checkpoint, and the digest of its model or of its bytes.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) file: String,
    pub(super) digest: String,
}

impl Manifest {
    /// Reads the file.
    ///
    /// # Errors
    /// Rejected: damaged, or taking more memory than any.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let bytes = bounded(path)?;
        check_weight(&bytes, 8 * LONGEST as usize)?;
        let text = String::from_utf8(bytes).unwrap_or_default();
        let (digest, body) = text.split_once('\n').unwrap_or_default();
        if digest != Digest::of([body.as_bytes()]).to_string() {
            return Err(Error::rejected(format!("{MANIFEST} is damaged")));
        }
        serde_json::from_str(body).map_err(|e| Error::rejected(format!("{MANIFEST}: {e}")))
    }

    /// The file's text: the digest of the rest, and the rest.
    pub(super) fn signed(&self) -> Result<String> {
        let body = serde_json::to_string(self);
        let body = body.map_err(|e| Error::failed(format!("{MANIFEST}: {e}")))?;
        let digest = Digest::of([body.as_bytes()]);
        Ok(format!("{digest}\n{body}"))
    }

    /// Names of the files.
    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        let entries = [&self.weights].into_iter().chain(&self.moments);
        let entries = entries.chain(&self.best).chain(&self.steps);
        entries.map(|entry| entry.file.as_str())
    }
}

impl Entry {
    pub(super) fn check(&self, found: &Digest) -> Result<()> {
        if found.to_string() == self.digest {
            return Ok(());
        }
        Err(Error::rejected(format!("{} is another file", self.file)))
    }
}

/// The longest manifest, or row of quantisation's steps: a journal of hundreds of thousands of points.
const LONGEST: u64 = 64 << 20;

/// # Errors
/// Rejected: a pipe or a device, which would make us wait.
pub(super) fn regular(path: &Path) -> Result<()> {
    let found = std::fs::metadata(path).map_err(|e| Error::io(path, e))?;
    if found.is_file() {
        return Ok(());
    }
    Err(Error::rejected(format!("{}: not a file", path.display())))
}

/// A file's bytes, [`LONGEST`] at most.
pub(super) fn bounded(path: &Path) -> Result<Vec<u8>> {
    regular(path)?;
    let io = |e| Error::io(path, e);
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(io)?;
    file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > LONGEST {
        return Err(Error::rejected(format!("{} is too long", path.display())));
    }
    Ok(bytes)
}
