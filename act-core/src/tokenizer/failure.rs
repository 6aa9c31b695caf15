//! An error of the `tokenizers` crate.

use crate::error::Error;

/// As one of ours: the text or the vocabulary passed every check before.
pub fn failed(e: tokenizers::Error) -> Error {
    Error::failed(format!("tokenising: {e}"))
}
