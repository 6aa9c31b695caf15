//! Configuration in PaddleSlim's vocabulary, with our additions in the same sections.
//!
//! `docs/config.md` explains every key. An empty or absent section means its automatic default.
//! Reading and judging values happens here; what they do is the stages' business.

mod adopt;
mod check;
mod choices;
mod class_weights;
mod document;
mod idle;
mod load;
mod losses;
mod model;
mod paddle;
mod places;
mod programs;
mod quantity;
#[cfg(test)]
mod schema;
mod section;
mod sections;
mod source;
mod training;
mod training_check;
mod tree;
mod vocabulary;
mod yaml;

pub use choices::{
    AmpDtype, AttentionKind, Criterion, Granularity, JudgeTexts, KeptTokens, LrDecay, Operator,
    OptimizerKind, PaddleLoss, Penalty, Precision, PruneAlgorithm, SchemeKind, TrainedActivations,
    TrainedWeights, WeightGroups, WeightRound,
};
pub use class_weights::ClassWeights;
pub use document::{Config, Section};
pub use losses::LossWeights;
pub use places::Places;
pub use programs::Program;
pub(crate) use programs::settable;
pub use quantity::{Size, Time};
pub use sections::{
    Distillation, Global, HyperParameterOptimization, Prune, QuantAware, QuantPost,
};
pub use training::{
    AmpConfig, LearningRate, Optimizer, OptimizerBuilder, Regularizer, Scheduler, TrainConfig,
};
pub use vocabulary::nearest;
