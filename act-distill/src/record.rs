//! What is written down about a training: the provenance record in the artifact, the JSON report
//! and the closing log lines.

use act_core::cli::Context;
use act_core::config::{Config, Distillation, TrainConfig};
use act_core::provenance::{InputRecord, StageRecord};
use act_core::report::Report;
use act_core::{Error, Result};
use act_data::Dataset;
use serde::Serialize;
use serde_json::json;

use crate::Distilled;
use crate::options::batch_size;

/// The record of this training. Deterministic: no time, no path.
pub fn record(
    distilled: &Distilled,
    data: &Dataset,
    config: &Config,
    ctx: &Context,
) -> Result<StageRecord> {
    let model = |role: &str, digest| InputRecord {
        role: role.into(),
        model_digest: digest,
    };
    let mut inputs = vec![model("model", distilled.input)];
    inputs.extend(distilled.teacher.map(|digest| model("teacher", digest)));
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
        device: ctx.device().into(),
        inputs,
        data: vec![data.record.clone()],
        metrics,
        ..StageRecord::new("act-distill", ctx.seed().0)
    })
}

/// The sections that acted, as flow-style YAML; the teacher is recorded by digest, not by path.
fn acted(config: &Config) -> Result<String> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Acted<'a> {
        train_config: TrainConfig,
        distillation: &'a Distillation,
    }
    let train_config = TrainConfig {
        batch_size: Some(batch_size(config)),
        ..config.train.clone()
    };
    let distillation = &Distillation {
        teacher_model_dir: None,
        teacher_model_filename: None,
        teacher_params_filename: None,
        ..config.distillation.clone()
    };
    serde_json::to_string(&Acted {
        train_config,
        distillation,
    })
    .map_err(|e| Error::failed(format!("writing down the configuration: {e}")))
}

/// The report: the course of the training and accuracies on the held-out slice of train. Accuracy
/// on dev is act-eval's to measure.
pub fn report(distilled: &Distilled, data: &Dataset) -> Result<Report> {
    let mut report = Report::new("act-distill", &distilled.artifact)?;
    report.set_dataset(&data.record);
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
        "teacher": distilled.teacher,
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
