//! A whole model in memory.

use crate::error::Result;
use crate::names::{Linear, group_multipliers};
use crate::params::Params;
use crate::plan::Plan;
use crate::provenance::StageRecord;
use crate::quant::{FourBits, QuantSpec, WeightBits};
use crate::task_info::TaskInfo;
use crate::tensor::Tensor;
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

    /// The same model with every quantised matrix in bytes: what engines, exports and comparisons read.
    /// A matrix of four-bit integers comes to twice its bytes; others are shared.
    ///
    /// # Errors
    /// Rejected: tensors that are not those of the quantisation, or whose products are no bytes.
    pub fn unpacked(mut self) -> Result<Self> {
        for (name, bits) in self.quant.matrices() {
            let WeightBits::Four { group } = bits else {
                continue;
            };
            let matrix = FourBits::of(&self.params, &name, group)?;
            let integers = (matrix.unpacked()).map_err(|e| e.context(format!("tensor {name}")))?;
            let shape = self.params.get(&name)?.shape().to_vec();
            self.params.remove(&group_multipliers(&name));
            self.params.insert(name, Tensor::i8(shape, integers));
        }
        self.quant.set_bits(WeightBits::Eight);
        Ok(self)
    }

    /// Gives a float model a bias at every linear and a beta at every norm, zeros where it had none, so that
    /// numbers can be moved into them. Its answers stay.
    pub fn add_biases(&mut self) {
        let block = &mut self.plan.block;
        (block.attention_bias, block.feed_forward_bias) = (true, true);
        block.norm_bias = true;
        if let Some(dense) = &mut self.plan.head.dense {
            dense.bias = true;
        }
        for spec in self.plan.expected_tensors(&self.quant) {
            if spec.name.ends_with(".bias") && self.params.get(&spec.name).is_err() {
                let zeros = vec![0.0; spec.shape.iter().product()];
                self.params
                    .insert(spec.name, Tensor::f32(spec.shape, zeros));
            }
        }
    }

    /// As [`Artifact::add_biases`].
    pub fn with_biases(mut self) -> Self {
        self.add_biases();
        self
    }

    /// True if any stage read the synthetic sample corpus.
    pub fn synthetic(&self) -> bool {
        self.provenance
            .iter()
            .flat_map(|r| &r.data)
            .any(|d| d.synthetic)
    }
}
