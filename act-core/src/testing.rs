//! Tiny models with random weights, for the tests of every crate in the workspace.
//!
//! The shapes are free, layer by layer, so that tests can try what pruning leaves behind. The
//! vocabulary is small but real: special tokens, ASCII letters and digits, some Chinese characters.
//! Behind the feature `testing`; nothing that ships may enable it.

mod odd;
mod packed;

use rand::Rng;

pub use odd::{
    limited_groups, modern_plan, multiplied_inputs, odd_parts, odd_words, relative_positions,
    within_16_bits,
};
pub use packed::in_four_bits;

use crate::artifact::Artifact;
use crate::batch::Batch;
use crate::names::Linear;
use crate::params::Params;
use crate::plan::{
    Activation, Block, Embeddings, Family, Head, HeadActivation, LayerPlan, Plan, Pooling,
    Position, TensorSpec,
};
use crate::quant::{ActivationScheme, Calibrator, LinearQuant, QuantSpec, TableQuant};
use crate::seed::Seed;
use crate::task_info::TaskInfo;
use crate::tensor::Tensor;
use crate::tokenizer::WordPieceSpec;

/// Chinese characters of the tiny vocabulary; all of them occur in questions about loans.
pub const CHARACTERS: &str = "花呗借款还利息怎么办可以吗我的你支付宝能不开通用了为什到时间提前";

/// Shape of a tiny model; `TinyOptions::default()` is two unequal layers of width 8.
#[derive(Debug, Clone)]
pub struct TinyOptions {
    /// Model family.
    pub family: Family,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// The layers.
    pub layers: Vec<LayerPlan>,
    /// Number of tokens, at least 5; what real tokens do not fill is `[unusedN]`.
    pub vocab_size: usize,
    /// Rows of the position table.
    pub max_position_embeddings: usize,
    /// Longest sequence in tokens.
    pub max_seq_length: usize,
    /// Number of classes.
    pub num_labels: usize,
    /// Activation of the feed-forward blocks.
    pub hidden_act: Activation,
    /// Integer weights and embeddings instead of float ones.
    pub int8: Option<TinyInt8>,
}

impl Default for TinyOptions {
    fn default() -> Self {
        Self {
            family: Family::Bert,
            hidden_size: 8,
            layers: vec![LayerPlan::full(2, 4, 12), LayerPlan::full(1, 4, 7)],
            vocab_size: 128,
            max_position_embeddings: 32,
            max_seq_length: 24,
            num_labels: 3,
            hidden_act: Activation::Gelu,
            int8: None,
        }
    }
}

impl TinyOptions {
    /// With the tables of a Chinese BERT, for timing.
    pub fn with_real_tables() -> Self {
        Self {
            vocab_size: 21128,
            max_position_embeddings: 512,
            max_seq_length: 128,
            ..Self::default()
        }
    }
}

/// Sequences of these lengths, of ids all over a vocabulary of more than 5.
pub fn batch(lengths: &[usize], vocab_size: usize) -> Batch {
    let tokens: usize = lengths.iter().sum();
    let id = |i: usize| (5 + i * 7919 % (vocab_size - 5)) as u32;
    Batch {
        input_ids: (0..tokens).map(id).collect(),
        token_type_ids: vec![0; tokens],
        lengths: lengths.to_vec(),
    }
}

/// How a tiny model is quantised: every linear and every embedding table.
#[derive(Debug, Clone, Copy)]
pub struct TinyInt8 {
    /// Largest magnitude of an integer weight.
    pub weight_max: u8,
    /// Largest magnitude of an integer activation.
    pub activation_max: u8,
    /// A scale per token at run time instead of one for all.
    pub dynamic: bool,
}

impl Default for TinyInt8 {
    fn default() -> Self {
        Self {
            weight_max: 127,
            activation_max: 127,
            dynamic: false,
        }
    }
}

/// A valid model with random weights. The same seed and options give the same bytes; an int8 model
/// holds the rounded weights of the float model with the same seed.
pub fn tiny_artifact(seed: u64, options: &TinyOptions) -> Artifact {
    let mut plan = Plan {
        family: options.family,
        hidden_size: options.hidden_size,
        layer_norm_eps: 1e-12,
        num_labels: options.num_labels,
        embeddings: embeddings(options),
        block: Block::bert(options.hidden_act),
        layers: options.layers.clone(),
        head: Head::first_token(match options.family {
            Family::DistilBert => HeadActivation::Relu,
            Family::Electra => HeadActivation::Gelu,
            _ => HeadActivation::Tanh,
        }),
    };
    if options.family == Family::ModernBert {
        // Both poolings in the tests' many seeds.
        let pooling = [Pooling::FirstToken, Pooling::Mean][seed as usize % 2];
        modern_plan(&mut plan, pooling, 2);
    }
    let mut params = random_params(&plan, Seed(seed));
    let quant = match options.int8 {
        Some(int8) => quantize(&plan, &mut params, int8),
        None => QuantSpec::default(),
    };
    let labels = (0..options.num_labels).map(|i| format!("label {i}"));
    Artifact {
        task: TaskInfo::new("tiny", options.max_seq_length, labels.collect()),
        tokenizer: tiny_tokenizer(options.vocab_size).into(),
        plan,
        params,
        quant,
        provenance: Vec::new(),
    }
}

/// A family's, and always two token types where there are any.
fn embeddings(options: &TinyOptions) -> Embeddings {
    let width = options.hidden_size;
    let bert = Embeddings::bert(
        options.vocab_size,
        width,
        options.max_position_embeddings,
        2,
    );
    match options.family {
        Family::Bert | Family::ModernBert => bert,
        Family::Ernie => Embeddings {
            task_type_vocab_size: 3,
            ..bert
        },
        Family::DistilBert => Embeddings {
            type_vocab_size: 0,
            ..bert
        },
        Family::Roberta | Family::XlmRoberta | Family::Camembert => Embeddings {
            positions: vec![Position::Learned { offset: 2 }],
            ..bert
        },
        Family::Electra => Embeddings {
            width: width + 3,
            ..bert
        },
        Family::Mpnet => Embeddings {
            type_vocab_size: 0,
            positions: vec![
                Position::Learned { offset: 2 },
                Position::Bias {
                    buckets: 9,
                    max_distance: 13,
                    // One more than any layer has, where there can be.
                    heads: (1 + options.layers.iter().map(most_heads).max().unwrap_or(0))
                        .min(crate::artifact::limits::HEADS),
                },
            ],
            ..bert
        },
        Family::Albert => Embeddings {
            width: width.div_ceil(2),
            ..bert
        },
    }
}

/// Families that differ in their parts.
pub const FAMILIES: [Family; 8] = [
    Family::Bert,
    Family::Ernie,
    Family::DistilBert,
    Family::Roberta,
    Family::Electra,
    Family::Albert,
    Family::ModernBert,
    Family::Mpnet,
];

/// Heads that a layer had at least.
fn most_heads(layer: &LayerPlan) -> usize {
    layer
        .kept_heads
        .last()
        .map_or(0, |&head| usize::from(head) + 1)
}

/// All activations.
pub const ACTIVATIONS: [Activation; 3] = [Activation::Gelu, Activation::Relu, Activation::GeluTanh];

/// Random float tensors for a plan.
pub fn random_params(plan: &Plan, seed: Seed) -> Params {
    let specs = plan.expected_tensors(&QuantSpec::default()).into_iter();
    let tensor = |spec: TensorSpec| {
        let values = random_values(seed, &spec.name, &spec.shape);
        (spec.name, Tensor::f32(spec.shape, values))
    };
    specs.map(tensor).collect()
}

/// The vocabulary of [`tiny_artifact`] with exactly `vocab_size` tokens.
pub fn tiny_tokenizer(vocab_size: usize) -> WordPieceSpec {
    let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map(String::from);
    let letters = ('a'..='z').chain('0'..='9');
    let vocab: String = special
        .into_iter()
        .chain(CHARACTERS.chars().map(String::from))
        .chain(letters.clone().map(String::from))
        .chain(letters.map(|c| format!("##{c}")))
        .chain((0..).map(|i| format!("[unused{i}]")))
        .take(vocab_size)
        .map(|token| token + "\n")
        .collect();
    WordPieceSpec::from_vocab(&vocab).expect("the five special tokens are there")
}

/// Norm weights near 1, biases near 0, embeddings of unit size, linears that keep that size.
fn random_values(seed: Seed, name: &str, shape: &[usize]) -> Vec<f32> {
    let mut rng = seed.stream(name);
    let (centre, spread) = match shape {
        [_, input] if !name.starts_with("embeddings") || name.contains("projection") => {
            (0.0, (3.0 / *input as f32).sqrt())
        }
        [_, _] => (0.0, 1.0),
        _ if name.ends_with("LayerNorm.weight") => (1.0, 0.3),
        _ => (0.0, 0.3),
    };
    (0..shape.iter().product())
        .map(|_| centre + spread * (2.0 * rng.random::<f32>() - 1.0))
        .collect()
}

fn quantize(plan: &Plan, params: &mut Params, int8: TinyInt8) -> QuantSpec {
    let (activation, calibrator) = if int8.dynamic {
        (ActivationScheme::DynamicPerToken, None)
    } else {
        let scale = 3.0 / int8.activation_max as f32;
        let zero_point = 128;
        let fixed = ActivationScheme::Static { scale, zero_point };
        (fixed, Some(Calibrator::AbsMax))
    };
    let linears: Vec<Linear> = plan.linears();
    let embeddings: Vec<TableQuant> = plan.tables().into_iter().map(TableQuant::int8).collect();
    let linear_names = linears
        .iter()
        .map(|l| (l.weight(), l.scale(), int8.weight_max));
    let tables = embeddings.iter().map(|q| q.table);
    let table_names = tables.map(|e| (e.weight(), e.scale(), 127));
    for (weight, scale, max) in linear_names.chain(table_names) {
        quantize_rows(params, &weight, &scale, max);
    }
    QuantSpec {
        linears: linears
            .into_iter()
            .map(|linear| LinearQuant {
                weight_max: int8.weight_max,
                activation_max: int8.activation_max,
                activation,
                calibrator,
                ..LinearQuant::dynamic(linear)
            })
            .collect(),
        embeddings,
        attention: Vec::new(),
    }
}

/// Replaces a float matrix by bytes and one scale a row.
fn quantize_rows(params: &mut Params, weight: &str, scale: &str, max: u8) {
    let tensor = params.remove(weight).expect("the plan lists it");
    let shape = tensor.shape().to_vec();
    let values: &[f32] = bytemuck::cast_slice(tensor.bytes());
    let mut scales = Vec::with_capacity(shape[0]);
    let mut bytes = Vec::with_capacity(values.len());
    for row in values.chunks(shape[1]) {
        let largest = row.iter().fold(0f32, |m, v| m.max(v.abs()));
        let step = if largest > 0.0 {
            largest / max as f32
        } else {
            1.0
        };
        scales.push(step);
        bytes.extend(row.iter().map(|v| (v / step).round() as i8));
    }
    params.insert(scale, Tensor::f32([shape[0]], scales));
    params.insert(weight, Tensor::i8(shape, bytes));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiny_models_have_the_tensors_of_their_plan() {
        for family in FAMILIES {
            for int8 in [None, Some(TinyInt8::default())] {
                let options = TinyOptions {
                    family,
                    int8,
                    ..TinyOptions::default()
                };
                let tiny = tiny_artifact(1, &options);
                let expected = tiny.plan.expected_tensors(&tiny.quant);
                assert_eq!(expected.len(), tiny.params.len());
                for spec in expected {
                    let tensor = tiny.params.get(&spec.name).unwrap();
                    assert_eq!(
                        (tensor.shape(), tensor.dtype()),
                        (&spec.shape[..], spec.dtype)
                    );
                }
                assert_eq!(tiny.tokenizer.vocab_size(), tiny.plan.embeddings.vocab_size);
            }
        }
    }
}
