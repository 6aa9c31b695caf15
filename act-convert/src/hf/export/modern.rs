//! The keys of a family's [`Modern`], written again.

use act_core::plan::{HeadActivation, Pooling, Position};
use act_core::{Error, Plan, Result};
use serde_json::{Value, json};

use super::super::family::{KINDS, Modern};
use super::decimal;

/// Refuses what the keys cannot say.
pub(super) fn check(plan: &Plan, class: &str, keys: &Modern) -> Result<()> {
    let mut windows = plan.layers.iter().filter_map(|layer| layer.window);
    let first = windows.next();
    let block = &plan.block;
    let own = block.norms == keys.norms
        && block.gated == keys.gated
        && block.final_norm == keys.final_norm;
    let heads = plan.layers.iter().flat_map(|layer| {
        let kept = layer.kept_heads.iter();
        kept.enumerate().map(|(i, &head)| i == usize::from(head))
    });
    let whole = |heads: usize| heads * plan.layers[0].head_dim == plan.hidden_size;
    let same = [
        (own, "its blocks"),
        (
            matches!(plan.embeddings.positions[..], [Position::Rotary { .. }]),
            "its positions",
        ),
        (
            plan.head
                .dense
                .is_some_and(|dense| dense.norm == keys.head_norm),
            "its head",
        ),
        (
            windows.all(|window| Some(window) == first),
            "windows of several sizes",
        ),
        (
            heads.min().unwrap_or(true) && plan.layers.iter().all(|layer| whole(layer.heads())),
            "layers of which heads are pruned",
        ),
    ];
    match same.iter().find(|(same, _)| !same) {
        None => Ok(()),
        Some((_, what)) => Err(Error::usage(format!(
            "transformers' {class} does not have {what}: export to ONNX instead"
        ))),
    }
}

/// Writes the keys; the rotary ones as both versions 4 and 5 of `transformers` read them.
pub(super) fn write(plan: &Plan, keys: &Modern, config: &mut Value) {
    let block = &plan.block;
    let head = plan.head.dense.is_some_and(|dense| dense.bias);
    let biases = [
        block.attention_bias,
        block.feed_forward_bias,
        block.norm_bias,
        head,
    ];
    for (key, bias) in keys.biases.iter().zip(biases) {
        config[*key] = json!(bias);
    }
    if let [
        Position::Rotary {
            global_theta,
            local_theta,
        },
    ] = plan.embeddings.positions[..]
    {
        config[keys.global_theta.names[0]] = decimal(global_theta);
        config[keys.local_theta.names[0]] = decimal(local_theta);
        let of = |theta: f32| json!({"rope_type": "default", "rope_theta": decimal(theta)});
        config["rope_parameters"] = json!({KINDS[0]: of(global_theta), KINDS[1]: of(local_theta)});
    }
    let kinds = plan
        .layers
        .iter()
        .map(|l| KINDS[usize::from(l.window.is_some())]);
    config["layer_types"] = kinds.collect();
    let whole = plan.layers.iter().map(|layer| layer.window.is_none());
    let whole: Vec<usize> = whole
        .enumerate()
        .filter_map(|(l, whole)| whole.then_some(l))
        .collect();
    // Version 4 reads no list of layers: every so-manieth attends to the whole sequence.
    let every = whole.get(1).copied().unwrap_or(plan.layers.len());
    config[keys.every.names[0]] = json!(every);
    if let Some(window) = plan.layers.iter().find_map(|layer| layer.window) {
        config[keys.window.names[0]] = json!(2 * window.get());
    }
    config[keys.pooling] = json!(match plan.head.pooling {
        Pooling::FirstToken => "cls",
        Pooling::Mean => "mean",
    });
    config[keys.head] = json!(match plan.head.dense.map(|dense| dense.activation) {
        Some(HeadActivation::Relu) => "relu",
        Some(HeadActivation::Tanh) => "tanh",
        Some(HeadActivation::Gelu) | None => "gelu",
    });
}
