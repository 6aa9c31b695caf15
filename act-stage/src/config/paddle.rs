//! PaddleSlim's ways of writing a value, brought to the one way of ours.

use serde_json::Value;

use act_core::error::{Error, Result};
use act_core::task::BuiltIn;

/// The value at `path`, simplified.
pub(super) fn simplify(path: &[&str], value: Value) -> Result<Value> {
    match (path, value) {
        (["Global", "task_name"], Value::String(name)) => Ok(BuiltIn::named(&name)
            .map_or(name, |task| task.to_string())
            .into()),
        (["TrainConfig", "optimizer_builder", "grad_clip"], Value::Object(clip)) => {
            clip_norm(&clip)
        }
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

/// `{type: ClipGradByGlobalNorm, clip_norm: 1.0}`: the norm. Paddle's other two clip tensor by
/// tensor, which changes the gradient's direction.
fn clip_norm(clip: &serde_json::Map<String, Value>) -> Result<Value> {
    const KEY: &str = "TrainConfig.optimizer_builder.grad_clip";
    let kind = clip.get("type").and_then(Value::as_str);
    let unknown = clip
        .keys()
        .find(|key| !["type", "clip_norm"].contains(&&***key));
    match (kind, clip.get("clip_norm"), unknown) {
        (Some("ClipGradByGlobalNorm"), Some(norm), None) => Ok(norm.clone()),
        _ => Err(Error::usage(format!(
            "{KEY}: give a number, or {{type: ClipGradByGlobalNorm, clip_norm: 1.0}}"
        ))),
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
