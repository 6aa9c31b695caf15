//! PaddleSlim's ways of writing a value, brought to the one way of ours.

use serde_json::Value;

use crate::error::{Error, Result};

/// Tasks that PaddleSlim's files name differently.
const TASK_NAMES: &[(&str, &str)] = &[("cluewsc", "cluewsc2020"), ("sst-2", "sst2")];

/// The value at `path`, simplified.
pub(super) fn simplify(path: &[&str], value: Value) -> Result<Value> {
    match (path, value) {
        (["Global", "task_name"], Value::String(name)) => {
            let other = TASK_NAMES.iter().find(|(theirs, _)| *theirs == name);
            Ok(other.map_or(name, |(_, ours)| ours.to_string()).into())
        }
        (["TrainConfig", "learning_rate"], Value::Object(schedule)) => peak_rate(&schedule),
        (["Distillation", "node"], value) if !value.is_null() => {
            let nodes = flat(value);
            note_foreign(&nodes);
            Ok(nodes.into())
        }
        (["Distillation", "loss" | "alpha"], value) if !value.is_null() => Ok(flat(value).into()),
        (["Distillation", "cache"], Value::Number(bytes)) => Ok(bytes.to_string().into()),
        // A single number, where PaddleSlim's search space has lists.
        (["HyperParameterOptimization", "max_quant_count"], value) => Ok(value),
        (["HyperParameterOptimization", _], value) if !value.is_array() && !value.is_null() => {
            Ok(Value::Array(vec![value]))
        }
        (_, value) => Ok(value),
    }
}

/// A list of lists or a single value as one list.
fn flat(value: Value) -> Vec<Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(values) => values.into_iter().flat_map(flat).collect(),
        value => vec![value],
    }
}

/// Says of a program's variables that they are gone.
fn note_foreign(nodes: &[Value]) {
    let names = nodes.iter().filter_map(Value::as_str);
    let foreign: Vec<_> = names
        .filter(|node| !super::losses::is_place(node))
        .collect();
    if !foreign.is_empty() {
        log::warn!(
            "Distillation.node: {} taken as the logits: a Paddle program's names end with its \
             import; the places are logits, pooled and layer.N.hidden",
            foreign.join(", ")
        );
    }
}

/// A Paddle scheduler, `{type: CosineAnnealingDecay, learning_rate: 2.0e-5, T_max: 100}`: its rate
/// is our peak; the way down is `lr_decay`'s.
fn peak_rate(schedule: &serde_json::Map<String, Value>) -> Result<Value> {
    let first = schedule.get("values").and_then(|values| values.get(0));
    let rate = schedule
        .get("learning_rate")
        .or(first)
        .filter(|rate| rate.is_number());
    let Some(rate) = rate else {
        return Err(Error::usage(
            "TrainConfig.learning_rate: a schedule must name its rate, \
             as in {type: CosineAnnealingDecay, learning_rate: 2.0e-5}",
        ));
    };
    log::warn!(
        "TrainConfig.learning_rate: the schedule is not supported yet: {rate} is taken as the \
         peak, and warmup_ratio and lr_decay shape the rest"
    );
    Ok(rate.clone())
}
