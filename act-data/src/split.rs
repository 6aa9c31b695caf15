//! The parts of a data set.

use std::fmt;

/// Part of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Split {
    /// `train.json`
    Train,
    /// `dev.json`
    Dev,
    /// `dev_mismatched.tsv`: MNLI's second dev, of kinds of text that train has none of.
    DevMismatched,
    /// `test.json`
    Test,
}

impl Split {
    /// All of them.
    pub const ALL: [Split; 4] = [Split::Train, Split::Dev, Split::DevMismatched, Split::Test];

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
            Split::Dev => &["dev", "valid", "validation", "val", "dev_matched"],
            Split::DevMismatched => &["dev_mismatched"],
            Split::Test => &["test", "test_public", "test_matched"],
        }
    }
}

/// `train`, `dev`, `dev_mismatched` or `test`.
impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Split::Train => "train",
            Split::Dev => "dev",
            Split::DevMismatched => "dev_mismatched",
            Split::Test => "test",
        })
    }
}
