//! Ctrl-C, SIGTERM and SIGHUP: the first asks work that goes in steps to stop between two of them,
//! and ends anything else at once, as the second ends all. Either way no temporary file stays behind
//! and the exit code is 130.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use act_core::error::{Error, Result};

static STOP: AtomicBool = AtomicBool::new(false);
static BLOCKED: AtomicBool = AtomicBool::new(false);
static IN_STEPS: AtomicUsize = AtomicUsize::new(0);
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
        // What is not in steps does not ask, and may wait for ever: for a pipe, a disk, a lock.
        let asks = IN_STEPS.load(Ordering::SeqCst) > 0 && !BLOCKED.load(Ordering::SeqCst);
        if again || !asks {
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

/// A file that grows over `ulimit -f` fails the write, as a full disk does, and does not end the
/// process with a half file behind it.
pub(crate) fn survive_limits() {
    #[cfg(unix)]
    {
        // Whether it came does not matter: the write says so itself.
        let came = std::sync::Arc::new(AtomicBool::new(false));
        if let Err(error) = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, came) {
            log::debug!("SIGXFSZ is not handled: {error}");
        }
    }
}

/// Work in steps, which asks [`interrupted`] between two of them, while this value lives.
pub(crate) struct Steps(());

impl Steps {
    pub(crate) fn begin() -> Self {
        IN_STEPS.fetch_add(1, Ordering::SeqCst);
        Self(())
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        IN_STEPS.fetch_sub(1, Ordering::SeqCst);
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
        let _ = std::fs::remove_file(path).or_else(|_| std::fs::remove_dir_all(path));
    }
    std::process::exit(code)
}

/// A temporary file or folder that is removed if a signal ends the process while this value lives.
#[derive(Debug)]
pub struct Unfinished(PathBuf);

impl Unfinished {
    /// Of the file or folder at `path`.
    #[must_use]
    pub fn new(path: &Path) -> Self {
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
