//! What is written down about a training: the provenance record in the artifact, the JSON report
//! and the closing log lines.

use act_core::config::Config;
use act_core::provenance::{DataRecord, InputRecord, StageRecord};
use act_core::report::Report;
use act_core::{Result, Seed};
use serde_json::json;

use crate::Distilled;
use crate::options::batch_size;

/// The record of this training. Deterministic: no time, no path.
pub fn record(
    distilled: &Distilled,
    data: &DataRecord,
    config: &Config,
    device: &str,
    seed: Seed,
) -> Result<StageRecord> {
    let model = |role: &str, digest| InputRecord {
        role: role.into(),
        model_digest: digest,
    };
    let mut inputs = vec![model("model", distilled.input)];
    let mut data = vec![data.clone()];
    if let Some(teacher) = &distilled.teacher {
        inputs.push(model("teacher", teacher.model_digest));
        data.extend(teacher.synthetic_data.iter().cloned());
        data.dedup();
    }
    let mut metrics = vec![
        ("examples".to_string(), distilled.examples as f64),
        ("steps".into(), distilled.steps as f64),
        ("best_step".into(), distilled.best_step as f64),
        ("final_loss".into(), distilled.final_loss),
    ];
    if let Some(validation) = distilled.validation {
        metrics.push(("validation_accuracy".into(), validation.after.value));
        let teacher = validation.teacher.map(|a| a.value);
        metrics.extend(teacher.map(|value| ("teacher_validation_accuracy".into(), value)));
    }
    Ok(StageRecord {
        config: acted(config)?,
        device: device.into(),
        inputs,
        data,
        metrics,
        ..StageRecord::new("act-distill", seed.0)
    })
}

/// The sections that acted, as YAML; the teacher is recorded by digest, not by path.
fn acted(config: &Config) -> Result<String> {
    let mut acted = config.clone();
    acted.train.batch_size = Some(batch_size(config));
    acted.distillation = acted.distillation.explicit()?;
    acted.yaml_of(&["TrainConfig", "Distillation"])
}

/// The report: the course of the training and accuracies on the held-out slice of train. Accuracy
/// on dev is act-eval's to measure.
pub fn report(distilled: &Distilled, data: &DataRecord) -> Result<Report> {
    let mut report = Report::new("act-distill", &distilled.artifact)?;
    report.set_dataset(data);
    let details = json!({
        "training": {
            "examples": distilled.examples,
            "steps": distilled.steps,
            "best_step": distilled.best_step,
            "final_loss": distilled.final_loss,
            "losses": distilled.journal.losses,
            "evaluations": distilled.journal.evaluations,
        },
        "validation": distilled.validation,
        "teacher": distilled.teacher.as_ref().map(|t| t.model_digest),
    });
    if let serde_json::Value::Object(details) = details {
        report.details = details;
    }
    Ok(report)
}

/// The outcome in a line.
pub fn log(distilled: &Distilled) {
    let accuracy = distilled.validation.map_or(String::new(), |v| {
        format!(
            "; accuracy on {} held-out training examples {:.4}, was {:.4}",
            v.after.n, v.after.value, v.before.value
        )
    });
    log::info!(
        "trained {} steps, final loss {:.4}, weights of step {}{accuracy}",
        distilled.steps,
        distilled.final_loss,
        distilled.best_step
    );
}
