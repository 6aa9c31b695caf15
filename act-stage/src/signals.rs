//! Ctrl-C, SIGTERM and SIGHUP: the first asks the work to stop between two steps, the second stops
//! at once. Either way no temporary file stays behind and the exit code is 130.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use act_core::error::{Error, Result};

static STOP: AtomicBool = AtomicBool::new(false);
static BLOCKED: AtomicBool = AtomicBool::new(false);
static UNFINISHED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// True once the user has asked to stop (Ctrl-C, SIGTERM). Work hears of it from its progress,
/// [`crate::Bars`].
pub(crate) fn interrupted() -> bool {
    STOP.load(Ordering::SeqCst)
}

/// Takes over the signals.
pub(crate) fn install(name: &'static str) {
    let handler = move || {
        let again = STOP.swap(true, Ordering::SeqCst);
        if again || BLOCKED.load(Ordering::SeqCst) {
            crate::stderr::print(name, "interrupted");
            leave(130);
        }
        log::warn!("stopping after this step; interrupt again to stop at once");
    };
    if let Err(error) = ctrlc::set_handler(handler) {
        // Without a handler a signal ends the process at once, which is safe too.
        log::debug!("signals are not handled: {error}");
    }
}

/// Runs something that can wait for ever and never asks [`interrupted`], such as a read from a
/// pipe: the first signal ends the process.
pub(crate) fn while_blocked<T>(wait: impl FnOnce() -> Result<T>) -> Result<T> {
    BLOCKED.store(true, Ordering::SeqCst);
    let outcome = if interrupted() {
        Err(Error::interrupted())
    } else {
        wait()
    };
    BLOCKED.store(false, Ordering::SeqCst);
    outcome
}

/// Ends the process after removing unfinished files.
pub(crate) fn leave(code: i32) -> ! {
    for path in UNFINISHED
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .iter()
    {
        let _ = std::fs::remove_file(path);
    }
    std::process::exit(code)
}

/// A temporary file that [`leave`] must remove while this value lives.
pub(crate) struct Unfinished(PathBuf);

impl Unfinished {
    pub(crate) fn new(path: &Path) -> Self {
        let mut files = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
        files.insert(path.to_path_buf());
        Self(path.to_path_buf())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let mut files = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
        files.remove(&self.0);
    }
}
