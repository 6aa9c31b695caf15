//! What a family's [`Modern`] keys say: norms before the blocks, biases or none, rotary positions, windows of
//! attention by layer, pooling.

use std::num::NonZeroUsize;

use act_core::artifact::limits;
use act_core::plan::{Block, Head, HeadActivation, HeadDense, LayerPlan, Pooling, Position};
use act_core::{Error, Plan, Result};
use serde_json::{Value, json};

use super::super::family::{KINDS, Key, Modern};
use super::{at_key, real};
use crate::file::brief;

/// Puts the parts that the keys say into a plan of BERT's.
///
/// # Errors
/// Rejected: a value that says another computation.
pub(super) fn read(config: &Value, keys: &Modern, plan: &mut Plan) -> Result<()> {
    let bias = |key: &str| match config.get(key) {
        None => Ok(false),
        Some(Value::Bool(bias)) => Ok(*bias),
        Some(other) => Err(Error::rejected(format!(
            "{key} is {}: true or false was expected",
            brief(other)
        ))),
    };
    let [attention, feed_forward, norm, head] = keys.biases;
    plan.block = Block {
        norms: keys.norms,
        activation: plan.block.activation,
        gated: keys.gated,
        attention_bias: bias(attention)?,
        feed_forward_bias: bias(feed_forward)?,
        norm_bias: bias(norm)?,
        final_norm: keys.final_norm,
    };
    plan.head = Head {
        pooling: pooling(config, keys)?,
        dense: Some(HeadDense {
            activation: head_activation(config, keys)?,
            bias: bias(head)?,
            norm: keys.head_norm,
        }),
    };
    plan.embeddings.positions = vec![rotary(config, keys)?];
    windows(config, keys, &mut plan.layers)
}

fn pooling(config: &Value, keys: &Modern) -> Result<Pooling> {
    match config.get(keys.pooling) {
        None => Ok(Pooling::FirstToken),
        Some(value) if *value == "cls" => Ok(Pooling::FirstToken),
        Some(value) if *value == "mean" => Ok(Pooling::Mean),
        Some(other) => Err(Error::rejected(format!(
            "{} {} is not supported: \"cls\" and \"mean\" are",
            keys.pooling,
            brief(other)
        ))),
    }
}

fn head_activation(config: &Value, keys: &Modern) -> Result<HeadActivation> {
    match config.get(keys.head) {
        None => Ok(HeadActivation::Gelu),
        Some(value) if *value == "gelu" => Ok(HeadActivation::Gelu),
        Some(value) if *value == "relu" => Ok(HeadActivation::Relu),
        Some(value) if *value == "tanh" => Ok(HeadActivation::Tanh),
        Some(other) => Err(Error::rejected(format!(
            "{} {} is not supported: \"gelu\", \"relu\" and \"tanh\" are",
            keys.head,
            brief(other)
        ))),
    }
}

/// The bases of the angles: of version 5 of `transformers` in `rope_parameters`, of version 4 in keys of their
/// own, of which the local one may be null for that of the other layers.
fn rotary(config: &Value, keys: &Modern) -> Result<Position> {
    let scaling = [json!(null)];
    if let Some(value) = config.get("rope_scaling").filter(|v| !scaling.contains(v)) {
        return Err(Error::rejected(format!(
            "rope_scaling {} is not supported: angles that are not scaled are",
            brief(value)
        )));
    }
    let base = |kind: &str, key: &Key<f32>| {
        let there = match config.get("rope_parameters") {
            None | Some(Value::Null) => None,
            Some(all) => all.get(kind),
        };
        let Some(there) = there.filter(|v| !v.is_null()) else {
            return real(config, key, limits::THETA);
        };
        if let Some(other) = there.get("rope_type").filter(|v| **v != "default") {
            return Err(Error::rejected(format!(
                "rope_type {} of rope_parameters is not supported: \"default\" is",
                brief(other)
            )));
        }
        match there.get("rope_theta") {
            None => real(config, key, limits::THETA),
            Some(_) => {
                let theta = Key {
                    names: &["rope_theta"],
                    default: key.default,
                };
                let of = |e: Error| e.context(format!("rope_parameters of {kind}"));
                real(there, &theta, limits::THETA).map_err(of)
            }
        }
    };
    let global_theta = base(KINDS[0], &keys.global_theta)?;
    let local = keys.local_theta.names[0];
    let local_theta = match config.get(local) {
        Some(Value::Null) => global_theta,
        _ => base(KINDS[1], &keys.local_theta)?,
    };
    Ok(Position::Rotary {
        global_theta,
        local_theta,
    })
}

/// Which layers have a window: `layer_types`, or every layer but each so-manieth.
fn windows(config: &Value, keys: &Modern, layers: &mut [LayerPlan]) -> Result<()> {
    let whole = at_key(config, &keys.window, 2 * limits::POSITIONS)?;
    let window = NonZeroUsize::new(whole / 2).ok_or_else(|| {
        Error::rejected(format!(
            "{} is {whole}: a token must see its neighbours",
            keys.window.names[0]
        ))
    })?;
    let types = config.get("layer_types").filter(|value| !value.is_null());
    let Some(types) = types else {
        let every = at_key(config, &keys.every, limits::LAYERS)?;
        for (l, layer) in layers.iter_mut().enumerate() {
            layer.window = Some(window).filter(|_| l % every != 0);
        }
        return Ok(());
    };
    let wrong = || {
        Error::rejected(format!(
            "layer_types is {}: one of {KINDS:?} for each of the {} layers was expected",
            brief(types),
            layers.len()
        ))
    };
    let list = types.as_array().filter(|list| list.len() == layers.len());
    let kinds: Vec<bool> = list
        .and_then(|list| {
            let kind = |kind: &Value| KINDS.iter().position(|known| kind == known);
            list.iter().map(|k| kind(k).map(|at| at == 1)).collect()
        })
        .ok_or_else(wrong)?;
    for (layer, local) in layers.iter_mut().zip(kinds) {
        layer.window = Some(window).filter(|_| local);
    }
    Ok(())
}
