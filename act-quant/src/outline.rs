//! The sizes of an artifact in which one input changes its scheme, without the work of rounding everything
//! anew: for telling how long its file would be.

use std::collections::BTreeMap;

use act_core::names::group_multipliers;
use act_core::{Artifact, Result, Tensor};

use crate::apply::{ModelQuantizer, insert};
use crate::rewritten::Rewritten;
use crate::scheme::{Assignment, Scheme};
use crate::weight::WeightRound;

impl ModelQuantizer<'_> {
    /// The `result` of an assignment with one input under another scheme. Its tensors and records are those of
    /// [`Self::artifact`] in type and shape; its numbers are not: shifts, smoothing and corrections are left
    /// out, and the weights are rounded to nearest.
    ///
    /// # Errors
    /// Rejected: a weight that is not finite.
    pub fn outline(
        &self,
        result: &Artifact,
        assignment: &Assignment,
        index: usize,
        scheme: Scheme,
    ) -> Result<Artifact> {
        let mut changed = assignment.with(index, scheme);
        (changed.round, changed.bias_correct) = (WeightRound::Nearest, false);
        let (model, input) = (self.model(), &changed.choices[index].input);
        let unchanged = Rewritten::new(model);
        let mut outline = result.clone();
        for &linear in &input.linears {
            let (weight, scale) = (linear.weight(), linear.scale());
            for name in [&weight, &scale, &group_multipliers(&weight)] {
                outline.params.remove(name);
            }
            outline.quant.linears.retain(|quant| quant.linear != linear);
            let Some(done) = self.linear(&unchanged, linear, scheme, &changed)? else {
                let float = model.params.get(&weight)?.clone();
                outline.params.insert(weight, float);
                continue;
            };
            let mut tensors = BTreeMap::new();
            let (shape, rows) = (model.plan.linear_shape(linear), &done.rows);
            insert(&mut tensors, weight, scale, shape, (rows, done.quant.bits));
            for (name, tensor) in tensors {
                outline.params.insert(name, tensor);
            }
            outline.quant.linears.push(done.quant);
        }
        let order = model.plan.linears();
        let place = |linear| order.iter().position(|&other| other == linear);
        (outline.quant.linears).sort_by_key(|quant| place(quant.linear));
        let name = input.first().input_multiplier();
        outline.params.remove(&name);
        if let Some(multiplier) = self.multiplier(input, scheme)? {
            let multiplier = Tensor::f32([multiplier.len()], multiplier);
            outline.params.insert(name, multiplier);
        }
        Ok(outline)
    }
}
