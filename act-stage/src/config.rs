//! Configuration in PaddleSlim's vocabulary, with our additions in the same sections.
//!
//! `docs/config.md` explains every key. An empty or absent section means its automatic default.
//! Reading and judging values happens here; what they do is the stages' business.

mod check;
mod choices;
mod load;
mod losses;
mod paddle;
pub mod quantity;
mod sections;
mod training;
mod training_check;
mod vocabulary;
mod yaml;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use choices::{
    AmpDtype, LrDecay, OptimizerKind, PaddleLoss, Penalty, TrainedActivations, TrainedWeights,
};
pub use losses::LossWeights;
pub use sections::{
    Distillation, Global, HyperParameterOptimization, Prune, QuantAware, QuantPost,
};
pub use training::{
    AmpConfig, LearningRate, Optimizer, OptimizerBuilder, Regularizer, Scheduler, TrainConfig,
};

use act_core::error::{Error, Result};

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
    /// Quantisation-aware training; the section's presence asks for it.
    #[serde(rename = "QuantAware", skip_serializing_if = "Option::is_none")]
    pub quant_aware: Option<QuantAware>,
}

impl Config {
    /// Sequences a batch of training: the section's own number, else the global one.
    pub fn training_batch_size(&self) -> usize {
        self.train.batch_size.unwrap_or(self.global.batch_size())
    }

    /// The named sections as YAML, defaults filled in: what a stage records in its provenance.
    /// Holds no path, so that equal work on two machines gives equal bytes.
    pub fn yaml_of(&self, sections: &[&str]) -> Result<String> {
        sections
            .iter()
            .map(|name| match *name {
                "Global" => one(name, &self.global),
                "TrainConfig" => one(name, &self.train),
                "Distillation" => one(name, &self.distillation),
                "Prune" => one(name, &self.prune),
                "HyperParameterOptimization" => one(name, &self.hpo),
                "QuantPost" => one(name, &self.quant_post),
                "QuantAware" => one(name, &self.quant_aware.clone().unwrap_or_default()),
                other => Err(Error::failed(format!(
                    "the configuration has no section {other:?}"
                ))),
            })
            .collect()
    }
}

fn one(name: &str, section: &impl Serialize) -> Result<String> {
    yaml::write(&BTreeMap::from([(name, section)]))
        .map_err(|fault| Error::failed(format!("{name}: {}", fault.message)))
}
