//! Models of parts that only schema 2 of the artifact can say, made of plain ones.

use std::num::NonZeroUsize;

use super::random_params;
use crate::artifact::Artifact;
use crate::plan::{
    Block, Head, HeadActivation, HeadDense, LayerPlan, NormPlace, Plan, Pooling, Position,
};
use crate::quant::GroupLimit;
use crate::seed::Seed;
use crate::task_info::{Columns, Problem};
use crate::tensor::Tensor;
use crate::tokenizer::{JsonSpec, Split, TokenizerSpec, Truncation};

/// Makes a plan one of ModernBERT's parts: norms before, gates, windows in every second layer,
/// rotary positions, no biases. Heads of an odd size, which cannot be turned, get one number more.
pub fn modern_plan(plan: &mut Plan, pooling: Pooling, window: usize) {
    plan.embeddings.positions = vec![Position::Rotary {
        global_theta: 160_000.0,
        local_theta: 10_000.0,
    }];
    plan.embeddings.type_vocab_size = 0;
    plan.block = Block {
        norms: NormPlace::BeforeButFirst,
        activation: plan.block.activation,
        gated: true,
        attention_bias: false,
        feed_forward_bias: false,
        norm_bias: false,
        final_norm: true,
    };
    for (l, layer) in plan.layers.iter_mut().enumerate() {
        layer.head_dim = layer.head_dim.next_multiple_of(2);
        layer.window = NonZeroUsize::new(window).filter(|_| l % 2 == 1);
    }
    plan.head = Head {
        pooling,
        dense: Some(HeadDense {
            activation: HeadActivation::Gelu,
            bias: false,
            norm: true,
        }),
    };
}

/// Those parts, a `tokenizer.json` and several labels: what only schema 2 can say.
pub fn odd_parts(mut model: Artifact) -> Artifact {
    model.plan.layers = vec![LayerPlan::full(2, 2, 3); 2];
    modern_plan(&mut model.plan, Pooling::Mean, 2);
    model.tokenizer = TokenizerSpec::Json(JsonSpec {
        text: "{\"model\":{}}".into(),
        vocab_size: model.plan.embeddings.vocab_size - 1,
        pad_id: 1,
    });
    model.task.problem = Problem::MultiLabel {
        thresholds: vec![0.25; model.plan.num_labels],
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
pub fn relative_positions(mut model: Artifact) -> Artifact {
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
pub fn odd_words(mut model: Artifact) -> Artifact {
    if let TokenizerSpec::WordPiece(words) = &mut model.tokenizer {
        words.split = Split::PunctuationAndSymbols;
        words.whole_tokens = vec![0, 2];
        words.cut = Truncation::Start;
        words.mask_id = None;
    }
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
pub fn limited_groups(mut model: Artifact) -> Artifact {
    for (i, q) in model.quant.linears.iter_mut().enumerate() {
        let size = [2, 4][i % 2];
        let max = u16::from(q.weight_max) * u16::from(size);
        q.group_limit = Some(GroupLimit { size, max });
    }
    if let Some(last) = model.quant.linears.last_mut() {
        last.input_multiplier = true;
        let [_, input] = model.plan.linear_shape(last.linear);
        let ones = Tensor::f32([input], vec![1.0; input]);
        model.params.insert(last.linear.input_multiplier(), ones);
    }
    model
}

/// An int8 model with a multiplier at all its inputs: powers of `base` from its inverse up.
pub fn multiplied_inputs(mut model: Artifact, base: f32) -> Artifact {
    for q in &mut model.quant.linears {
        q.input_multiplier = true;
    }
    for q in &model.quant.linears {
        let name = model.quant.first_reader(q.linear).input_multiplier();
        let [_, input] = model.plan.linear_shape(q.linear);
        let multiplier = (0..input).map(|c| base.powf((c * 7 % 11) as f32 / 5.0 - 1.0));
        let multiplier = Tensor::f32([input], multiplier.collect::<Vec<_>>());
        model.params.insert(name, multiplier);
    }
    model
}

/// An int8 model of which groups of `size` weights are cut down to what kernels can add in 16 bits.
pub fn within_16_bits(mut model: Artifact, size: u8) -> Artifact {
    for q in &mut model.quant.linears {
        let limit = GroupLimit::of_16_bits(size, 2 * i32::from(q.activation_max));
        let [_, columns] = model.plan.linear_shape(q.linear);
        let name = q.linear.weight();
        let Ok(weight) = model.params.i8(&name) else {
            continue;
        };
        let mut weight = weight.to_vec();
        for row in weight.chunks_mut(columns.max(1)) {
            let before: Vec<f32> = row.iter().map(|&w| w.into()).collect();
            limit.cut(&before, 1.0, row);
        }
        let shape = model.plan.linear_shape(q.linear);
        model.params.insert(name, Tensor::i8(shape, weight));
        q.group_limit = Some(limit);
    }
    model
}
