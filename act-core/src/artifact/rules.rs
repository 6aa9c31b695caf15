//! The rules of the domain: what a plan, a task, a tokenizer, a quantisation and a record must
//! keep to, whether they come from a file or are about to go into one.

use std::collections::HashSet;

use super::{TaskInfo, limits};
use crate::error::{Error, Result};
use crate::names::Linear;
use crate::plan::{Family, LayerPlan, Plan};
use crate::provenance::StageRecord;
use crate::quant::{ActivationScheme, LinearQuant, QuantSpec};
use crate::tokenizer::TokenizerSpec;

/// Checks that `value` is in `low..=high`.
fn between(what: &str, value: usize, low: usize, high: usize) -> Result<()> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(Error::rejected(format!(
        "{what} is {value}; {low} to {high} are allowed"
    )))
}

/// Checks a text that gets printed: not empty, not long, and nothing that moves a cursor.
fn printable(what: &str, text: &str) -> Result<()> {
    between(
        &format!("length of {what} in bytes"),
        text.len(),
        1,
        limits::SHORT_TEXT,
    )?;
    without_control(what, text, &[])
}

fn without_control(what: &str, text: &str, allowed: &[char]) -> Result<()> {
    match text
        .chars()
        .find(|c| c.is_control() && !allowed.contains(c))
    {
        Some(c) => Err(Error::rejected(format!(
            "{what} holds the control character {c:?}"
        ))),
        None => Ok(()),
    }
}

/// Sizes within their bounds and in keeping with the family.
pub fn check_plan(plan: &Plan) -> Result<()> {
    between("hidden_size", plan.hidden_size, 1, limits::HIDDEN)?;
    between("vocab_size", plan.vocab_size, 1, limits::VOCAB)?;
    let positions = plan.max_position_embeddings;
    between("max_position_embeddings", positions, 1, limits::POSITIONS)?;
    between("type_vocab_size", plan.type_vocab_size, 1, limits::TYPES)?;
    let (fewest, most) = match plan.family {
        Family::Bert => (0, 0),
        Family::Ernie => (1, limits::TYPES),
    };
    between(
        "task_type_vocab_size",
        plan.task_type_vocab_size,
        fewest,
        most,
    )?;
    let epsilon = plan.layer_norm_eps;
    if !(epsilon > 0.0 && epsilon <= limits::EPSILON) {
        return Err(Error::rejected(format!(
            "layer_norm_eps is {epsilon}; above 0 to {} is allowed",
            limits::EPSILON
        )));
    }
    between("num_labels", plan.num_labels, 1, limits::LABELS)?;
    between("number of layers", plan.layers.len(), 1, limits::LAYERS)?;
    for (l, layer) in plan.layers.iter().enumerate() {
        check_layer(layer).map_err(|e| e.context(format!("layer {l}")))?;
    }
    Ok(())
}

fn check_layer(layer: &LayerPlan) -> Result<()> {
    let heads = &layer.kept_heads;
    between("number of heads", heads.len(), 0, limits::HEADS)?;
    let rising = heads.is_sorted_by(|a, b| a < b);
    if !rising || heads.last().is_some_and(|&h| h as usize >= limits::HEADS) {
        let most = limits::HEADS;
        let message = format!("kept_heads {heads:?} are not rising numbers below {most}");
        return Err(Error::rejected(message));
    }
    // Where no head is left, its size says nothing.
    let least = usize::from(!heads.is_empty());
    between("head_dim", layer.head_dim, least, limits::HIDDEN)?;
    between(
        "intermediate_size",
        layer.intermediate_size,
        0,
        limits::INTERMEDIATE,
    )
}

/// The task fits the plan; labels are distinct.
pub fn check_task(task: &TaskInfo, plan: &Plan) -> Result<()> {
    printable("the task's name", &task.name)?;
    let positions = plan.max_position_embeddings;
    between(
        "max_seq_length",
        task.max_seq_length,
        limits::MIN_SEQUENCE,
        positions,
    )?;
    let labels = task.labels.len();
    if labels != plan.num_labels {
        let classes = plan.num_labels;
        return Err(Error::rejected(format!(
            "{labels} labels for {classes} classes"
        )));
    }
    let mut seen = HashSet::new();
    for (i, label) in task.labels.iter().enumerate() {
        printable(&format!("label {i}"), label)?;
        if !seen.insert(label) {
            return Err(Error::rejected(format!("label {label:?} occurs twice")));
        }
    }
    Ok(())
}

/// The vocabulary has a row of the word table for each token, the special tokens among them.
pub fn check_tokenizer(spec: &TokenizerSpec, plan: &Plan) -> Result<()> {
    let tokens = spec.vocab_size();
    if tokens != plan.vocab_size {
        let rows = plan.vocab_size;
        return Err(Error::rejected(format!(
            "{tokens} tokens for a word table of {rows} rows"
        )));
    }
    between(
        "max_word_chars",
        spec.max_word_chars as usize,
        1,
        limits::SHORT_TEXT,
    )?;
    let special = [
        ("pad_id", spec.pad_id),
        ("unk_id", spec.unk_id),
        ("cls_id", spec.cls_id),
        ("sep_id", spec.sep_id),
        ("mask_id", spec.mask_id),
    ];
    for (what, id) in special {
        between(what, id as usize, 0, tokens - 1)?;
    }
    Ok(())
}

/// Only what has weights is quantised, each once and in the plan's order, so that a quantisation
/// has one spelling.
pub fn check_quant(quant: &QuantSpec, plan: &Plan) -> Result<()> {
    let linears = plan.linears();
    in_order(quant.linears.iter().map(|q| q.linear), &linears)?;
    in_order(quant.embeddings.iter().copied(), &plan.embeddings())?;
    for q in &quant.linears {
        check_linear(q).map_err(|e| e.context(q.linear))?;
    }
    for l in 0..plan.layers.len() {
        let inputs = [Linear::Query(l), Linear::Key(l), Linear::Value(l)];
        let mut sites = inputs.into_iter().filter_map(|linear| quant.linear(linear));
        let Some(first) = sites.next() else { continue };
        let same = |q: &LinearQuant| {
            (q.activation, q.activation_max) == (first.activation, first.activation_max)
        };
        if !sites.all(same) {
            return Err(Error::rejected(format!(
                "layer {l}: query, key and value see one input and must quantise it alike"
            )));
        }
    }
    Ok(())
}

/// `listed` must be a part of `all`, in its order.
fn in_order<T: PartialEq + std::fmt::Display>(
    listed: impl Iterator<Item = T>,
    all: &[T],
) -> Result<()> {
    let mut rest = all.iter();
    for item in listed {
        if !rest.any(|other| *other == item) {
            return Err(Error::rejected(format!(
                "{item} is listed twice, out of order, or has no weights in this plan"
            )));
        }
    }
    Ok(())
}

fn check_linear(q: &LinearQuant) -> Result<()> {
    between("weight_max", q.weight_max.into(), 1, 127)?;
    between("activation_max", q.activation_max.into(), 1, 127)?;
    // Engines multiply by its inverse, which is infinite for the smallest subnormal numbers.
    if let ActivationScheme::Static { scale, .. } = q.activation
        && !(scale.is_normal() && scale > 0.0)
    {
        return Err(Error::rejected(format!(
            "scale {scale:e} is not a normal number above 0"
        )));
    }
    if !q.calibrator_arg.is_finite() {
        let arg = q.calibrator_arg;
        return Err(Error::rejected(format!(
            "calibrator_arg {arg} is not finite"
        )));
    }
    Ok(())
}

/// Records can be printed, and their numbers written as JSON.
pub fn check_provenance(records: &[StageRecord]) -> Result<()> {
    for (i, record) in records.iter().enumerate() {
        check_record(record).map_err(|e| e.context(format!("record {i}")))?;
    }
    Ok(())
}

fn check_record(record: &StageRecord) -> Result<()> {
    printable("stage", &record.stage)?;
    printable("version", &record.version)?;
    printable("device", &record.device)?;
    without_control("config", &record.config, &['\n', '\t'])?;
    for input in &record.inputs {
        printable("role", &input.role)?;
    }
    for data in &record.data {
        printable("name of the data", &data.name)?;
    }
    for (name, value) in &record.metrics {
        printable("name of a metric", name)?;
        if !value.is_finite() {
            return Err(Error::rejected(format!(
                "metric {name} is {value}, not a finite number"
            )));
        }
    }
    Ok(())
}
