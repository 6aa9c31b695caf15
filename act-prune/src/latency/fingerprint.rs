//! What a latency table holds for: the machine, the shape of the model, what is served and how.

use act_core::{Error, LayerPlan, Plan, Result};
use act_infer::Engine;
use act_stage::report::Host;
use serde::{Deserialize, Serialize};

use super::setting::LatencySetting;
use super::stand_in::stand_in;

/// The largest layer of an encoder and what else its time depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EncoderShape {
    /// Layers.
    pub layers: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Heads of the layer that has most.
    pub heads: usize,
    /// Size of a head.
    pub head_dim: usize,
    /// Neurons of the layer that has most.
    pub intermediate_size: usize,
    /// Activation, by name.
    pub hidden_act: String,
    /// Family, by name.
    pub family: String,
    /// Classes.
    pub num_labels: usize,
}

impl EncoderShape {
    /// The shape around all layers of a plan.
    ///
    /// # Errors
    /// Usage: heads of different sizes, which no table holds.
    pub fn around(plan: &Plan) -> Result<Self> {
        let with_heads = || plan.layers.iter().filter(|l| l.heads() > 0);
        let head_dim = with_heads().map(|l| l.head_dim).max().unwrap_or(1);
        if with_heads().any(|l| l.head_dim != head_dim) {
            return Err(Error::usage(
                "heads differ in size from layer to layer: prune by Prune.pruned_ratio",
            ));
        }
        let most = |size: fn(&LayerPlan) -> usize| plan.layers.iter().map(size).max().unwrap_or(0);
        Ok(Self {
            layers: plan.layers.len(),
            hidden_size: plan.hidden_size,
            heads: most(LayerPlan::heads),
            head_dim,
            intermediate_size: most(|l| l.intermediate_size),
            hidden_act: plan.block.activation.name().into(),
            family: plan.family.name().into(),
            num_labels: plan.num_labels,
        })
    }
}

/// What a table holds for: anything else is measured anew.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Version of act.
    pub version: String,
    /// Processor.
    pub cpu: String,
    /// Kernels of the engine.
    pub kernels: String,
    /// Model.
    pub shape: EncoderShape,
    /// What is served and how.
    pub setting: LatencySetting,
}

impl Fingerprint {
    /// For a plan on this machine.
    ///
    /// # Errors
    /// Those of [`EncoderShape::around`] and of the engine.
    pub fn new(plan: &Plan, setting: &LatencySetting) -> Result<Self> {
        let shape = EncoderShape::around(plan)?;
        let smallest = resized(plan, &shape, |_| (0, 0));
        let engine = Engine::new(stand_in(&smallest, setting.precision))?;
        Ok(Self {
            version: env!("CARGO_PKG_VERSION").into(),
            cpu: Host::detect().cpu,
            kernels: engine.kernels().into(),
            shape,
            setting: setting.clone(),
        })
    }
}

/// The plan with the shape's layers, `size(layer)` heads and neurons in each.
pub(super) fn resized(
    plan: &Plan,
    shape: &EncoderShape,
    size: impl Fn(usize) -> (usize, usize),
) -> Plan {
    let layer = |l| {
        let (heads, width) = size(l);
        LayerPlan::full(heads, shape.head_dim, width)
    };
    Plan {
        layers: (0..shape.layers).map(layer).collect(),
        ..plan.clone()
    }
}

#[cfg(test)]
mod tests {
    use act_core::testing::{TinyOptions, tiny_artifact};

    use super::*;

    #[test]
    fn heads_of_different_sizes_are_refused() {
        let options = TinyOptions {
            layers: vec![LayerPlan::full(4, 2, 128); 2],
            ..TinyOptions::default()
        };
        let mut plan = tiny_artifact(1, &options).plan;
        plan.layers[1].head_dim = 4;
        assert!(EncoderShape::around(&plan).is_err());
        plan.layers[1].kept_heads.clear();
        assert_eq!(EncoderShape::around(&plan).unwrap().head_dim, 2);
    }
}
