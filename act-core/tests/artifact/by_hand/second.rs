//! The payloads of schema 2.

use act_core::plan::{Block, Embeddings, Head, HeadActivation, NormPlace, Pooling, Position};
use act_core::quant::{ActivationScheme, WeightBits};
use act_core::tokenizer::{Split, Truncation};
use act_core::{Activation, Artifact, Problem, TokenizerSpec};

use super::{Bytes, code_of, family_code, name_of, table_name};

/// META in schema 2.
pub fn meta(a: &Artifact) -> Vec<u8> {
    let (mut out, plan, task) = (Bytes::default(), &a.plan, &a.task);
    out.u16(family_code(plan.family));
    out.u32(plan.hidden_size).f32(plan.layer_norm_eps);
    let embeddings = &plan.embeddings;
    out.u32(embeddings.vocab_size).u32(embeddings.width);
    out.u32(embeddings.longest).u64(embeddings.positions.len());
    for position in &embeddings.positions {
        match *position {
            Position::Learned { offset } => out.part(1, &[offset], &[]),
            Position::Rotary {
                global_theta,
                local_theta,
            } => out.part(2, &[], &[global_theta, local_theta]),
            Position::Bias {
                buckets,
                max_distance,
                heads,
            } => out.part(3, &[buckets, max_distance, heads], &[]),
            Position::Disentangled {
                buckets,
                max_distance,
            } => out.part(4, &[buckets, max_distance], &[]),
        };
    }
    out.u32(embeddings.type_vocab_size)
        .u32(embeddings.task_type_vocab_size)
        .flag(embeddings.norm);
    let block = &plan.block;
    out.u16(match block.norms {
        NormPlace::After => 1,
        NormPlace::Before => 2,
        NormPlace::BeforeButFirst => 3,
    });
    out.u16(match block.activation {
        Activation::Gelu => 1,
        Activation::Relu => 2,
        Activation::GeluTanh => 3,
    });
    out.flag(block.gated).flag(block.attention_bias);
    out.flag(block.feed_forward_bias).flag(block.norm_bias);
    out.flag(block.final_norm).u64(plan.layers.len());
    for layer in &plan.layers {
        out.u32(layer.head_dim).u64(layer.kept_heads.len());
        for &h in &layer.kept_heads {
            out.u16(h);
        }
        out.u32(layer.intermediate_size);
        out.u32(layer.window.map_or(0, |window| window.get()));
    }
    out.u16(match plan.head.pooling {
        Pooling::FirstToken => 1,
        Pooling::Mean => 2,
    });
    out.flag(plan.head.dense.is_some());
    if let Some(dense) = plan.head.dense {
        out.u16(match dense.activation {
            HeadActivation::Gelu => 1,
            HeadActivation::Relu => 2,
            HeadActivation::Tanh => 5,
        });
        out.flag(dense.bias).flag(dense.norm);
    }
    out.text(&task.name).u32(task.max_seq_length);
    out.u64(task.labels.len());
    for label in &task.labels {
        out.text(label);
    }
    match &task.problem {
        Problem::SingleLabel => out.part(1, &[], &[]),
        Problem::MultiLabel { thresholds } => out.part(2, &[], thresholds),
        Problem::Regression => out.part(3, &[], &[]),
    };
    out.flag(task.columns.is_some());
    if let Some(columns) = &task.columns {
        out.text(&columns.text)
            .option(columns.pair.as_deref())
            .option(columns.label.as_deref());
    }
    out.flag(task.head_trained.is_some());
    task.head_trained.map(|trained| out.flag(trained));
    out.0
}

/// TOKN in schema 2.
pub fn tokenizer(a: &Artifact) -> Vec<u8> {
    let mut out = Bytes::default();
    match &a.tokenizer {
        TokenizerSpec::WordPiece(t) => {
            out.u16(1).u32(t.tokens().count()).u32(t.pad_id as usize);
            out.flag(true).flag(t.lowercase).flag(t.strip_accents);
            out.flag(t.split_cjk);
            out.u16(match t.split {
                Split::Punctuation => 1,
                Split::PunctuationAndSymbols => 2,
                Split::SymbolsOutsideWholeTokens => 3,
            });
            out.u64(t.whole_tokens.len());
            for &id in &t.whole_tokens {
                out.u32(id as usize);
            }
            out.raw(&[match t.cut {
                Truncation::End => 0,
                Truncation::Start => 1,
                Truncation::HalvesEnd => 2,
                Truncation::HalvesStart => 3,
            }]);
            for id in [t.max_word_chars, t.unk_id, t.cls_id, t.sep_id] {
                out.u32(id as usize);
            }
            out.flag(t.mask_id.is_some());
            t.mask_id.map(|id| out.u32(id as usize));
            out.text(&t.vocab);
        }
        TokenizerSpec::Json(t) => {
            out.u16(2).u32(t.vocab_size).u32(t.pad_id as usize);
            out.flag(false).text(&t.text);
        }
    }
    out.0
}

/// QUAN in schema 2.
pub fn quant(a: &Artifact) -> Vec<u8> {
    let mut out = Bytes::default();
    out.u64(a.quant.linears.len() + a.quant.attention.len());
    for q in &a.quant.linears {
        out.text(&name_of(q.linear));
        bits(&mut out, q.bits);
        out.raw(&[q.weight_max]).flag(q.group_limit.is_some());
        q.group_limit
            .map(|limit| out.raw(&[limit.size]).u16(limit.max));
        match q.activation {
            ActivationScheme::Static { scale, zero_point } => {
                out.part(1, &[zero_point.into()], &[scale])
            }
            ActivationScheme::DynamicPerToken => out.part(2, &[], &[]),
        };
        out.raw(&[q.activation_max]).flag(q.input_multiplier);
        out.u16(code_of(q.calibrator)).f32(q.calibrator_arg);
    }
    for layer in &a.quant.attention {
        out.text(&format!("layer.{layer}.attention.products"));
        out.part(3, &[], &[]).raw(&[127]).flag(false);
        out.part(2, &[], &[]).raw(&[127]).flag(false);
        out.u16(0).f32(0.0);
    }
    out.u64(a.quant.embeddings.len());
    for q in &a.quant.embeddings {
        out.text(table_name(q.table));
        bits(&mut out, q.bits);
    }
    out.0
}

fn bits(out: &mut Bytes, bits: WeightBits) {
    match bits {
        WeightBits::Eight => out.part(1, &[], &[]),
        WeightBits::Four { group } => out.part(2, &[group], &[]),
    };
}

/// Whether something has four bits.
pub fn four_bits(a: &Artifact) -> bool {
    let linears = a.quant.linears.iter().map(|q| q.bits);
    let mut all = linears.chain(a.quant.embeddings.iter().map(|q| q.bits));
    all.any(|bits| bits != WeightBits::Eight)
}

/// Whether META, TOKN and QUAN need schema 2.
pub fn needed(a: &Artifact) -> [bool; 3] {
    let (plan, task) = (&a.plan, &a.task);
    let berts = Embeddings {
        task_type_vocab_size: plan.embeddings.task_type_vocab_size,
        ..Embeddings::bert(
            plan.embeddings.vocab_size,
            plan.hidden_size,
            plan.embeddings.longest,
            plan.embeddings.type_vocab_size,
        )
    };
    let meta = plan.embeddings == berts
        && plan.embeddings.type_vocab_size > 0
        && plan.block == Block::bert(plan.block.activation)
        && plan.layers.iter().all(|layer| layer.window.is_none())
        && plan.head == Head::BERT
        && task.problem == Problem::SingleLabel
        && task.columns.is_none()
        && task.head_trained.is_none();
    let tokenizer = match &a.tokenizer {
        TokenizerSpec::WordPiece(t) => {
            t.split == Split::Punctuation
                && t.whole_tokens.is_empty()
                && t.cut == Truncation::End
                && t.mask_id.is_some()
        }
        TokenizerSpec::Json(_) => false,
    };
    let mut linears = a.quant.linears.iter();
    let quant = linears.all(|q| q.group_limit.is_none() && !q.input_multiplier);
    [
        !meta,
        !tokenizer,
        !quant || four_bits(a) || !a.quant.attention.is_empty(),
    ]
}
