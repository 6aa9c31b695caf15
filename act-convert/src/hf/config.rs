//! `config.json` to the plan of an encoder. What the model's class would compute differently from
//! our encoders is refused by the key that says so; every size is bounded before anybody allocates.

use std::collections::BTreeSet;

use act_core::artifact::limits;
use act_core::plan::Position;
use act_core::{
    Activation, Block, Embeddings, Error, Family, Head, LayerPlan, Plan, ProblemKind, Result,
};
use serde_json::{Value, json};

use super::class;
use super::family::{FamilyTable, Key, Repeats};
use crate::file::brief;

/// What a `config.json` says.
#[derive(Debug, Clone)]
pub(super) struct Described {
    /// The family's table.
    pub table: &'static FamilyTable,
    /// The encoder, with one class.
    pub plan: Plan,
    /// How its layers are repeated.
    pub repeats: Option<Repeats>,
    /// What the answers are, if it says so.
    pub problem: Option<ProblemKind>,
    /// The padding token, where positions depend on it.
    pub pad_id: Option<usize>,
}

/// Reads a `config.json`. Defaults are those of the family's class of `transformers`.
///
/// # Errors
/// Rejected: another architecture, or a number out of its bounds.
pub(super) fn read(config: &Value) -> Result<Described> {
    let table = class::family(config)?;
    let activation = check_kind(config, table)?;
    let heads = at_key(config, &table.heads, limits::HEADS)?;
    let hidden_size = at_key(config, &table.hidden_size, limits::HIDDEN)?;
    if !hidden_size.is_multiple_of(heads) {
        return Err(Error::rejected(format!(
            "hidden_size {hidden_size} is not a multiple of num_attention_heads {heads}"
        )));
    }
    let (family, task_type_vocab_size) = task_types(config, table.family)?;
    let (layers, repeats) = layers(config, table, heads, hidden_size / heads)?;
    let (positions, pad_id) = positions(config, table)?;
    let mut plan = Plan {
        family,
        hidden_size,
        layer_norm_eps: table
            .epsilon
            .as_ref()
            .map_or(Ok(1e-12), |key| real(config, key, limits::EPSILON))?,
        num_labels: 1,
        embeddings: Embeddings {
            width: width(config, table, hidden_size)?,
            task_type_vocab_size,
            positions: std::iter::once(Position::Learned {
                offset: pad_id.map_or(0, |pad| pad + 1),
            })
            .chain(bias(config, table, heads)?)
            .collect(),
            ..Embeddings::bert(
                size(config, "vocab_size", None, limits::VOCAB)?,
                hidden_size,
                positions,
                match table.token_types {
                    0 => 0,
                    default => size(config, "type_vocab_size", Some(default), limits::TYPES)?,
                },
            )
        },
        block: Block::bert(activation),
        layers,
        head: Head::first_token(table.head),
    };
    if let Some(keys) = table.modern {
        modern::read(config, keys, &mut plan)?;
    }
    plan.check_supported()?;
    Ok(Described {
        table,
        plan,
        repeats,
        problem: problem(config)?,
        pad_id,
    })
}

/// Columns of the tables.
fn width(config: &Value, table: &FamilyTable, hidden_size: usize) -> Result<usize> {
    let Some(default) = table.embedding_size else {
        return Ok(hidden_size);
    };
    let width = size(config, "embedding_size", Some(default), limits::HIDDEN)?;
    if table.repeated && width == hidden_size {
        return Err(Error::rejected(format!(
            "embedding_size is hidden_size, {width}: a projection between equal widths is not \
             supported"
        )));
    }
    Ok(width)
}

/// Longest sequence, and the padding token where positions begin behind its row.
fn positions(config: &Value, table: &FamilyTable) -> Result<(usize, Option<usize>)> {
    let key = "max_position_embeddings";
    let rows = size(config, key, Some(table.longest), limits::POSITIONS)?;
    if !table.behind_pads {
        return Ok((rows, None));
    }
    let pad = config.get("pad_token_id").map_or(Some(1), Value::as_u64);
    match pad.and_then(|pad| usize::try_from(pad).ok()) {
        Some(pad) if pad + 1 < rows => Ok((rows - pad - 1, Some(pad))),
        _ => Err(Error::rejected(format!(
            "pad_token_id is {}: positions begin behind it, and {key} is {rows}",
            config.get("pad_token_id").map_or("1".into(), brief)
        ))),
    }
}

/// Furthest distance that has a bucket of its own, whatever `config.json` says.
const FURTHEST: usize = 128;

/// The bias by distance, if the family has one.
fn bias(config: &Value, table: &FamilyTable, heads: usize) -> Result<Option<Position>> {
    let Some(key) = &table.buckets else {
        return Ok(None);
    };
    if let Some(pad) = config.get("pad_token_id").filter(|pad| **pad != 1) {
        return Err(Error::rejected(format!(
            "pad_token_id is {}: the positions of {} begin behind 1",
            brief(pad),
            table.class
        )));
    }
    let buckets = at_key(config, key, limits::BUCKETS)?;
    if buckets != key.default {
        return Err(Error::rejected(format!(
            "{} is {buckets}: transformers' {} computes with {} whatever it says",
            key.names[0], table.class, key.default
        )));
    }
    Ok(Some(Position::Bias {
        buckets,
        max_distance: FURTHEST,
        heads,
    }))
}

/// What the answers are, if the configuration says so.
fn problem(config: &Value) -> Result<Option<ProblemKind>> {
    match config.get("problem_type") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(kind)) if kind == "single_label_classification" => {
            Ok(Some(ProblemKind::SingleLabel))
        }
        Some(Value::String(kind)) if kind == "multi_label_classification" => {
            Ok(Some(ProblemKind::MultiLabel))
        }
        Some(Value::String(kind)) if kind == "regression" => Ok(Some(ProblemKind::Regression)),
        Some(other) => Err(Error::rejected(format!(
            "problem_type {} is not supported: single_label_classification, \
             multi_label_classification and regression are",
            brief(other)
        ))),
    }
}

/// The activation, if nothing else would compute otherwise than our encoders do.
fn check_kind(config: &Value, table: &FamilyTable) -> Result<Activation> {
    let absolute = [json!("absolute"), Value::Null];
    let no = [json!(false), Value::Null];
    let supported = [
        ("position_embedding_type", &absolute[..], "\"absolute\" is"),
        ("is_decoder", &no, "encoders are"),
        ("is_encoder_decoder", &no, "encoders are"),
        ("add_cross_attention", &no, "encoders are"),
        (
            "quantization_config",
            &no[1..],
            "float models are; act-quant quantises them",
        ),
    ];
    for (key, values, those) in supported {
        if let Some(value) = config.get(key).filter(|v| !values.contains(v)) {
            return Err(Error::rejected(format!(
                "{key} {} is not supported: {those}",
                brief(value)
            )));
        }
    }
    let (name, key) = (
        table.activation.names[0],
        config.get(table.activation.names[0]),
    );
    let written = match key.filter(|value| !value.is_null()) {
        Some(value) => value.clone(),
        // BERT's classes take null for their default too.
        None => json!(table.activation.default),
    };
    match written.as_str() {
        Some("gelu") => Ok(Activation::Gelu),
        Some("relu") => Ok(Activation::Relu),
        // Three names of one function.
        Some("gelu_new" | "gelu_pytorch_tanh" | "gelu_fast") => Ok(Activation::GeluTanh),
        _ => Err(Error::rejected(format!(
            "{name} {} is not supported: \"gelu\", \"gelu_new\" and \"relu\" are",
            brief(&written)
        ))),
    }
}

/// ERNIE adds its task table only with `use_task_id`; without, it computes what BERT does.
fn task_types(config: &Value, family: Family) -> Result<(Family, usize)> {
    if family != Family::Ernie {
        return Ok((family, 0));
    }
    match config.get("use_task_id") {
        Some(Value::Bool(true)) => {
            let rows = size(config, "task_type_vocab_size", Some(3), limits::TYPES)?;
            Ok((Family::Ernie, rows))
        }
        None | Some(Value::Bool(false) | Value::Null) => Ok((Family::Bert, 0)),
        Some(value) => Err(Error::rejected(format!(
            "use_task_id is {}: true or false was expected",
            brief(value)
        ))),
    }
}

/// A number above 0 and at most `most`.
fn real(config: &Value, key: &Key<f32>, most: f32) -> Result<f32> {
    let name = key.names[0];
    let Some(value) = config.get(name) else {
        return Ok(key.default);
    };
    match value.as_f64().map(|v| v as f32) {
        Some(number) if number > 0.0 && number <= most => Ok(number),
        _ => Err(Error::rejected(format!(
            "{name} is {}: it must be above 0 and at most {most}",
            brief(value)
        ))),
    }
}

/// All layers alike but for `pruned_heads`, `{"layer": [head, ...]}` of the original numbers.
fn layers(
    config: &Value,
    table: &FamilyTable,
    heads: usize,
    head_dim: usize,
) -> Result<(Vec<LayerPlan>, Option<Repeats>)> {
    let named = at_key(config, &table.layers, limits::LAYERS)?;
    let repeats = repeats(config, table, named)?;
    let count = repeats.map_or(1, |repeats| repeats.inner) * named;
    if count > limits::LAYERS {
        let most = limits::LAYERS;
        return Err(Error::rejected(format!(
            "{named} times inner_group_num are {count} layers: at most {most} are supported"
        )));
    }
    let intermediate = at_key(config, &table.intermediate_size, limits::INTERMEDIATE)?;
    let mut layers = vec![LayerPlan::full(heads, head_dim, intermediate); count];
    let Some(pruned) = config.get("pruned_heads").filter(|p| !p.is_null()) else {
        return Ok((layers, repeats));
    };
    let wrong = || {
        Error::rejected(format!(
            "pruned_heads is {}: it must be {{\"layer\": [heads]}} with layers below {count} and, \
             in each, some but not all of the {heads} heads",
            brief(pruned)
        ))
    };
    for (layer, gone) in pruned.as_object().ok_or_else(wrong)? {
        let layer: usize = layer.parse().map_err(|_| wrong())?;
        let gone: BTreeSet<u64> = gone
            .as_array()
            .and_then(|list| list.iter().map(Value::as_u64).collect())
            .ok_or_else(wrong)?;
        if gone.len() >= heads || gone.last().is_some_and(|&h| h >= heads as u64) {
            return Err(wrong());
        }
        let layer = layers.get_mut(layer).ok_or_else(wrong)?;
        layer.kept_heads.retain(|&h| !gone.contains(&u64::from(h)));
    }
    match repeats.filter(|_| layers.iter().any(|layer| layer.heads() != heads)) {
        Some(_) => Err(Error::rejected(
            "pruned_heads of layers that are repeated are not supported",
        )),
        None => Ok((layers, repeats)),
    }
}

/// How `layers` layers are put together from few.
fn repeats(config: &Value, table: &FamilyTable, layers: usize) -> Result<Option<Repeats>> {
    if !table.repeated {
        return Ok(None);
    }
    let groups = size(config, "num_hidden_groups", Some(1), limits::LAYERS)?;
    let inner = size(config, "inner_group_num", Some(1), limits::LAYERS)?;
    if !layers.is_multiple_of(groups) {
        return Err(Error::rejected(format!(
            "num_hidden_layers {layers} is not a multiple of num_hidden_groups {groups}"
        )));
    }
    Ok(Some(Repeats {
        times: layers / groups,
        inner,
    }))
}

/// The size at a key of the family, or at another name of it.
///
/// # Errors
/// Rejected: out of bounds, or two names that disagree.
fn at_key(config: &Value, key: &Key<usize>, most: usize) -> Result<usize> {
    let there = key.names.iter().filter(|name| config.get(**name).is_some());
    let mut there = there.copied();
    let first = there.next().unwrap_or(key.names[0]);
    if let Some(other) = there.find(|other| config[*other] != config[first]) {
        return Err(Error::rejected(format!("{first} and {other} disagree")));
    }
    size(config, first, Some(key.default), most)
}

/// A size of 1 to `most`.
fn size(config: &Value, key: &str, default: Option<usize>, most: usize) -> Result<usize> {
    let value = match (config.get(key), default) {
        (Some(value), _) => value,
        (None, Some(default)) => return Ok(default),
        (None, None) => return Err(Error::rejected(format!("no {key}"))),
    };
    match value.as_u64() {
        Some(n) if (1..=most as u64).contains(&n) => Ok(n as usize),
        _ => Err(Error::rejected(format!(
            "{key} is {}: it must be 1 to {most}",
            brief(value)
        ))),
    }
}

mod modern;
#[cfg(test)]
mod tests;
