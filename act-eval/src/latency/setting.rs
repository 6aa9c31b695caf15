//! In which setting latency is measured, and on what.

use std::fmt;

use act_core::Encoding;
use act_data::Example;
use act_stage::report::Padding;

use crate::model::Model;

/// How long sequences are, beside the padding that reports tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lengths {
    /// Every sequence has this many tokens: what a benchmark at a fixed length computes.
    Fixed(usize),
    /// Every sequence is as long as the batch's longest: what a padding engine computes.
    Longest,
    /// Every sequence has its own length: what this engine computes.
    Own,
}

impl Lengths {
    /// What becomes of shorter sequences.
    pub fn padding(self) -> Padding {
        match self {
            Lengths::Fixed(_) => Padding::Fixed,
            Lengths::Longest => Padding::Longest,
            Lengths::Own => Padding::None,
        }
    }
}

/// One setting of a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// Sequences in a batch.
    pub batch: usize,
    /// Their lengths.
    pub lengths: Lengths,
    /// True to begin with the texts, as a server does: tokenising is part of the time.
    pub tokenizing: bool,
}

impl Setting {
    /// The settings of a report: full batches padded to `seq`, padded to the longest, at the data's
    /// own lengths, the same from text on, and one sequence at a time.
    pub fn standard(batch: usize, seq: usize) -> Vec<Setting> {
        let with = |batch, lengths| Setting {
            batch,
            lengths,
            tokenizing: false,
        };
        let mut settings = vec![
            with(batch, Lengths::Fixed(seq)),
            with(batch, Lengths::Longest),
            with(batch, Lengths::Own),
            Setting {
                tokenizing: true,
                ..with(batch, Lengths::Own)
            },
        ];
        if batch > 1 {
            settings.push(with(1, Lengths::Own));
        }
        settings
    }

    /// False if random token ids will do.
    pub fn needs_data(&self) -> bool {
        !matches!(self.lengths, Lengths::Fixed(_))
    }
}

/// `32 x 128`, `32 x longest`, `32 x own length`, `32 x text`.
impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.lengths {
            Lengths::Fixed(seq) => write!(f, "{} x {seq}", self.batch),
            Lengths::Longest => write!(f, "{} x longest", self.batch),
            Lengths::Own if self.tokenizing => write!(f, "{} x text", self.batch),
            Lengths::Own => write!(f, "{} x own length", self.batch),
        }
    }
}

/// A model and the examples it is timed on, encoded by its own tokenizer; the same examples in the
/// same order for every model of a comparison.
pub struct Contestant<'a> {
    /// The model.
    pub model: &'a Model,
    /// Examples; may be empty for [`Lengths::Fixed`].
    pub encodings: &'a [Encoding],
    /// The texts of the same examples.
    pub examples: &'a [Example],
}
