//! How a program ends.

/// Every exit code, and what it says; the manual pages have them.
pub const STATUS: [(&str, &str); 6] = [
    ("0", "It did what was asked."),
    (
        "1",
        "It failed: a disk is full, a training diverged, or act has a bug.",
    ),
    (
        "2",
        "What was asked cannot be done: a flag, a configuration, a file or data that are wrong. The line says which and what to do.",
    ),
    (
        "3",
        "A model was rejected: damaged, or made of parts that act does not know.",
    ),
    ("4", "A goal was missed, of a gate or with --strict."),
    ("130", "It was interrupted."),
];

/// The end of a program that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Exit code 0.
    Done,
    /// A goal was missed, of a gate or with `--strict`: exit code 4.
    Missed,
}
