//! What a quantisation says of itself: its line of provenance and the details of its report. Only
//! puts into words; measures nothing.

use act_core::config::Config;
use act_core::provenance::{DataRecord, InputRecord, StageRecord};
use act_core::quant::{ActivationScheme, LinearQuant};
use act_core::{Artifact, Result, Seed, Site};
use serde_json::{Map, Value, json};

use crate::Quantized;
use crate::search::Trial;

/// The stage's name.
pub const STAGE: &str = "act-quant";

/// The provenance record of quantising `model` on `train`.
///
/// # Errors
/// Those of the model's digest.
pub fn provenance(
    model: &Artifact,
    quantized: &Quantized,
    train: &DataRecord,
    config: &Config,
    seed: Seed,
) -> Result<StageRecord> {
    let score = quantized.search.winner().score;
    let metric = |name: &str, value: f64| (name.to_string(), value);
    let mut metrics = vec![
        metric("validation_ratio", config.train.validation_ratio),
        metric(
            "calibration_examples",
            quantized.calibration_examples as f64,
        ),
        metric("held_out_examples", quantized.held_out_examples as f64),
        metric("trials", quantized.search.trials.len() as f64),
        metric("divergence", score.divergence),
    ];
    if let Some(accuracy) = score.accuracy {
        metrics.push(metric("held_out_accuracy", accuracy.value));
    }
    Ok(StageRecord {
        config: config.yaml_of(&["QuantPost", "HyperParameterOptimization"])?,
        inputs: vec![InputRecord {
            role: "model".into(),
            model_digest: model.model_digest()?,
        }],
        data: vec![train.clone()],
        metrics,
        ..StageRecord::new(STAGE, seed.0)
    })
}

/// The report's own fields: `quantization` with `sites`, `embeddings` and `trials`.
pub fn details(quantized: &Quantized) -> Map<String, Value> {
    let sites = quantized.artifact.quant.linears.iter();
    let weights = &quantized.weights;
    let sites: Vec<Value> = sites
        .map(|quant| {
            let peak = quantized.statistics[&quant.linear].abs_max();
            let rows = weights.linears.iter().find(|(l, _)| *l == quant.linear);
            site(quant, peak, rows.map(|(_, rows)| rows.sqnr_db))
        })
        .collect();
    let tables = weights.tables.iter();
    let tables: Vec<Value> = tables
        .map(|(table, rows)| json!({"table": table.to_string(), "sqnr_db": rows.sqnr_db}))
        .collect();
    let trials: Vec<Value> = quantized.search.trials.iter().map(trial).collect();
    let quantization = json!({
        "weight_quantize_type": weights.granularity.name(),
        "calibration_examples": quantized.calibration_examples,
        "held_out_examples": quantized.held_out_examples,
        "sites": sites,
        "embeddings": tables,
        "trials": trials,
        "best_trial": quantized.search.best,
    });
    Map::from_iter([("quantization".to_string(), quantization)])
}

/// One linear: `peak` is the largest magnitude that calibration saw at its input.
fn site(quant: &LinearQuant, peak: f64, sqnr_db: Option<f64>) -> Value {
    let (scheme, scale, zero_point) = match quant.activation {
        ActivationScheme::Static { scale, zero_point } => ("static", Some(scale), Some(zero_point)),
        ActivationScheme::DynamicPerToken => ("dynamic_per_token", None, None),
    };
    json!({
        "site": Site::Input(quant.linear).to_string(),
        "scheme": scheme,
        "algo": quant.calibrator.name(),
        "threshold": scale.map(|s| f64::from(s) * f64::from(quant.activation_max)),
        "abs_max": peak,
        "scale": scale,
        "zero_point": zero_point,
        "activation_max": quant.activation_max,
        "weight_max": quant.weight_max,
        "weight_sqnr_db": sqnr_db,
    })
}

fn trial(trial: &Trial) -> Value {
    json!({
        "algo": trial.candidate.method.calibrator().name(),
        "hist_percent": match trial.candidate.method {
            crate::calibrate::Method::Hist { percent } => Some(percent),
            _ => None,
        },
        "weight_quantize_type": trial.candidate.granularity.name(),
        "divergence": trial.score.divergence,
        "accuracy": trial.score.accuracy,
    })
}
