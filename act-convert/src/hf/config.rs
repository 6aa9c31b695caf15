//! `config.json` to the plan of an encoder. What the model's class would compute differently from
//! our encoders is refused by the key that says so; every size is bounded before anybody allocates.

use std::collections::BTreeSet;

use act_core::artifact::limits;
use act_core::{Activation, Block, Embeddings, Error, Family, Head, LayerPlan, Plan, Result};
use serde_json::{Value, json};

use super::class;
use crate::file::brief;

/// The encoder of a `config.json` with `num_labels` classes. Defaults are those of
/// `transformers.BertConfig` and `ErnieConfig`.
///
/// # Errors
/// Rejected: another architecture, or a number out of its bounds.
pub(super) fn plan(config: &Value, num_labels: usize) -> Result<Plan> {
    let kind = class::family(config)?;
    check_kind(config)?;
    let heads = size(config, "num_attention_heads", Some(12), limits::HEADS)?;
    let hidden_size = size(config, "hidden_size", Some(768), limits::HIDDEN)?;
    if !hidden_size.is_multiple_of(heads) {
        return Err(Error::rejected(format!(
            "hidden_size {hidden_size} is not a multiple of num_attention_heads {heads}"
        )));
    }
    let (family, task_type_vocab_size) = task_types(config, kind)?;
    let activation = match config.get("hidden_act").and_then(Value::as_str) {
        Some("relu") => Activation::Relu,
        _ => Activation::Gelu,
    };
    Ok(Plan {
        family,
        hidden_size,
        layer_norm_eps: epsilon(config)?,
        num_labels,
        embeddings: Embeddings {
            task_type_vocab_size,
            ..Embeddings::bert(
                size(config, "vocab_size", None, limits::VOCAB)?,
                hidden_size,
                size(
                    config,
                    "max_position_embeddings",
                    Some(512),
                    limits::POSITIONS,
                )?,
                size(config, "type_vocab_size", Some(2), limits::TYPES)?,
            )
        },
        block: Block::bert(activation),
        layers: layers(config, heads, hidden_size / heads)?,
        head: Head::BERT,
    })
}

/// Refuses what would not compute as our encoders do.
fn check_kind(config: &Value) -> Result<()> {
    let absolute = [json!("absolute"), Value::Null];
    let single_label = [json!("single_label_classification"), Value::Null];
    let no = [json!(false), Value::Null];
    let supported = [
        (
            "hidden_act",
            &[json!("gelu"), json!("relu"), Value::Null][..],
            "\"gelu\" (exact) and \"relu\" are",
        ),
        ("position_embedding_type", &absolute, "\"absolute\" is"),
        ("problem_type", &single_label, "one class of several is"),
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
    Ok(())
}

/// ERNIE adds its task table only with `use_task_id`; without, it computes what BERT does.
fn task_types(config: &Value, kind: &str) -> Result<(Family, usize)> {
    match config.get("use_task_id").filter(|_| kind == "ernie") {
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

fn epsilon(config: &Value) -> Result<f32> {
    let Some(value) = config.get("layer_norm_eps") else {
        return Ok(1e-12);
    };
    match value.as_f64().map(|v| v as f32) {
        Some(epsilon) if epsilon > 0.0 && epsilon <= limits::EPSILON => Ok(epsilon),
        _ => Err(Error::rejected(format!(
            "layer_norm_eps is {}: it must be above 0 and at most {}",
            brief(value),
            limits::EPSILON
        ))),
    }
}

/// All layers alike but for `pruned_heads`, `{"layer": [head, ...]}` of the original numbers.
fn layers(config: &Value, heads: usize, head_dim: usize) -> Result<Vec<LayerPlan>> {
    let count = size(config, "num_hidden_layers", Some(12), limits::LAYERS)?;
    let intermediate = size(
        config,
        "intermediate_size",
        Some(3072),
        limits::INTERMEDIATE,
    )?;
    let mut layers = vec![LayerPlan::full(heads, head_dim, intermediate); count];
    let Some(pruned) = config.get("pruned_heads").filter(|p| !p.is_null()) else {
        return Ok(layers);
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
    Ok(layers)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(changes: Value, words: &str) {
        let mut config = json!({"model_type": "bert", "vocab_size": 100});
        let object = config.as_object_mut().unwrap();
        object.extend(changes.as_object().unwrap().clone());
        let error = plan(&config, 2).unwrap_err();
        assert_eq!(error.kind(), act_core::ErrorKind::Rejected);
        assert!(error.to_string().contains(words), "{error}");
    }

    #[test]
    fn what_computes_otherwise_is_refused_by_its_key() {
        refused(json!({"model_type": "roberta"}), "model_type \"roberta\"");
        refused(json!({"model_type": 3}), "model_type 3");
        refused(json!({"hidden_act": "gelu_new"}), "hidden_act \"gelu_new\"");
        let relative = json!({"position_embedding_type": "relative_key"});
        refused(relative, "position_embedding_type \"relative_key\"");
        refused(json!({"is_decoder": true}), "is_decoder");
        refused(json!({"problem_type": "regression"}), "problem_type");
        refused(json!({"quantization_config": {}}), "quantization_config");
    }

    #[test]
    fn numbers_are_bounded() {
        refused(
            json!({"num_hidden_layers": 1_000_000_000}),
            "num_hidden_layers is 1000000000: it must be 1 to 48",
        );
        for key in [
            "hidden_size",
            "num_attention_heads",
            "intermediate_size",
            "vocab_size",
            "max_position_embeddings",
            "type_vocab_size",
        ] {
            for value in [
                json!(0),
                json!(-1),
                json!(1e300),
                json!(u64::MAX),
                json!("7"),
            ] {
                refused(json!({key: value}), key);
            }
        }
        refused(json!({"layer_norm_eps": 0}), "layer_norm_eps");
        refused(json!({"num_attention_heads": 5}), "not a multiple");
    }

    #[test]
    fn pruned_heads_are_the_layers_own() {
        let config = json!({"model_type": "ernie", "vocab_size": 9, "num_hidden_layers": 2,
            "num_attention_heads": 4, "hidden_size": 8, "pruned_heads": {"1": [0, 2]}});
        let plan = plan(&config, 2).unwrap();
        assert_eq!(plan.layers[0].kept_heads, [0, 1, 2, 3]);
        assert_eq!(plan.layers[1].kept_heads, [1, 3]);
        assert_eq!(
            (plan.family, plan.embeddings.task_type_vocab_size),
            (Family::Bert, 0)
        );
        let all: Vec<u32> = (0..12).collect();
        for wrong in [
            json!([1]),
            json!({"x": [1]}),
            json!({"12": [1]}),
            json!({"0": [12]}),
            json!({"0": all}),
            json!({"0": [-1]}),
        ] {
            refused(json!({"pruned_heads": wrong}), "pruned_heads is");
        }
    }

    #[test]
    fn ernie_has_a_task_table_where_it_is_used() {
        let config = json!({"model_type": "ernie", "vocab_size": 9, "use_task_id": true});
        let plan = plan(&config, 2).unwrap();
        assert_eq!(
            (plan.family, plan.embeddings.task_type_vocab_size),
            (Family::Ernie, 3)
        );
    }
}
