//! Configuration in PaddleSlim's vocabulary, with our additions in the same sections.
//!
//! `docs/config.md` explains every key. An empty or absent section means its automatic default.
//! Reading and judging values happens here; what they do is the stages' business.

mod check;
mod load;
mod paddle;
mod sections;
mod vocabulary;
mod yaml;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use check::TASKS;
pub use sections::{
    Distillation, Global, HyperParameterOptimization, LrDecay, OptimizerBuilder, OptimizerKind,
    Prune, QuantAware, QuantPost, TrainConfig,
};

use crate::error::{Error, Result};

/// A whole configuration file. Made by [`Config::load`], which alone checks names and values.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// Model, task and data.
    #[serde(rename = "Global")]
    pub global: Global,
    /// The training loop.
    #[serde(rename = "TrainConfig")]
    pub train: TrainConfig,
    /// Losses against a teacher.
    #[serde(rename = "Distillation")]
    pub distillation: Distillation,
    /// Structured pruning; PaddleSlim's `TransformerPrune` is the same section.
    #[serde(rename = "Prune")]
    pub prune: Prune,
    /// Search space of post-training quantisation.
    #[serde(rename = "HyperParameterOptimization")]
    pub hpo: HyperParameterOptimization,
    /// Post-training quantisation.
    #[serde(rename = "QuantPost")]
    pub quant_post: QuantPost,
    /// Quantisation-aware training.
    #[serde(rename = "QuantAware")]
    pub quant_aware: QuantAware,
}

/// A section's name, for [`Config::section_yaml`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Section {
    Global,
    TrainConfig,
    Distillation,
    Prune,
    HyperParameterOptimization,
    QuantPost,
    QuantAware,
}

impl Config {
    /// The named sections as YAML, defaults filled in: what a stage records in its provenance.
    /// Holds no path, so that equal work on two machines gives equal bytes.
    pub fn section_yaml(&self, sections: &[Section]) -> Result<String> {
        let mut text = String::new();
        for section in sections {
            text += &match section {
                Section::Global => one("Global", &self.global),
                Section::TrainConfig => one("TrainConfig", &self.train),
                Section::Distillation => one("Distillation", &self.distillation),
                Section::Prune => one("Prune", &self.prune),
                Section::HyperParameterOptimization => one("HyperParameterOptimization", &self.hpo),
                Section::QuantPost => one("QuantPost", &self.quant_post),
                Section::QuantAware => one("QuantAware", &self.quant_aware),
            }?;
        }
        Ok(text)
    }
}

fn one(name: &str, section: &impl Serialize) -> Result<String> {
    yaml::write(&BTreeMap::from([(name, section)]))
        .map_err(|fault| Error::failed(format!("{name}: {}", fault.message)))
}
