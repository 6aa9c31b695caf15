//! How long work tells how far it has come, and how it is stopped: one trait with one meaning, from
//! the training loop to the download.

use crate::error::Result;

/// Hears how far work has come, and may end it.
pub trait Progress {
    /// A piece of work of `total` units begins (0: nobody knows how many). The piece before it has
    /// ended.
    fn begin(&self, what: &str, total: usize);

    /// So many more units are done; 0 only asks whether to go on.
    ///
    /// # Errors
    /// Interrupted, once the user has asked to stop: whoever works passes it on and so ends between
    /// two units.
    fn advance(&self, units: usize) -> Result<()>;

    /// A few words about the piece at work: its loss, what it tries.
    fn say(&self, words: &str);
}

/// Nobody listens, nobody stops it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _what: &str, _total: usize) {}

    fn advance(&self, _units: usize) -> Result<()> {
        Ok(())
    }

    fn say(&self, _words: &str) {}
}
