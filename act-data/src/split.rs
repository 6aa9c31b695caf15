//! The parts of a data set.

use std::fmt;

/// Part of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// `train.json`
    Train,
    /// `dev.json`
    Dev,
    /// `test.json`
    Test,
}

impl Split {
    /// All of them.
    pub const ALL: [Split; 3] = [Split::Train, Split::Dev, Split::Test];

    /// File names without ending, the preferred first. OCNLI's archive holds nested train sets.
    pub(crate) fn stems(self) -> &'static [&'static str] {
        match self {
            Split::Train => &[
                "train",
                "train.50k",
                "train.30k",
                "train.10k",
                "train.3k",
                "train.1k",
            ],
            Split::Dev => &["dev"],
            Split::Test => &["test", "test_public"],
        }
    }
}

/// `train`, `dev` or `test`.
impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Split::Train => "train",
            Split::Dev => "dev",
            Split::Test => "test",
        })
    }
}
