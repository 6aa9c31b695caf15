//! `docs/config.schema.json`, which editors complete and check configurations with: made of the types and
//! of what they say about themselves. Compiled for tests alone; the one below holds the file current.

use std::path::Path;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::document::Config;
use super::sections::QuantAware;
use super::vocabulary;
use act_core::metrics::Metric;
use act_core::quant::Calibrator;

/// Enums of act-core, which does not know of schemas.
pub(super) fn calibrator(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "enum": Calibrator::ALL })
}

pub(super) fn calibrators(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["array", "null"], "items": { "enum": Calibrator::ALL } })
}

pub(super) fn metric(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "enum": Metric::ALL })
}

pub(super) fn balanced(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "const": "balanced" })
}

/// What stands for nothing: a section or key without a value means its default.
fn or_nothing(schema: &Value) -> Value {
    match schema {
        Value::Object(known) if known.get("type").is_some_and(Value::is_string) => {
            let mut known = known.clone();
            known["type"] = json!([known["type"], "null"]);
            if let Some(Value::Array(names)) = known.get_mut("enum") {
                names.push(Value::Null);
            }
            known.into()
        }
        Value::Object(known) => {
            let mut outer = known.clone();
            let inner: serde_json::Map<_, _> = ["$ref", "anyOf", "oneOf", "enum"]
                .into_iter()
                .filter_map(|key| Some((key.into(), outer.remove(key)?)))
                .collect();
            if !inner.is_empty() {
                outer.insert("anyOf".into(), json!([inner, { "type": "null" }]));
            }
            outer.into()
        }
        other => other.clone(),
    }
}

/// Forms that are read besides the type's own, all of them PaddleSlim's.
fn other_forms(section: &str, key: &str, schema: Value) -> Value {
    let with = |more: Value| {
        let mut outer = json!({ "anyOf": [schema, more] });
        if let Some(said) = schema.get("description") {
            outer["description"] = said.clone();
        }
        outer
    };
    let items = schema["items"].clone();
    match (section, key) {
        ("OptimizerBuilder", "grad_clip") => with(json!({
            "type": "object",
            "properties": { "type": { "const": "ClipGradByGlobalNorm" }, "clip_norm": { "type": "number" } },
            "required": ["type", "clip_norm"],
        })),
        ("Distillation", "cache") => with(json!({ "type": "integer", "minimum": 0 })),
        ("Distillation", "loss" | "node" | "alpha") => {
            let lists =
                json!({ "type": "array", "items": { "type": "array", "items": items.clone() } });
            with(json!({ "anyOf": [items, lists] }))
        }
        ("HyperParameterOptimization", _) if !items.is_null() => with(items),
        _ => schema,
    }
}

/// The keys of a type: each may be empty, others are mistakes.
fn closed(name: &str, path: &[&str], schema: &mut Value) {
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else {
        return;
    };
    for (key, of) in properties.iter_mut() {
        *of = other_forms(name, key, or_nothing(of));
    }
    for key in vocabulary::keys(path).unwrap_or_default() {
        let whole: Vec<&str> = path.iter().copied().chain([key]).collect();
        if let Some(why) = vocabulary::without_effect(&whole) {
            properties.insert(
                key.into(),
                json!({ "deprecated": true, "description": why }),
            );
        }
    }
    schema["additionalProperties"] = false.into();
}

fn schema() -> Value {
    let mut generator = SchemaGenerator::default();
    let mut root = Config::json_schema(&mut generator).to_value();
    let _ = QuantAware::json_schema(&mut generator);
    let mut types: serde_json::Map<_, _> = generator.take_definitions(true).into_iter().collect();
    closed("Config", &[], &mut root);
    for (name, of) in &mut types {
        let path: &[&str] = match name.as_str() {
            "OptimizerBuilder" => &["TrainConfig", "optimizer_builder"],
            "Optimizer" => &["TrainConfig", "optimizer_builder", "optimizer"],
            "AmpConfig" => &["TrainConfig", "amp_config"],
            section => &[section],
        };
        if vocabulary::keys(path).is_some() {
            closed(name, path, of);
        }
    }
    let prune = root["properties"]["Prune"].clone();
    root["properties"]["TransformerPrune"] = prune;
    root["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    root["title"] = "Configuration of act".into();
    root["$defs"] = types.into();
    root
}

/// `ACT_RECORD=1 cargo test --release -p act-stage schema` writes the file anew.
#[test]
fn the_file_that_editors_read_is_what_the_types_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/config.schema.json");
    let now = schema();
    if std::env::var_os("ACT_RECORD").is_some() {
        let text = serde_json::to_string_pretty(&now).unwrap() + "\n";
        std::fs::write(&path, text).unwrap();
    }
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let there: Value = serde_json::from_str(&text).unwrap_or_default();
    assert!(
        there == now,
        "{} is of other types; ACT_RECORD=1 writes it anew",
        path.display()
    );
}
