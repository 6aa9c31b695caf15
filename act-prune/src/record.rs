//! What is written down about a pruning: the provenance record in the artifact, the JSON report
//! and the closing log lines.

use act_core::cli::Context;
use act_core::config::{Config, Prune};
use act_core::provenance::{InputRecord, StageRecord};
use act_core::report::Report;
use act_core::{Error, Result};
use act_data::Dataset;
use serde::Serialize;
use serde_json::json;

use crate::Pruned;
use crate::options::batch_size;

/// The record of this pruning. Deterministic: no time, no path.
pub fn record(
    pruned: &Pruned,
    train: &Dataset,
    config: &Config,
    ctx: &Context,
) -> Result<StageRecord> {
    let metric = |name: &str, value: f64| (name.to_string(), value);
    Ok(StageRecord {
        config: acted(config)?,
        device: ctx.device().into(),
        inputs: vec![InputRecord {
            role: "model".into(),
            model_digest: pruned.input,
        }],
        data: vec![train.record.clone()],
        metrics: vec![
            metric("calibration_examples", pruned.calibration_examples as f64),
            metric("heads_removed", pruned.heads_removed()),
            metric("neurons_removed", pruned.neurons_removed()),
            metric("parameters_removed", pruned.parameters_removed()),
        ],
        ..StageRecord::new("act-prune", ctx.seed().0)
    })
}

/// The keys that acted, as flow-style YAML.
fn acted(config: &Config) -> Result<String> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Acted<'a> {
        global: Batches,
        prune: &'a Prune,
    }
    #[derive(Serialize)]
    struct Batches {
        batch_size: usize,
    }
    let global = Batches {
        batch_size: batch_size(config),
    };
    let prune = &config.prune;
    serde_json::to_string(&Acted { global, prune })
        .map_err(|e| Error::failed(format!("writing down the configuration: {e}")))
}

/// The report: what stays of every layer and how important it was. Accuracy is act-eval's to
/// measure: nothing here reads dev.
pub fn report(pruned: &Pruned, train: &Dataset) -> Result<Report> {
    let mut report = Report::new("act-prune", &pruned.artifact)?;
    report.set_dataset(&train.record);
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
