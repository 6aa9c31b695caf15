//! Puts the pieces together: integer weights, embedding tables and activation scales into a
//! quantised artifact. Chooses no numbers beyond the step of a threshold.

use std::collections::BTreeSet;

use act_core::quant::{ActivationScheme, LinearQuant, QuantSpec};
use act_core::{Artifact, Embedding, Linear, Result, Tensor};

use crate::calibrate::Method;
use crate::embedding;
use crate::options::Options;
use crate::statistics::Sites;
use crate::weight::{self, Granularity, Int8Rows};

/// The byte that stands for 0.0: activations are symmetric.
const ZERO_POINT: u8 = 128;

/// All integer weights of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    /// What shares a scale in the linears.
    pub granularity: Granularity,
    /// Linear weights, in the plan's order.
    pub linears: Vec<(Linear, Int8Rows)>,
    /// Embedding tables, in the plan's order.
    pub tables: Vec<(Embedding, Int8Rows)>,
}

impl Weights {
    /// Quantises every linear weight of a float model and, if the options say so, its tables.
    ///
    /// # Errors
    /// Rejected: a weight that is not finite.
    pub fn quantize(model: &Artifact, granularity: Granularity, options: &Options) -> Result<Self> {
        let linears = model.plan.linears().into_iter().map(|linear| {
            let name = linear.weight();
            let [_, columns] = model.plan.linear_shape(linear);
            let weights = model.params.f32(&name)?;
            let rows = weight::quantize(&name, weights, columns, granularity, options.weight_max)?;
            Ok((linear, rows))
        });
        Ok(Self {
            granularity,
            linears: linears.collect::<Result<_>>()?,
            tables: if options.embeddings {
                embedding::quantize(&model.plan, &model.params)?
            } else {
                Vec::new()
            },
        })
    }
}

/// The activation scales that `method` reads out of the statistics, in the order of `statistics`'
/// linears among the plan's.
pub fn activations(
    linears: &[Linear],
    statistics: &Sites,
    method: Method,
    options: &Options,
) -> Vec<LinearQuant> {
    let with_statistics = linears
        .iter()
        .filter_map(|linear| Some((*linear, statistics.get(linear)?)));
    with_statistics
        .map(|(linear, statistics)| {
            let threshold = method.threshold(statistics, options.activation_max);
            let step = (threshold / f64::from(options.activation_max)) as f32;
            LinearQuant {
                linear,
                weight_max: options.weight_max,
                activation_max: options.activation_max,
                activation: ActivationScheme::Static {
                    scale: step.max(f32::MIN_POSITIVE),
                    zero_point: ZERO_POINT,
                },
                calibrator: method.calibrator(),
                calibrator_arg: method.argument(),
            }
        })
        .collect()
}

/// The float `model` with its weights replaced; provenance is left as it was.
pub fn apply(model: &Artifact, weights: &Weights, activations: Vec<LinearQuant>) -> Artifact {
    let hidden = model.plan.hidden_size;
    let linears = weights.linears.iter().map(|(linear, rows)| {
        let shape = model.plan.linear_shape(*linear);
        (linear.weight(), linear.scale(), shape, rows)
    });
    let tables = weights.tables.iter().map(|(table, rows)| {
        let shape = [model.plan.embedding_rows(*table), hidden];
        (table.weight(), table.scale(), shape, rows)
    });
    let replaced: Vec<_> = linears.chain(tables).collect();
    let names: BTreeSet<&str> = replaced.iter().map(|(name, ..)| name.as_str()).collect();
    let mut params: act_core::Params = model
        .params
        .iter()
        .filter(|(name, _)| !names.contains(name))
        .map(|(name, tensor)| (name.to_string(), tensor.clone()))
        .collect();
    for (name, scale, shape, rows) in replaced {
        params.insert(scale, Tensor::f32([shape[0]], rows.scales.clone()));
        params.insert(name, Tensor::i8(shape, rows.values.clone()));
    }
    Artifact {
        plan: model.plan.clone(),
        task: model.task.clone(),
        tokenizer: model.tokenizer.clone(),
        params,
        quant: QuantSpec {
            linears: activations,
            embeddings: weights.tables.iter().map(|(table, _)| *table).collect(),
        },
        provenance: model.provenance.clone(),
    }
}
