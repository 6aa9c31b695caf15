//! Reading reports. Files come from anywhere: their size is bounded, and what is no report is refused
//! by name. A number that is `null` (so JSON says "not finite") where one is needed is refused too.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::envelope::{Report, SCHEMA};
use act_core::error::{Error, Result};

/// No report is longer: of thousands of labels each has some hundred bytes a model.
const LONGEST: u64 = 16 << 20;
/// Most memory of what it says.
const MOST: usize = 8 * LONGEST as usize;

/// Reads the report of `writer` (who should have written it, for messages); `-` is standard input.
///
/// # Errors
/// No such file; usage, with the path: not such a report, or of a schema that is not known.
pub fn read<D: DeserializeOwned>(path: &Path, writer: &str) -> Result<Report<D>> {
    parse(&load(path)?, writer).map_err(|e| e.context(path.display()))
}

/// The text of a report, yet to be parsed; `-` is standard input.
///
/// # Errors
/// No such file; usage: longer than any report.
pub fn load(path: &Path) -> Result<Vec<u8>> {
    let io = |e| Error::io(path, e);
    let mut json = Vec::new();
    if crate::output::is_stream(path) {
        let read = std::io::stdin().lock().take(LONGEST + 1);
        { read }.read_to_end(&mut json).map_err(io)?;
    } else {
        let file = File::open(path).map_err(io)?;
        file.take(LONGEST + 1).read_to_end(&mut json).map_err(io)?;
    }
    if json.len() as u64 > LONGEST {
        let (path, limit) = (path.display(), LONGEST >> 20);
        return Err(Error::usage(format!(
            "{path}: longer than {limit} MiB, so not a report"
        )));
    }
    Ok(json)
}

/// A report of `writer` from its text.
///
/// # Errors
/// Usage: not such a report, or of a schema that is not known.
pub fn parse<D: DeserializeOwned>(json: &[u8], writer: &str) -> Result<Report<D>> {
    #[derive(Deserialize)]
    struct Version {
        schema: u32,
    }
    let foreign = |e: serde_json::Error| Error::usage(format!("not a report of {writer}: {e}"));
    act_core::json::check_weight(json, MOST)?;
    let Version { schema } = serde_json::from_slice(json).map_err(foreign)?;
    if schema != SCHEMA {
        return Err(Error::usage(format!(
            "schema {schema}; this program knows schema {SCHEMA}"
        )));
    }
    serde_json::from_slice(json).map_err(foreign)
}
