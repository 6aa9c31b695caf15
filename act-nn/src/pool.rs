//! Threads of our own: burn's backends gain next to nothing from theirs.

use act_core::{Error, Result};

/// So many threads.
///
/// # Errors
/// Failed: the system gives none.
pub(crate) fn pool(threads: usize) -> Result<rayon::ThreadPool> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|e| Error::failed(format!("cannot start {threads} threads: {e}")))
}
