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

/// The mark that some editors put before a text in UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// A text of somebody's editor: as [`read`], without a byte order mark at its start.
///
/// # Errors
/// Usage: not UTF-8.
pub(crate) fn text(path: &Path, limit: u64) -> Result<String> {
    decoded(read(path, limit)?).map_err(|why| Error::usage(format!("{}: {why}", path.display())))
}

fn decoded(mut bytes: Vec<u8>) -> std::result::Result<String, String> {
    if let [0xff, 0xfe, ..] | [0xfe, 0xff, ..] = bytes[..] {
        return Err("UTF-16 by its byte order mark: save it as UTF-8".into());
    }
    if bytes.starts_with(MARK) {
        bytes.drain(..MARK.len());
    }
    String::from_utf8(bytes).map_err(|e| format!("not UTF-8: {e}"))
}

/// How many times the bytes that a kind of file may have its values may take in memory.
const SPREAD: usize = 8;

/// A JSON object of at most `limit` bytes, and [`SPREAD`] times as many in memory; `serde_json` itself
/// refuses nesting deeper than 128.
pub(crate) fn json(path: &Path, limit: u64) -> Result<Value> {
    let rejected = |what: &str| Error::rejected(format!("{}: {what}", path.display()));
    let text = decoded(read(path, limit)?).map_err(|why| rejected(&why))?;
    act_core::json::check_weight(text.as_bytes(), SPREAD * limit as usize)
        .map_err(|e| rejected(&e.to_string()))?;
    match serde_json::from_str(&text) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn written(bytes: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), bytes).unwrap();
        file
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_a_text() {
        let read = |bytes: &[u8]| text(written(bytes).path(), 100);
        assert_eq!(read(b"\xef\xbb\xbf[PAD]\n").unwrap(), "[PAD]\n");
        assert_eq!(read(b"\xef\xbb\xbf").unwrap(), "");
        // Only one is a mark, and only at the start.
        assert_eq!(read(b"\xef\xbb\xbf\xef\xbb\xbfx").unwrap(), "\u{feff}x");
        assert_eq!(read(b"x\xef\xbb\xbf").unwrap(), "x\u{feff}");
        let marked = written(b"\xef\xbb\xbf{\"a\": 1}");
        assert_eq!(json(marked.path(), 100).unwrap()["a"], 1);
    }

    #[test]
    fn a_small_file_that_takes_much_memory_is_refused() {
        let text = format!("{{\"a\":[{}]}}", vec!["{\"\":0}"; 2000].join(","));
        let error = json(written(text.as_bytes()).path(), text.len() as u64).unwrap_err();
        assert!(error.to_string().contains("MiB of memory"), "{error}");
        json(written(text.as_bytes()).path(), 1 << 20).unwrap();
    }

    #[test]
    fn other_encodings_are_named() {
        for bytes in [&b"\xff\xfe{\0}\0"[..], b"\xfe\xff\0{\0}"] {
            let error = text(written(bytes).path(), 100).unwrap_err().to_string();
            assert!(error.contains("UTF-16"), "{error}");
        }
        let error = json(written(b"{\"\xff\": 1}").path(), 100).unwrap_err();
        assert!(error.to_string().contains("not UTF-8"), "{error}");
    }
}
