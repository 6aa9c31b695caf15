//! How much of the text a model does not read, because it is longer than the model's longest sequence.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Share of cut examples from which on a warning is due.
const MUCH: f64 = 0.01;

/// Examples that are longer than a model reads.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Cut {
    /// Longest sequence that is read, in tokens, special ones counted.
    pub max_seq_length: usize,
    /// Examples that were encoded: of all, or of those that the stage works on.
    pub of: usize,
    /// Those of them that are longer, and are cut.
    pub examples: usize,
    /// Their share, 0..=1.
    pub share: f64,
    /// The length in tokens that would keep 99 % of them whole.
    pub keeps_99_percent: usize,
}

impl Cut {
    /// True from 1 % on.
    pub fn is_much(&self) -> bool {
        self.share >= MUCH
    }

    /// Says it in the log, of the data set `name`: a warning if it is much.
    pub fn tell(self, name: &str) -> Self {
        if self.is_much() {
            log::warn!("{name}: {self} (act-convert sets the length: --max-seq-length)");
        } else {
            log::info!("{name}: {self}");
        }
        self
    }
}

/// `3 of 40 examples (7.5 %) are longer than 128 tokens and are cut; 150 tokens keep 99 % whole`
impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            max_seq_length,
            of,
            examples,
            share,
            keeps_99_percent,
        } = self;
        if *examples == 0 {
            return write!(
                f,
                "none of {of} examples is longer than {max_seq_length} tokens"
            );
        }
        let percent = 100.0 * share;
        write!(
            f,
            "{examples} of {of} examples ({percent:.1} %) are longer than {max_seq_length} tokens and \
             are cut; {keeps_99_percent} tokens keep 99 % whole"
        )
    }
}
