//! The models that these tests write and read.

use act_core::provenance::{DataRecord, Digest, InputRecord, StageRecord};
use act_core::quant::WeightBits;
use act_core::testing::{TinyInt8, TinyOptions, tiny_artifact};
use act_core::testing::{in_four_bits, limited_groups, odd_parts, odd_words, relative_positions};
use act_core::{Activation, Artifact, Family, LayerPlan};

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
        ("relative positions", relative_positions(small(false))),
        ("odd words", odd_words(small(false))),
        ("limited groups", limited()),
        ("four bits", four_bits()),
        ("attention in integers", in_integers(small(true))),
    ]);
    all
}

/// Attention of every layer with heads multiplies bytes.
pub fn in_integers(mut artifact: Artifact) -> Artifact {
    let layers = artifact.plan.layers.iter().enumerate();
    let with_heads = layers.filter(|(_, layer)| layer.heads() > 0);
    artifact.quant.attention = with_heads.map(|(l, _)| l).collect();
    artifact
}

/// A float model of parts that only schema 2 can say.
pub fn odd() -> Artifact {
    odd_parts(small(false))
}

/// A model of four-bit integers, in groups of both sizes and with limits.
pub fn four_bits() -> Artifact {
    let mut model = limited_groups(in_four_bits(small(true), 32));
    for table in &mut model.quant.embeddings {
        table.bits = WeightBits::Four { group: 64 };
    }
    model
}

/// An int8 model with what only schema 2 can say.
pub fn limited() -> Artifact {
    limited_groups(small(true))
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
