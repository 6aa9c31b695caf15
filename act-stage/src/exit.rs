//! How a program ends well.

/// The end of a program that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Exit code 0.
    Done,
    /// A goal was missed, of a gate or with `--strict`: exit code 4.
    Missed,
}
