//! The pruning criteria by name.

use std::fmt;
use std::str::FromStr;

use act_core::{Error, Result};

/// How importance is measured; the names are those of `Prune.criterion`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Criterion {
    /// `magnitude`: the squares of a structure's weights; the naive baseline, needs no data.
    Magnitude,
    /// `first_order`: the gradient by a mask, as PaddleSlim's transformer_pruner; the reference.
    FirstOrder,
    /// `fisher`: Fisher information of masks, re-pairing, mask tuning (Kwon et al. 2022).
    Fisher,
    /// `obs`: optimal brain surgeon on whole structures (ZipLM, Kurtic et al. 2023).
    Obs,
}

impl Criterion {
    /// Every criterion, the simplest first.
    pub const ALL: [Criterion; 4] = [
        Criterion::Magnitude,
        Criterion::FirstOrder,
        Criterion::Fisher,
        Criterion::Obs,
    ];

    /// Name in configurations.
    pub fn name(self) -> &'static str {
        match self {
            Criterion::Magnitude => "magnitude",
            Criterion::FirstOrder => "first_order",
            Criterion::Fisher => "fisher",
            Criterion::Obs => "obs",
        }
    }
}

impl fmt::Display for Criterion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Criterion {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|c| c.name() == name);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Criterion::name).join(", ");
            Error::usage(format!("Prune.criterion is {name:?}: one of {names}"))
        })
    }
}
