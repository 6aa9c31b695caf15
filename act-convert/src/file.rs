//! Files of a folder somebody else made: read whole, but never more than their kind may hold.

use std::fs;
use std::io::Read;
use std::path::Path;

use act_core::{Error, Result};
use serde_json::Value;

/// The whole file, of at most `limit` bytes. Only regular files: a pipe would make us wait.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let io = |e| Error::io(path, e);
    let rejected = |why: String| Err(Error::rejected(format!("{}: {why}", path.display())));
    let metadata = fs::metadata(path).map_err(io)?;
    if !metadata.is_file() {
        return rejected("not a file".into());
    }
    let mut bytes = Vec::new();
    if metadata.len() <= limit {
        bytes.reserve_exact(metadata.len() as usize + 1);
        // One byte more than allowed tells a file that grows meanwhile.
        let mut limited = fs::File::open(path).map_err(io)?.take(limit + 1);
        limited.read_to_end(&mut bytes).map_err(io)?;
        if bytes.len() as u64 <= limit {
            return Ok(bytes);
        }
    }
    rejected(format!(
        "more than the {limit} bytes that such a file may have"
    ))
}

/// A JSON object; `serde_json` itself refuses nesting deeper than 128.
pub(crate) fn json(path: &Path, limit: u64) -> Result<Value> {
    let rejected = |what: &str| Error::rejected(format!("{}: {what}", path.display()));
    match serde_json::from_slice(&read(path, limit)?) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err(rejected("not a JSON object")),
        Err(e) => Err(rejected(&format!("not JSON: {e}"))),
    }
}

/// As [`json`]; nothing where there is no such file.
pub(crate) fn optional_json(path: &Path, limit: u64) -> Result<Option<Value>> {
    path.exists().then(|| json(path, limit)).transpose()
}

/// A value for an error message: on one line, cut where it is long.
pub(crate) fn brief(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
