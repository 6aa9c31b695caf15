//! Models to be timed: any shape, weights that mean nothing. The engine's work depends on shapes,
//! ranges of integers and limits of groups only, which stand-ins have too, so one takes as long as the
//! trained model of its shape.

use std::collections::BTreeMap;

use act_core::quant::{
    ActivationScheme, GroupLimit, LinearQuant, QuantSpec, TableQuant, WeightBits,
};
use act_core::tokenizer::JsonSpec;
use act_core::{Artifact, DType, Embedding, Linear, Plan, TaskInfo, Tensor, TokenizerSpec};

use super::setting::Precision;

/// Rows of a stand-in's word table, at most: which rows are read costs next to nothing, and many
/// stand-ins are in memory at once.
const WORDS: usize = 1024;

/// How act-quant quantises a model of this plan: every linear, and words and positions.
pub fn deployed_quant(plan: &Plan, precision: Precision) -> QuantSpec {
    let Precision::Int8 {
        weight_max,
        activation_max,
        weight_groups,
        embeddings,
        four_bits,
    } = precision
    else {
        return QuantSpec::default();
    };
    let bits = four_bits.map_or(WeightBits::Eight, |group| WeightBits::Four { group });
    let linear = |linear| LinearQuant {
        weight_max,
        bits: match linear {
            Linear::Classifier => WeightBits::Eight,
            _ => bits,
        },
        group_limit: weight_groups
            .and_then(|size| GroupLimit::needed(size, weight_max, activation_max)),
        activation_max,
        activation: ActivationScheme::Static {
            scale: 0.05,
            zero_point: 128,
        },
        ..LinearQuant::dynamic(linear)
    };
    let tables = [Embedding::Word, Embedding::Position].into_iter();
    let tables = tables.filter(|&table| plan.table_rows(table) > 0);
    QuantSpec {
        linears: plan.linears().into_iter().map(linear).collect(),
        embeddings: if embeddings {
            tables.map(|table| TableQuant { table, bits }).collect()
        } else {
            vec![]
        },
        attention: Vec::new(),
    }
}

/// A model of the plan's shape with at most [`WORDS`] words.
pub fn stand_in(plan: &Plan, precision: Precision) -> Artifact {
    let mut plan = plan.clone();
    plan.embeddings.vocab_size = plan.embeddings.vocab_size.min(WORDS);
    // However they are stored, the engine has bytes.
    let mut quant = deployed_quant(&plan, precision);
    quant.set_bits(WeightBits::Eight);
    let max = match precision {
        Precision::Int8 { weight_max, .. } => i32::from(weight_max),
        Precision::F32 => 127,
    };
    let limits = quant.linears.iter();
    let limits: BTreeMap<String, GroupLimit> = limits
        .filter_map(|q| Some((q.linear.weight(), q.group_limit?)))
        .collect();
    let mut noise = Noise(1);
    let params = plan.expected_tensors(&quant).into_iter().map(|spec| {
        let count = spec.shape.iter().product();
        let tensor = if spec.dtype == DType::I8 {
            let mut values: Vec<i8> = (0..count).map(|_| noise.integer(max)).collect();
            if let Some(limit) = limits.get(&spec.name) {
                cut(&mut values, spec.shape[1], *limit);
            }
            Tensor::i8(spec.shape, values)
        } else if spec.name.ends_with(".scale") {
            Tensor::f32(spec.shape, vec![1e-3; count])
        } else {
            let values: Vec<f32> = (0..count)
                .map(|_| f32::from(noise.integer(127)) / 2000.0)
                .collect();
            Tensor::f32(spec.shape, values)
        };
        (spec.name, tensor)
    });
    let labels = vec![String::new(); plan.num_labels];
    Artifact {
        params: params.collect(),
        task: TaskInfo::new("timing", plan.embeddings.longest, labels),
        tokenizer: no_tokenizer(),
        quant,
        provenance: Vec::new(),
        plan,
    }
}

/// Brings integers within a limit of their groups.
fn cut(values: &mut [i8], columns: usize, limit: GroupLimit) {
    for row in values.chunks_mut(columns.max(1)) {
        let before: Vec<f32> = row.iter().map(|&w| w.into()).collect();
        limit.cut(&before, 1.0, row);
    }
}

/// Stand-ins are given ids; no id is `[PAD]`, which would be masked.
fn no_tokenizer() -> TokenizerSpec {
    TokenizerSpec::Json(JsonSpec {
        text: "".into(),
        vocab_size: 0,
        pad_id: u32::MAX,
    })
}

/// Numbers without a pattern that a kernel could profit from (Numerical Recipes' generator).
struct Noise(u32);

impl Noise {
    /// `-limit..=limit`, limit at most 127.
    fn integer(&mut self, limit: i32) -> i8 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((self.0 >> 8) as i32 % (2 * limit + 1) - limit) as i8
    }
}

#[cfg(test)]
mod tests {
    use act_core::testing::{TinyOptions, tiny_artifact};
    use act_core::{Encoding, LayerPlan};
    use act_infer::Engine;

    use super::super::setting::{LatencySetting, Serving};
    use super::*;

    #[test]
    fn stand_ins_run_in_both_precisions_and_any_shape() {
        let gone = LayerPlan {
            head_dim: 4,
            kept_heads: vec![],
            ..LayerPlan::default()
        };
        let options = TinyOptions {
            layers: vec![LayerPlan::full(2, 4, 12), gone, LayerPlan::full(1, 4, 0)],
            ..TinyOptions::default()
        };
        let plan = tiny_artifact(1, &options).plan;
        let int8 = Precision::Int8 {
            weight_max: 64,
            activation_max: 127,
            weight_groups: Some(2),
            embeddings: true,
            four_bits: Some(32),
        };
        for precision in [int8, Precision::F32] {
            let model = stand_in(&plan, precision);
            assert_eq!(model.quant.precision(), precision.name());
            let engine = Engine::new(model).unwrap();
            let serving = Serving {
                precision,
                batch: 2,
                threads: 1,
            };
            let example = Encoding {
                input_ids: vec![1; 9],
                token_type_ids: vec![0; 9],
            };
            let setting = LatencySetting::new(serving, &[example]).unwrap();
            for batch in setting.batches(plan.embeddings.vocab_size) {
                let logits = engine.forward(&batch).unwrap();
                assert!(logits.iter().flatten().all(|v| v.is_finite()));
            }
        }
    }
}
