//! A whole configuration: its sections, and the text that is recorded of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::places::Places;
use super::sections::{
    Distillation, Global, HyperParameterOptimization, Prune, QuantAware, QuantPost,
};
use super::training::TrainConfig;
use super::yaml;
use act_core::error::{Error, Result};
use act_core::named;

/// A whole configuration file. Made by [`Config::load`], which alone checks names and values.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
    /// Where the keys stand that were given.
    #[serde(skip)]
    pub places: Places,
}

impl Config {
    /// Sequences a batch of training: the section's own number, else the global one.
    pub fn training_batch_size(&self) -> usize {
        self.train.batch_size.unwrap_or(self.global.batch_size())
    }

    /// Sections as YAML, defaults filled in: what a stage records in its provenance. Holds no path,
    /// so that equal work on two machines gives equal bytes.
    pub fn yaml_of(&self, sections: &[Section]) -> Result<String> {
        let text = |section: &Section| match section {
            Section::Global => one(*section, &self.global),
            Section::Train => one(*section, &self.train),
            Section::Distillation => one(*section, &self.distillation),
            Section::Prune => one(*section, &self.prune),
            Section::Search => one(*section, &self.hpo),
            Section::QuantPost => one(*section, &self.quant_post),
            Section::QuantAware => one(*section, &self.quant_aware.clone().unwrap_or_default()),
        };
        sections.iter().map(text).collect()
    }
}

named! {
    /// A section, by its name.
    pub enum Section {
        /// [`Config::global`].
        Global = "Global",
        /// [`Config::train`].
        Train = "TrainConfig",
        /// [`Config::distillation`].
        Distillation = "Distillation",
        /// [`Config::prune`].
        Prune = "Prune",
        /// [`Config::hpo`].
        Search = "HyperParameterOptimization",
        /// [`Config::quant_post`].
        QuantPost = "QuantPost",
        /// [`Config::quant_aware`].
        QuantAware = "QuantAware",
    }
}

fn one(name: Section, section: &impl Serialize) -> Result<String> {
    yaml::write(&BTreeMap::from([(name.name(), section)]))
        .map_err(|fault| Error::failed(format!("{name}: {}", fault.message)))
}
