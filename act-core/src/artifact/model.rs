//! A whole model in memory.

use crate::params::Params;
use crate::plan::Plan;
use crate::provenance::StageRecord;
use crate::quant::QuantSpec;
use crate::task_info::TaskInfo;
use crate::tokenizer::TokenizerSpec;

/// A whole model. A clone shares the numbers of its tensors and costs next to nothing.
#[derive(Clone)]
pub struct Artifact {
    /// Shapes.
    pub plan: Plan,
    /// Task and labels.
    pub task: TaskInfo,
    /// How text becomes ids.
    pub tokenizer: TokenizerSpec,
    /// Tensors.
    pub params: Params,
    /// Quantisation; empty in a float model.
    pub quant: QuantSpec,
    /// Every stage so far, first to last.
    pub provenance: Vec<StageRecord>,
}

impl Artifact {
    /// True if any stage read the synthetic sample corpus.
    pub fn synthetic(&self) -> bool {
        self.provenance
            .iter()
            .flat_map(|r| &r.data)
            .any(|d| d.synthetic)
    }
}
