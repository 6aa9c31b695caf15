//! The text of a file, which a stranger may have written, and its values.

use serde_json::Value;

use crate::error::{Error, Result};
use crate::json::check_weight;

/// The largest file in bytes, of half a million tokens with their merges.
pub const LONGEST: usize = 32 << 20;
/// The most memory that its values take.
const MOST: usize = 8 * LONGEST;

/// # Errors
/// Rejected: too long, not JSON, or values that take more memory than any file's.
pub fn value(text: &str) -> Result<Value> {
    if text.len() > LONGEST {
        return Err(Error::rejected("more than 32 MiB"));
    }
    check_weight(text.as_bytes(), MOST).map_err(|e| Error::rejected(e.to_string()))?;
    serde_json::from_str(text).map_err(|e| Error::rejected(format!("not JSON: {e}")))
}
