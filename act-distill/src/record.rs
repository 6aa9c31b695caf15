//! What is written down about a training: the provenance record in the artifact, the JSON report
//! and the closing log lines.

use act_core::metrics::Accuracy;
use act_core::provenance::{DataRecord, Digest, InputRecord, StageRecord};
use act_core::{Device, Result, Seed};
use act_stage::config::{Config, Section};
use act_stage::memory::Memory;
use act_stage::provenance::TrainingFigures;
use act_stage::report::{Evaluation, Report, Training, TrainingDetails};
use act_train::record::{TeacherRecord, acting, losses};

use crate::outcome::Distilled;

/// The record of a training that is about to begin: what determines its result. Deterministic: no
/// time, no path.
pub fn begun(
    input: Digest,
    teacher: Option<&TeacherRecord>,
    data: &DataRecord,
    config: &Config,
    device: Device,
    seed: Seed,
) -> Result<StageRecord> {
    let mut record = StageRecord {
        config: acted(config)?,
        device: device.to_string(),
        inputs: vec![InputRecord {
            role: "model".into(),
            model_digest: input,
        }],
        data: vec![data.clone()],
        ..StageRecord::new("act-distill", seed.0)
    };
    if let Some(teacher) = teacher {
        teacher.add_to(&mut record);
    }
    Ok(record)
}

/// The record of a training that is done.
pub fn finished(begun: StageRecord, distilled: &Distilled) -> StageRecord {
    let validation = distilled.validation;
    let figures = TrainingFigures {
        examples: distilled.examples,
        steps: distilled.course.steps,
        best_step: distilled.course.best_step,
        final_loss: distilled.course.final_loss,
        validation_accuracy: validation.map(|v| v.after).and_then(accuracy),
        teacher_validation_accuracy: validation.and_then(|v| v.teacher).and_then(accuracy),
    };
    let mut metrics = figures.to_metrics();
    if let Some(after) = validation
        .map(|v| v.after)
        .filter(|a| !a.metric.is_accuracy())
    {
        metrics.push((format!("validation_{}", after.metric), after.value));
    }
    if let Some(chosen) = validation.and_then(|v| v.chosen_by) {
        metrics.push((format!("validation_{}", chosen.metric), chosen.after));
    }
    StageRecord { metrics, ..begun }
}

fn accuracy(of: Accuracy) -> Option<f64> {
    of.metric.is_accuracy().then_some(of.value)
}

/// The sections that acted, as YAML.
fn acted(config: &Config) -> Result<String> {
    let mut acted = acting(config)?;
    acted.train.warmup_ratio = Some(config.train.warmup());
    acted.yaml_of(&[Section::Train, Section::Distillation])
}

/// The report: the course of the training and accuracies on the held-out slice of train. Accuracy
/// on dev is act-eval's to measure.
pub fn report(distilled: &Distilled, data: &DataRecord) -> Result<Report<TrainingDetails>> {
    let metric = distilled.metric;
    let evaluations = distilled
        .course
        .journal
        .evaluations
        .iter()
        .map(|e| Evaluation::new(metric, e.step, e.score, e.best));
    let training = Training {
        examples: distilled.examples,
        steps: distilled.course.steps,
        best_step: distilled.course.best_step,
        final_loss: Some(distilled.course.final_loss).filter(|loss| loss.is_finite()),
        losses: losses(&distilled.course.journal),
        metric: Some(metric),
        evaluations: evaluations.collect(),
        diverged: distilled.course.diverged.clone(),
        peak_memory_bytes: Memory::of_this_process().peak_bytes,
    };
    let mut report = Report::new("act-distill", &distilled.artifact)?.with(TrainingDetails {
        training,
        validation: distilled.validation,
        fit: Some(distilled.fit.losses),
        teacher: distilled.teacher.as_ref().map(|t| t.model_digest),
    });
    report.set_dataset(data, Some(distilled.cut));
    Ok(report)
}

/// The outcome in a line.
pub fn log(distilled: &Distilled) {
    if let Some(why) = &distilled.course.diverged {
        log::warn!(
            "{why}; the model is that of step {}, the best before",
            distilled.course.best_step
        );
    }
    let accuracy = distilled.validation.map_or(String::new(), |v| {
        format!(
            "; {} on {} held-out training examples {:.4}, was {:.4}",
            v.after.metric.title(),
            v.after.n,
            v.after.value,
            v.before.value
        )
    });
    let chosen_by = distilled.validation.and_then(|v| v.chosen_by);
    let chosen_by = chosen_by.map_or(String::new(), |by| {
        let title = by.metric.title();
        format!("; {title} there {:.4}, was {:.4}", by.after, by.before)
    });
    log::info!(
        "trained {} steps, final loss {:.4}, weights of step {}{accuracy}{chosen_by}",
        distilled.course.steps,
        distilled.course.final_loss,
        distilled.course.best_step
    );
}

#[cfg(test)]
mod tests {
    use act_core::metrics::Metric;
    use act_core::provenance::{DataRecord, Digest};
    use act_core::{Device, Seed};
    use act_stage::config::{Config, Distillation, PaddleLoss, TrainConfig};
    use act_train::checkpoint::key;
    use act_train::record::TeacherRecord;

    fn digest(of: &str) -> Digest {
        Digest::of([of.as_bytes()])
    }

    fn key_of(model: &str, teacher: Option<&str>, change: impl Fn(&mut Config)) -> Digest {
        let mut config = Config::default();
        change(&mut config);
        let teacher = teacher.map(|teacher| TeacherRecord {
            model_digest: digest(teacher),
            synthetic_data: Vec::new(),
        });
        let data = DataRecord {
            name: "toy".into(),
            digest: digest("examples"),
            examples: 9,
            synthetic: false,
        };
        let (model, seed) = (digest(model), Seed(42));
        let record = super::begun(
            model,
            teacher.as_ref(),
            &data,
            &config,
            Device::NdArray,
            seed,
        );
        key(&record.unwrap())
    }

    #[test]
    fn a_checkpoint_is_not_taken_for_one_of_other_losses_or_another_teacher() {
        let losses = |change: fn(&mut Distillation)| {
            key_of("student", Some("teacher"), |config| {
                change(&mut config.distillation)
            })
        };
        let train = |change: fn(&mut TrainConfig)| {
            key_of("student", Some("teacher"), |config| {
                change(&mut config.train)
            })
        };
        let soft = |d: &mut Distillation| d.soft_labels = Some(1.0);
        let all = [
            losses(|_| ()),
            losses(|d| d.labels = Some(1.0)),
            losses(|d| d.logits = Some(1.0)),
            losses(|d| (d.logits, d.labels) = (Some(1.0), Some(0.25))),
            losses(soft),
            losses(|d| (d.soft_labels, d.temperature) = (Some(1.0), Some(4.0))),
            losses(|d| d.pooled = Some(1.0)),
            losses(|d| d.hidden = Some(1.0)),
            losses(|d| (d.hidden, d.layers) = (Some(1.0), Some(vec![[0, 1]]))),
            losses(|d| (d.hidden, d.layers) = (Some(1.0), Some(vec![[1, 0]]))),
            losses(|d| d.relations = Some(1.0)),
            losses(|d| (d.relations, d.relation_heads) = (Some(1.0), Some(4))),
            losses(|d| (d.relations, d.relation_layers) = (Some(1.0), Some([0, 0]))),
            losses(|d| d.alpha = Some(vec![0.5])),
            losses(|d| (d.loss, d.alpha) = (Some(vec![PaddleLoss::SoftLabel]), Some(vec![0.5]))),
            train(|t| t.dropout = 0.25),
            train(|t| t.metric = Some(Metric::MacroF1)),
            train(|t| t.metric = Some(Metric::Mcc)),
            train(|t| t.seed = Some(42)),
            train(|t| t.micro_batch = Some(3)),
            train(|t| t.batch_size = Some(4)),
            train(|t| t.gradient_accumulation = 2),
            train(|t| t.validation_ratio = 0.125),
            train(|t| t.amp_config = Some(Default::default())),
            key_of("student", Some("another"), |_| ()),
            key_of("student", None, |_| ()),
            key_of("another", Some("teacher"), |_| ()),
        ];
        for (i, one) in all.iter().enumerate() {
            for (j, other) in all.iter().enumerate().skip(i + 1) {
                assert_ne!(one, other, "{i} and {j}");
            }
        }
        let same = |change: &dyn Fn(&mut Distillation)| {
            key_of("student", Some("teacher"), |c| change(&mut c.distillation))
        };
        let named = |d: &mut Distillation| *d = d.explicit().unwrap();
        assert_eq!(same(&named), all[0], "what is automatic, by name");
        assert_eq!(same(&|d| d.cache = "0".parse().ok()), all[0], "memory");
        let path = |d: &mut Distillation| d.teacher_model_dir = Some("elsewhere".into());
        assert_eq!(same(&path), all[0], "the teacher's place");
    }
}
