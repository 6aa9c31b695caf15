//! The rules of the domain: what a plan, a task, a tokenizer, a quantisation and a record must
//! keep to, whether they come from a file or are about to go into one.

use std::collections::HashSet;
use std::num::NonZeroUsize;

use super::limits;
use crate::error::{Error, Result};
use crate::names::Linear;
use crate::plan::{Embeddings, Family, LayerPlan, Plan, Position};
use crate::provenance::StageRecord;
use crate::quant::{ActivationScheme, LinearQuant, QuantSpec, WeightBits};
use crate::task_info::{Problem, TaskInfo};
use crate::tokenizer::{TokenizerSpec, WordPieceSpec};

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
    let control = |c: &char| c.is_control() && !allowed.contains(c);
    match text.chars().find(control) {
        Some(c) => Err(Error::rejected(format!(
            "{what} holds the control character {c:?}"
        ))),
        None => Ok(()),
    }
}

/// Sizes within their bounds and in keeping with the family's name.
pub fn check_plan(plan: &Plan) -> Result<()> {
    between("hidden_size", plan.hidden_size, 1, limits::HIDDEN)?;
    check_embeddings(&plan.embeddings)?;
    let (fewest, most) = match plan.family {
        Family::Ernie => (1, limits::TYPES),
        _ => (0, 0),
    };
    let tasks = plan.embeddings.task_type_vocab_size;
    between("task_type_vocab_size", tasks, fewest, most)?;
    real("layer_norm_eps", plan.layer_norm_eps, limits::EPSILON)?;
    between("num_labels", plan.num_labels, 1, limits::LABELS)?;
    between("number of layers", plan.layers.len(), 1, limits::LAYERS)?;
    for (l, layer) in plan.layers.iter().enumerate() {
        check_layer(layer).map_err(|e| e.context(format!("layer {l}")))?;
    }
    Ok(())
}

/// Checks that `value` is above 0 and at most `high`.
fn real(what: &str, value: f32, high: f32) -> Result<()> {
    if value > 0.0 && value <= high {
        return Ok(());
    }
    Err(Error::rejected(format!(
        "{what} is {value}; above 0 to {high} is allowed"
    )))
}

fn check_embeddings(embeddings: &Embeddings) -> Result<()> {
    between("vocab_size", embeddings.vocab_size, 1, limits::VOCAB)?;
    between("embedding width", embeddings.width, 1, limits::HIDDEN)?;
    let longest = embeddings.longest;
    between("max_position_embeddings", longest, 1, limits::POSITIONS)?;
    let types = embeddings.type_vocab_size;
    between("type_vocab_size", types, 0, limits::TYPES)?;
    let positions = &embeddings.positions;
    if !positions.is_sorted_by(|a, b| a.kind() < b.kind()) {
        return Err(Error::rejected(
            "position schemes are listed twice or out of order",
        ));
    }
    positions
        .iter()
        .try_for_each(|p| check_position(p, longest))
}

fn check_position(position: &Position, longest: usize) -> Result<()> {
    let between_buckets = |what, n| between(what, n, 1, limits::BUCKETS);
    match *position {
        Position::Learned { offset } => {
            let most = limits::POSITIONS - longest;
            between("offset of the position table", offset, 0, most)
        }
        Position::Rotary {
            global_theta,
            local_theta,
        } => {
            real("theta of whole attention", global_theta, limits::THETA)?;
            real("theta of windows", local_theta, limits::THETA)
        }
        Position::Bias {
            buckets,
            max_distance,
            heads,
        } => {
            between("heads of the position bias", heads, 1, limits::HEADS)?;
            between_buckets("buckets", buckets)?;
            between("max_distance", max_distance, 1, limits::POSITIONS)
        }
        Position::Disentangled {
            buckets,
            max_distance,
        } => {
            between_buckets("buckets", buckets)?;
            between("max_distance", max_distance, 1, limits::POSITIONS)
        }
    }
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
    let neurons = layer.intermediate_size;
    between("intermediate_size", neurons, 0, limits::INTERMEDIATE)?;
    let window = layer.window.map_or(1, NonZeroUsize::get);
    between("attention window", window, 1, limits::POSITIONS)
}

/// The task fits the plan; labels are distinct.
pub fn check_task(task: &TaskInfo, plan: &Plan) -> Result<()> {
    printable("the task's name", &task.name)?;
    let positions = plan.embeddings.longest;
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
    check_problem(&task.problem, labels)?;
    let Some(columns) = &task.columns else {
        return Ok(());
    };
    let names = [
        Some(&columns.text),
        columns.pair.as_ref(),
        columns.label.as_ref(),
    ];
    let mut names = names.into_iter().flatten();
    names.try_for_each(|name| printable("the name of a column", name))
}

fn check_problem(problem: &Problem, labels: usize) -> Result<()> {
    match problem {
        Problem::SingleLabel => Ok(()),
        Problem::MultiLabel { thresholds } => {
            between("number of thresholds", thresholds.len(), labels, labels)?;
            let mut thresholds = thresholds.iter();
            thresholds.try_for_each(|&t| real("a threshold", t, 1.0))
        }
        Problem::Regression => between("number of scores of a regression", labels, 1, 1),
    }
}

/// Every token has a row of the word table, the special ones among them.
pub fn check_tokenizer(spec: &TokenizerSpec, plan: &Plan) -> Result<()> {
    let (tokens, rows) = (spec.vocab_size(), plan.embeddings.vocab_size);
    match spec {
        TokenizerSpec::WordPiece(spec) => check_word_piece(spec, tokens, rows),
        TokenizerSpec::Json(spec) => {
            between("number of tokens", tokens, 1, rows)?;
            between("pad_id", spec.pad_id as usize, 0, tokens - 1)
        }
    }
}

fn check_word_piece(spec: &WordPieceSpec, tokens: usize, rows: usize) -> Result<()> {
    if tokens != rows {
        return Err(Error::rejected(format!(
            "{tokens} tokens for a word table of {rows} rows"
        )));
    }
    let longest = spec.max_word_chars as usize;
    between("max_word_chars", longest, 1, limits::SHORT_TEXT)?;
    for (what, id) in spec.special() {
        between(what, id as usize, 0, tokens - 1)?;
    }
    let whole = &spec.whole_tokens;
    if !whole.is_sorted_by(|a, b| a < b) || whole.last().is_some_and(|&id| id as usize >= tokens) {
        return Err(Error::rejected(format!(
            "tokens that are looked for in texts are not rising ids below {tokens}"
        )));
    }
    Ok(())
}

/// Only what has weights is quantised, each once and in the plan's order, so that a quantisation
/// has one spelling.
pub fn check_quant(quant: &QuantSpec, plan: &Plan) -> Result<()> {
    let linears = plan.linears();
    in_order(quant.linears.iter().map(|q| q.linear), &linears)?;
    in_order(quant.embeddings.iter().map(|q| q.table), &plan.tables())?;
    check_attention(&quant.attention, plan)?;
    for q in &quant.linears {
        check_linear(q).map_err(|e| e.context(q.linear))?;
    }
    for q in &quant.embeddings {
        check_bits(q.bits).map_err(|e| e.context(q.table))?;
    }
    for l in 0..plan.layers.len() {
        check_readers(quant, Linear::Query(l), "query, key and value")
            .and_then(|()| check_readers(quant, Linear::Intermediate(l), "neurons and their gate"))
            .map_err(|e| e.context(format!("layer {l}")))?;
    }
    Ok(())
}

/// All that read the input of `linear` quantise it alike.
fn check_readers(quant: &QuantSpec, linear: Linear, names: &str) -> Result<()> {
    let readers = linear.readers().into_iter();
    let mut sites = readers.filter_map(|linear| quant.linear(linear));
    let input = |q: &LinearQuant| (q.activation, q.activation_max, q.input_multiplier);
    let first = sites.next().map(input);
    if sites.all(|q| Some(input(q)) == first) {
        return Ok(());
    }
    Err(Error::rejected(format!(
        "{names} see one input and must quantise it alike"
    )))
}

/// Only where there are heads that attend to the whole sequence, each layer once and in order.
fn check_attention(layers: &[usize], plan: &Plan) -> Result<()> {
    let heads = |&l: &usize| l < plan.layers.len() && plan.attends_plainly(l);
    if layers.is_sorted_by(|a, b| a < b) && layers.iter().all(heads) {
        return Ok(());
    }
    Err(Error::rejected(format!(
        "attention in integers of layers {layers:?}, which are not rising numbers of layers with heads, \
         no window and no bias on the scores"
    )))
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

fn check_bits(bits: WeightBits) -> Result<()> {
    match bits {
        WeightBits::Four { group } if !WeightBits::GROUPS.contains(&group) => {
            Err(Error::rejected(format!("four bits in groups of {group}")))
        }
        _ => Ok(()),
    }
}

fn check_linear(q: &LinearQuant) -> Result<()> {
    check_bits(q.bits)?;
    between("weight_max", q.weight_max.into(), 1, 127)?;
    between("activation_max", q.activation_max.into(), 1, 127)?;
    if let Some(limit) = q.group_limit {
        if limit.size != 2 && limit.size != 4 {
            return Err(Error::rejected(format!("groups of {} weights", limit.size)));
        }
        between("limit of a group", limit.max.into(), 1, 4 * 127)?;
    }
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
