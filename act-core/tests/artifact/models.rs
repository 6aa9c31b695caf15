//! The models that these tests write and read.

use act_core::plan::{
    Block, Embeddings, Head, HeadActivation, HeadDense, NormPlace, Plan, Pooling, Position,
};
use act_core::provenance::{DataRecord, Digest, InputRecord, StageRecord};
use act_core::quant::GroupLimit;
use act_core::task_info::{Columns, Problem};
use act_core::testing::{TinyInt8, TinyOptions, random_params, tiny_artifact};
use act_core::tokenizer::{JsonSpec, Split};
use act_core::{Activation, Artifact, Family, LayerPlan, Seed};

/// The smallest model with a pruned layer of each kind, so that exhaustive tests stay fast.
pub fn small(int8: bool) -> Artifact {
    let options = TinyOptions {
        hidden_size: 4,
        vocab_size: 12,
        max_position_embeddings: 4,
        max_seq_length: 4,
        layers: vec![pruned_layer(2, &[1], 3), pruned_layer(2, &[], 0)],
        int8: int8.then(|| TinyInt8 {
            weight_max: 64,
            ..TinyInt8::default()
        }),
        ..TinyOptions::default()
    };
    with_provenance(tiny_artifact(7, &options))
}

/// One model of every kind that the format can hold.
pub fn all() -> Vec<(&'static str, Artifact)> {
    let tiny = TinyOptions::default();
    let no_heads = vec![LayerPlan::full(2, 4, 12), pruned_layer(4, &[], 5)];
    let no_neurons = vec![pruned_layer(4, &[0, 2], 0), LayerPlan::full(2, 4, 9)];
    let nothing = vec![pruned_layer(4, &[], 0), pruned_layer(4, &[], 0)];
    let int8 = Some(TinyInt8::default());
    let dynamic = Some(TinyInt8 {
        weight_max: 64,
        activation_max: 63,
        dynamic: true,
    });
    let options = [
        ("f32", tiny.clone()),
        (
            "int8",
            TinyOptions {
                int8,
                ..tiny.clone()
            },
        ),
        (
            "int8 dynamic",
            TinyOptions {
                int8: dynamic,
                ..tiny.clone()
            },
        ),
        (
            "no heads",
            TinyOptions {
                layers: no_heads.clone(),
                ..tiny.clone()
            },
        ),
        (
            "no heads int8",
            TinyOptions {
                layers: no_heads,
                int8,
                ..tiny.clone()
            },
        ),
        (
            "no neurons",
            TinyOptions {
                layers: no_neurons.clone(),
                ..tiny.clone()
            },
        ),
        (
            "no neurons int8",
            TinyOptions {
                layers: no_neurons,
                int8,
                ..tiny.clone()
            },
        ),
        (
            "no blocks",
            TinyOptions {
                layers: nothing,
                ..tiny.clone()
            },
        ),
        (
            "ernie",
            TinyOptions {
                family: Family::Ernie,
                ..tiny.clone()
            },
        ),
        (
            "ernie int8",
            TinyOptions {
                family: Family::Ernie,
                int8,
                ..tiny.clone()
            },
        ),
        (
            "relu",
            TinyOptions {
                hidden_act: Activation::Relu,
                num_labels: 1,
                ..tiny
            },
        ),
    ];
    let model = |(name, options)| (name, with_provenance(tiny_artifact(7, &options)));
    let mut all: Vec<_> = options.into_iter().map(model).collect();
    all.extend([
        ("odd parts", odd()),
        ("relative positions", relative()),
        ("odd words", odd_words()),
        ("limited groups", limited()),
    ]);
    all
}

/// A float model of parts that only schema 2 can say: norms before, gates, windows, rotary
/// positions, no biases, a `tokenizer.json`, several labels.
pub fn odd() -> Artifact {
    let mut model = small(false);
    let layer = |window| LayerPlan {
        window: std::num::NonZeroUsize::new(window),
        ..LayerPlan::full(2, 2, 3)
    };
    model.plan = Plan {
        embeddings: Embeddings {
            positions: vec![Position::Rotary {
                global_theta: 160_000.0,
                local_theta: 10_000.0,
            }],
            type_vocab_size: 0,
            ..model.plan.embeddings
        },
        block: Block {
            norms: NormPlace::BeforeButFirst,
            activation: Activation::Gelu,
            gated: true,
            attention_bias: false,
            feed_forward_bias: false,
            norm_bias: false,
            final_norm: true,
        },
        layers: vec![layer(0), layer(2)],
        head: Head {
            pooling: Pooling::Mean,
            dense: Some(HeadDense {
                activation: HeadActivation::Gelu,
                bias: false,
                norm: true,
            }),
        },
        ..model.plan
    };
    model.tokenizer = act_core::TokenizerSpec::Json(JsonSpec {
        text: "{\"model\":{}}".into(),
        vocab_size: 11,
        pad_id: 1,
    });
    model.task.problem = Problem::MultiLabel {
        thresholds: vec![0.5, 0.25, 1.0],
    };
    model.task.columns = Some(Columns {
        text: "sentence".into(),
        pair: None,
        label: Some("label".into()),
    });
    model.task.head_trained = Some(true);
    model.params = random_params(&model.plan, Seed(7));
    model
}

/// Relative positions of both kinds, narrow tables, norms before every block.
fn relative() -> Artifact {
    let mut model = small(false);
    model.plan.embeddings.width = 3;
    model.plan.embeddings.positions = vec![
        Position::Learned { offset: 2 },
        Position::Bias {
            buckets: 5,
            max_distance: 128,
            heads: 2,
        },
        Position::Disentangled {
            buckets: 4,
            max_distance: 512,
        },
    ];
    model.plan.block.norms = NormPlace::Before;
    model.plan.head.dense = None;
    model.params = random_params(&model.plan, Seed(7));
    model
}

/// WordPiece with rules that only schema 2 can say, for a regression.
fn odd_words() -> Artifact {
    let mut model = small(false);
    let words = model.tokenizer.word_piece_mut().unwrap();
    words.split = Split::PunctuationAndSymbols;
    words.whole_tokens = vec![0, 2, 11];
    words.cut_start = true;
    words.mask_id = None;
    model.task.problem = Problem::Regression;
    model.task.labels.truncate(1);
    model.task.head_trained = Some(false);
    model.plan.num_labels = 1;
    model.plan.head.dense = Some(HeadDense {
        activation: HeadActivation::Relu,
        bias: true,
        norm: false,
    });
    model.params = random_params(&model.plan, Seed(7));
    model
}

/// An int8 model whose weights keep to limits by twos and fours, one input with a multiplier.
pub fn limited() -> Artifact {
    let mut model = small(true);
    for (i, q) in model.quant.linears.iter_mut().enumerate() {
        let size = [2, 4][i % 2];
        let max = 64 * u16::from(size);
        q.group_limit = Some(GroupLimit { size, max });
    }
    let last = model.quant.linears.last_mut().unwrap();
    last.input_multiplier = true;
    let name = last.linear.input_multiplier();
    let ones = act_core::Tensor::f32([4], vec![1.0; 4]);
    model.params.insert(name, ones);
    model
}

fn pruned_layer(head_dim: usize, kept_heads: &[u16], intermediate_size: usize) -> LayerPlan {
    LayerPlan {
        head_dim,
        kept_heads: kept_heads.to_vec(),
        intermediate_size,
        window: None,
    }
}

/// Two stages' records with something in every field.
pub fn with_provenance(mut artifact: Artifact) -> Artifact {
    let mut record = StageRecord::new("act-prune", 42);
    record.version = "0.1.0".into();
    record.config = "Prune:\n  pruned_ratio: 0.25\n".into();
    record.inputs = vec![InputRecord {
        role: "model".into(),
        model_digest: Digest([7; 32]),
    }];
    record.data = vec![DataRecord {
        name: "afqmc/train".into(),
        digest: Digest([9; 32]),
        examples: 34_334,
        synthetic: true,
    }];
    record.metrics = vec![("accuracy".into(), 0.875)];
    artifact.provenance = vec![
        StageRecord {
            version: "0.1.0".into(),
            ..StageRecord::new("act-convert", 1)
        },
        record,
    ];
    artifact
}
