//! One error type for the whole workspace: what went wrong, and whose move it is.
//!
//! The kind decides the process's exit code, so that scripts can tell a typo from a damaged file
//! from a failure of the machine. Messages are one line, lower case, and name the thing.

use std::fmt;
use std::path::Path;

/// Whose move it is after an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The user's to mend: arguments, configuration, data, a path that is not there. Exit code 2.
    Usage,
    /// An artifact or foreign model that is damaged, hostile or too new. Exit code 3.
    Rejected,
    /// The work itself failed: I/O, divergence, out of memory. Exit code 1.
    Failed,
    /// The user stopped it (Ctrl-C, SIGTERM). Exit code 130.
    Interrupted,
}

/// An error with its kind and, where there is one, its cause.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// `Result` with act's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
        }
    }

    /// The user's mistake; say what to do about it.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    /// Bytes that are not a model we can trust.
    pub fn rejected(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Rejected, message)
    }

    /// A part of a model that can be stored, and that this version does not compute.
    pub fn unsupported(part: &str) -> Self {
        Self::rejected(format!(
            "this version of act does not run {part}; a newer one may"
        ))
    }

    /// Refuses the first part that is there; see [`Error::unsupported`].
    pub(crate) fn refuse_any(parts: &[(bool, &str)]) -> Result<()> {
        match parts.iter().find(|(there, _)| *there) {
            None => Ok(()),
            Some((_, part)) => Err(Self::unsupported(part)),
        }
    }

    /// A failure while working.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Failed, message)
    }

    /// The user asked to stop.
    pub fn interrupted() -> Self {
        Self::new(ErrorKind::Interrupted, "interrupted")
    }

    /// An operating-system error at `path`. A path that is missing, forbidden or of the wrong kind
    /// is the user's to mend; the rest (full disk, broken device) is a failure.
    pub fn io(path: impl AsRef<Path>, source: std::io::Error) -> Self {
        Self {
            kind: ErrorKind::of_io(&source),
            message: path.as_ref().display().to_string(),
            source: Some(Box::new(source)),
        }
    }

    /// Whose move it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The same error, told from one step further out: `context: message`.
    #[must_use]
    pub fn context(mut self, context: impl fmt::Display) -> Self {
        self.message = format!("{context}: {}", self.message);
        self
    }
}

impl ErrorKind {
    /// Whose move it is after an operating-system error.
    pub fn of_io(error: &std::io::Error) -> Self {
        use std::io::ErrorKind as K;
        match error.kind() {
            K::NotFound | K::PermissionDenied | K::IsADirectory | K::NotADirectory => Self::Usage,
            _ => Self::Failed,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source
            .as_deref()
            .map(|s| s as &(dyn std::error::Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_the_users_and_disks_are_not() {
        let of = |kind: std::io::ErrorKind| Error::io("x", kind.into()).kind();
        assert_eq!(of(std::io::ErrorKind::NotFound), ErrorKind::Usage);
        assert_eq!(of(std::io::ErrorKind::PermissionDenied), ErrorKind::Usage);
        assert_eq!(of(std::io::ErrorKind::StorageFull), ErrorKind::Failed);
    }

    #[test]
    fn context_goes_in_front_and_keeps_kind_and_cause() {
        let error = Error::io("a.yaml", std::io::ErrorKind::NotFound.into()).context("--config");
        assert_eq!(error.to_string(), "--config: a.yaml");
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(std::error::Error::source(&error).is_some());
    }
}
