//! What others tell the server to do.

use std::io;

/// A signal's meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// SIGHUP: read the models again.
    Reload,
    /// SIGTERM, Ctrl-C: answer who has asked, then end.
    End,
}

#[cfg(unix)]
mod system {
    use super::{Told, io};
    use tokio::signal::unix::{Signal, SignalKind, signal};

    /// The signals, from the moment on that this is made.
    pub struct Signals {
        hangup: Signal,
        interrupt: Signal,
        terminate: Signal,
    }

    impl Signals {
        /// Takes the signals over; in a runtime.
        ///
        /// # Errors
        /// The operating system refuses.
        pub fn new() -> io::Result<Self> {
            Ok(Self {
                hangup: signal(SignalKind::hangup())?,
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
            })
        }

        /// The next one.
        pub async fn next(&mut self) -> Told {
            tokio::select! {
                _ = self.interrupt.recv() => Told::End,
                _ = self.terminate.recv() => Told::End,
                _ = self.hangup.recv() => Told::Reload,
            }
        }
    }
}

#[cfg(not(unix))]
mod system {
    use super::{Told, io};

    /// Ctrl-C; no other signal is known here.
    pub struct Signals;

    impl Signals {
        /// Takes Ctrl-C over; in a runtime.
        ///
        /// # Errors
        /// None here.
        pub fn new() -> io::Result<Self> {
            Ok(Self)
        }

        /// The next one.
        pub async fn next(&mut self) -> Told {
            match tokio::signal::ctrl_c().await {
                Ok(()) => Told::End,
                Err(_) => std::future::pending().await,
            }
        }
    }
}

pub use system::Signals;
