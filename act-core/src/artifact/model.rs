//! A whole model in memory.

use crate::error::Result;
use crate::names::Linear;
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
    /// What each channel of the input of `linear` is multiplied by before it is quantised, `[in]`;
    /// `None` if it is not.
    ///
    /// # Errors
    /// Rejected: the tensor is missing or not of floats.
    pub fn input_multiplier(&self, linear: Linear) -> Result<Option<&[f32]>> {
        let quant = self.quant.linear(linear);
        if !quant.is_some_and(|q| q.input_multiplier) {
            return Ok(None);
        }
        let name = self.quant.first_reader(linear).input_multiplier();
        Ok(Some(self.params.f32(&name)?))
    }

    /// True if any stage read the synthetic sample corpus.
    pub fn synthetic(&self) -> bool {
        self.provenance
            .iter()
            .flat_map(|r| &r.data)
            .any(|d| d.synthetic)
    }
}
