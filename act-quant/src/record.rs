//! What a quantisation says of itself: its line of provenance and the details of its report. Only
//! puts into words; measures nothing.

use std::collections::BTreeMap;

use act_core::provenance::{DataRecord, InputRecord, SITE_METRIC, StageRecord};
use act_core::quant::ActivationScheme;
use act_core::{Artifact, Device, Linear, Result, Seed, Site};
use act_stage::config::{Config, Section};
use act_train::record::{TeacherRecord, acting};
use serde_json::{Map, Value, json};

use crate::Quantized;
use crate::aware::{AwareOptions, Outcome};
use crate::calibrate::Method;
use crate::scheme::{Choice, Scheme};
use crate::search::{Attempt, Trial};

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
    let score = quantized.winner().score;
    let metric = |name: &str, value: f64| (name.to_string(), value);
    let mut metrics = vec![
        metric("validation_ratio", config.train.validation_ratio),
        metric(
            "calibration_examples",
            quantized.calibration_examples as f64,
        ),
        metric("held_out_examples", quantized.held_out_examples as f64),
        metric("trials", quantized.trials.len() as f64),
        metric("divergence", score.divergence),
    ];
    for (kind, count) in schemes(quantized) {
        metrics.push(metric(&format!("sites_{kind}"), count as f64));
    }
    if let Some(accuracy) = score.accuracy {
        metrics.push(metric("held_out_accuracy", accuracy.value));
    }
    metrics.extend(of_sites(quantized));
    Ok(StageRecord {
        config: config.yaml_of(&[Section::QuantPost, Section::Search])?,
        inputs: vec![InputRecord {
            role: "model".into(),
            model_digest: model.model_digest()?,
        }],
        data: vec![train.clone()],
        metrics,
        ..StageRecord::new(STAGE, seed.0)
    })
}

/// Adds to the record of a calibration what the training behind it begins with; what comes of it are
/// [`Outcome::metrics`].
///
/// # Errors
/// Those of the configuration's text and of the teacher's digest.
pub fn begin_training(
    record: &mut StageRecord,
    teacher: Option<&Artifact>,
    config: &Config,
    device: Device,
) -> Result<()> {
    record.config +=
        &acting(config)?.yaml_of(&[Section::QuantAware, Section::Train, Section::Distillation])?;
    record.device = device.to_string();
    if let Some(teacher) = teacher {
        TeacherRecord::new(teacher)?.add_to(record);
    }
    Ok(())
}

/// All that determines the result of the training that `record` begins, for its checkpoints: the
/// calibrated model that it starts from as well.
///
/// # Errors
/// Those of the model's digest.
pub fn start(record: &StageRecord, calibrated: &Artifact) -> Result<StageRecord> {
    let mut start = record.clone();
    start.inputs.push(InputRecord {
        role: "calibrated".into(),
        model_digest: calibrated.model_digest()?,
    });
    Ok(start)
}

/// The report's `training`: the mode, whether there was a training and why, and what came of it.
pub fn training(plan: &AwareOptions, reason: &str, outcome: Option<&Outcome>) -> Value {
    let mut training = json!({
        "mode": plan.mode.name(),
        "reason": reason,
        "max_divergence": plan.max_divergence,
        "kept": "ptq",
    });
    if let (Some(outcome), Value::Object(training)) = (outcome, &mut training) {
        training.extend(outcome.details());
    }
    training
}

/// What is known of each quantised input, so that `act-eval inspect` can tell it from the file alone.
fn of_sites(quantized: &Quantized) -> Vec<(String, f64)> {
    let choices = quantized.assignment.choices.iter();
    let figures = quantized.sqnr_db.iter().zip(&quantized.float_gains);
    let mut metrics = Vec::new();
    for (choice, (&sqnr_db, &gain)) in choices.zip(figures) {
        let name = |what: &str| format!("{SITE_METRIC}{}.{what}", choice.input);
        if choice.scheme != Scheme::Float && sqnr_db.is_finite() {
            metrics.push((name("sqnr_db"), sqnr_db));
            metrics.push((name("float_gain"), gain));
        }
        if let Scheme::Smooth { alpha, .. } = choice.scheme {
            metrics.push((name("smooth_alpha"), alpha));
        }
    }
    metrics
}

/// How many inputs each scheme has.
fn schemes(quantized: &Quantized) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for choice in &quantized.assignment.choices {
        *counts.entry(choice.scheme.name()).or_insert(0) += 1;
    }
    counts
}

/// The report's own fields: `quantization` with `sites`, `embeddings` and `trials`.
pub fn details(quantized: &Quantized) -> Map<String, Value> {
    let choices = quantized.assignment.choices.iter().enumerate();
    let sites: Vec<Value> = choices
        .flat_map(|(index, choice)| {
            let linears = choice.input.linears.iter();
            linears.map(move |&linear| site(quantized, linear, choice, index))
        })
        .collect();
    let tables = quantized.tables.iter();
    let tables: Vec<Value> = tables
        .map(|(table, sqnr_db)| json!({"table": table.to_string(), "sqnr_db": sqnr_db}))
        .collect();
    let trials: Vec<Value> = quantized.trials.iter().map(trial).collect();
    let quantization = json!({
        "weight_quantize_type": quantized.assignment.granularity.name(),
        "bias_correction": quantized.assignment.bias_correct,
        "shift_tokens": quantized.assignment.shift_tokens,
        "calibration_examples": quantized.calibration_examples,
        "held_out_examples": quantized.held_out_examples,
        "divergence": quantized.winner().score.divergence,
        "schemes": schemes(quantized),
        "sites": sites,
        "embeddings": tables,
        "trials": trials,
        "best_trial": quantized.best,
    });
    Map::from_iter([("quantization".to_string(), quantization)])
}

/// One linear. `abs_max` is the largest magnitude that calibration saw at its input, `sqnr_db` the
/// estimated signal to noise of its outputs (of query, key and value together; absent in float),
/// `float_gain` what leaving the input in float would take off the divergence.
fn site(quantized: &Quantized, linear: Linear, choice: &Choice, index: usize) -> Value {
    let sqnr_db = quantized.sqnr_db[index];
    let quant = quantized.artifact.quant.linear(linear);
    let (scale, zero_point) = match quant.map(|q| q.activation) {
        Some(ActivationScheme::Static { scale, zero_point }) => (Some(scale), Some(zero_point)),
        Some(ActivationScheme::DynamicPerToken) | None => (None, None),
    };
    let mut weights = quantized.weights.iter();
    let weight_sqnr = weights.find(|(l, _)| *l == linear).map(|(_, db)| *db);
    json!({
        "site": Site::Input(linear).to_string(),
        "scheme": choice.scheme.name(),
        "reason": choice.reason,
        "algo": choice.scheme.method().map(|m| m.calibrator().name()),
        "smooth_alpha": match choice.scheme {
            Scheme::Smooth { alpha, .. } => Some(alpha),
            _ => None,
        },
        "threshold": scale.zip(quant).zip(zero_point).map(|((s, q), zero)| {
            f64::from(s) * f64::from(q.activation_max + zero.abs_diff(128))
        }),
        "abs_max": quantized.statistics.get(&linear).map(|s| s.abs_max()),
        "scale": scale,
        "zero_point": zero_point,
        "activation_max": quant.map(|q| q.activation_max),
        "weight_max": quant.map(|q| q.weight_max),
        "weight_sqnr_db": weight_sqnr,
        "float_gain": quantized.float_gains[index],
        "sqnr_db": Some(sqnr_db).filter(|db| db.is_finite()),
    })
}

fn trial(trial: &Trial) -> Value {
    let mut line = match &trial.attempt {
        Attempt::Whole(candidate) => json!({
            "algo": candidate.method.calibrator().name(),
            "hist_percent": match candidate.method {
                Method::Hist { percent } => Some(percent),
                _ => None,
            },
            "weight_quantize_type": candidate.granularity.name(),
            "bias_correct": candidate.bias_correct,
        }),
        Attempt::Calibrators => json!({"algo": "each site's best"}),
        Attempt::ShiftTokens => json!({"shift": "means"}),
        Attempt::Change(inputs, scheme) => json!({
            "sites": inputs.iter().map(|i| i.to_string()).collect::<Vec<_>>(),
            "scheme": scheme.to_string(),
        }),
    };
    line["divergence"] = json!(trial.score.divergence);
    line["accuracy"] = json!(trial.score.accuracy);
    line["given_up"] = json!(trial.given_up);
    line["seconds"] = json!(trial.seconds);
    line
}
