//! What is written down about a pruning: the provenance record in the artifact, the JSON report
//! and the closing log lines.

use act_core::config::{Config, Global};
use act_core::provenance::{DataRecord, InputRecord, StageRecord};
use act_core::report::Report;
use act_core::{Result, Seed};
use serde_json::json;

use crate::Pruned;
use crate::options::batch_size;

/// The record of this pruning. Deterministic: no time, no path.
pub fn record(
    pruned: &Pruned,
    train: &DataRecord,
    config: &Config,
    device: &str,
    seed: Seed,
) -> Result<StageRecord> {
    let metric = |name: &str, value: f64| (name.to_string(), value);
    Ok(StageRecord {
        config: acted(config)?,
        device: device.into(),
        inputs: vec![InputRecord {
            role: "model".into(),
            model_digest: pruned.input,
        }],
        data: vec![train.clone()],
        metrics: vec![
            metric("calibration_examples", pruned.calibration_examples as f64),
            metric("heads_removed", pruned.heads_removed()),
            metric("neurons_removed", pruned.neurons_removed()),
            metric("parameters_removed", pruned.parameters_removed()),
        ],
        ..StageRecord::new("act-prune", seed.0)
    })
}

/// The keys that acted, as YAML.
fn acted(config: &Config) -> Result<String> {
    let global = Global {
        batch_size: Some(batch_size(config)),
        ..Global::default()
    };
    let acted = Config {
        global,
        prune: config.prune.clone(),
        ..Config::default()
    };
    let yaml = acted.yaml_of(&["Global", "Prune"])?;
    // Of the training section only this key decides anything here.
    let held_out = config.train.validation_ratio;
    Ok(format!(
        "{yaml}TrainConfig:\n  validation_ratio: {held_out}\n"
    ))
}

/// The report: what stays of every layer and how important it was. Accuracy is act-eval's to
/// measure: nothing here reads dev.
pub fn report(pruned: &Pruned, train: &DataRecord) -> Result<Report> {
    let mut report = Report::new("act-prune", &pruned.artifact)?;
    report.set_dataset(train);
    let details = json!({
        "pruning": {
            "calibration_examples": pruned.calibration_examples,
            "heads_removed": pruned.heads_removed(),
            "neurons_removed": pruned.neurons_removed(),
            "parameters_before": pruned.parameters_before,
            "parameters_removed": pruned.parameters_removed(),
            "layers": pruned.layers,
        }
    });
    if let serde_json::Value::Object(details) = details {
        report.details = details;
    }
    Ok(report)
}

/// What stays of each layer, and the outcome in a line.
pub fn log(pruned: &Pruned) {
    for (index, layer) in pruned.layers.iter().enumerate() {
        log::debug!(
            "layer {index}: heads {:?} of {}, {} of {} neurons; {:.1} % and {:.1} % of importance",
            layer.kept_heads,
            layer.heads_before,
            layer.kept_neurons,
            layer.neurons_before,
            100.0 * layer.head_importance_kept,
            100.0 * layer.neuron_importance_kept
        );
    }
    log::info!(
        "removed {:.1} % of heads, {:.1} % of neurons: {} parameters, were {}",
        100.0 * pruned.heads_removed(),
        100.0 * pruned.neurons_removed(),
        pruned.artifact.plan.parameters(),
        pruned.parameters_before
    );
    if pruned.is_identity() {
        log::warn!("nothing was removed: raise Prune.pruned_ratio (0.25 is usual)");
    }
}
