//! act's errors as Python's exceptions.

use std::error::Error as _;
use std::io;

use act_infer::{Error, ErrorKind};
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;

/// The exception of an error, with its one line: `OSError` of the right kind where the system refused,
/// else a class of `act_infer.errors`.
pub fn exception(py: Python<'_>, error: &Error) -> PyErr {
    if let Some(io) = error.source().and_then(|e| e.downcast_ref::<io::Error>())
        && let Some(number) = io.raw_os_error()
    {
        // Python finds the class, `FileNotFoundError` and so on, by the number.
        let text = io.to_string();
        let text = text.split(" (os error").next().unwrap_or_default();
        return PyOSError::new_err((number, text.to_string(), error.to_string()));
    }
    let class = match error.kind() {
        ErrorKind::Usage => "UsageError",
        ErrorKind::Rejected => "RejectedError",
        ErrorKind::Failed | ErrorKind::Interrupted => "FailedError",
    };
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line += &format!(": {error}");
        cause = error.source();
    }
    let made = py
        .import("act_infer.errors")
        .and_then(|module| module.getattr(class)?.call1((line,)));
    match made {
        Ok(made) => PyErr::from_value(made),
        Err(broken) => broken,
    }
}
