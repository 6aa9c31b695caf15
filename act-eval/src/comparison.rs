//! Several models side by side: what `act-eval report` measures and writes. The first model is the
//! reference of every ratio and difference; the last is what the pipeline made.

use act_core::Seed;
use act_core::metrics::Accuracy;
use act_data::Dataset;
use act_stage::report::{LatencyReport, ModelReport, Report};
use serde::Serialize;
use serde_json::json;

use crate::changes::Changes;
use crate::confusion::Confusion;
use crate::evaluation::{Answers, majority};
use crate::latency::{Race, Speedup};
use crate::lineage::Step;
use crate::model::Model;
use crate::operators::Operator;
use crate::output;
use crate::paired::PairedDifference;
use crate::quantised::Quantised;
use crate::sites;
use crate::training::Course;

/// One model of a comparison.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// What the user calls it.
    pub name: String,
    /// Digest, parameters, bytes, layers, precision.
    pub model: ModelReport,
    /// Accuracy with its interval.
    pub accuracy: Accuracy,
    /// Why the accuracy is no evidence of anything learned; absent if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// Accuracy minus the first model's, on the same examples; absent for the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<PairedDifference>,
    /// The first model's file size over this one's.
    pub size_ratio: f64,
    /// One row a setting.
    pub latency: Vec<LatencyReport>,
    /// Over the first model, one row a setting; empty for the first.
    pub speedups: Vec<Speedup>,
    /// How it became int8; absent of a model that act-quant did not make.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantised: Option<Quantised>,
    /// How it was made.
    pub lineage: Vec<Step>,
}

/// What was measured, and what the user gave beside it; per model, in the models' order.
pub struct Measurements {
    /// Answers to every example.
    pub answers: Vec<Answers>,
    /// Latency, setting by setting.
    pub races: Vec<Race>,
    /// Where the time goes in the first setting.
    pub operators: Vec<Operator>,
    /// How the models were trained.
    pub training: Vec<Course>,
}

/// Measurements put side by side.
pub struct Comparison {
    /// The models, as given.
    pub rows: Vec<Row>,
    /// The measurements, setting by setting.
    pub races: Vec<Race>,
    /// The last model's answers, class by class.
    pub confusion: Confusion,
    /// Examples that the last model answers differently from the first; absent for one model.
    pub changes: Option<Changes>,
    /// Where the time goes in the first setting.
    pub operators: Vec<Operator>,
    /// How the models were trained, where the user gave it.
    pub training: Vec<Course>,
    /// What is said about the last model, the data, the host; `details` holds all of the above.
    pub report: Report,
}

impl Comparison {
    /// Puts the measurements of all models together, of which there is at least one.
    pub fn new(models: &[Model], measured: Measurements, data: &Dataset, seed: Seed) -> Self {
        let Measurements {
            answers,
            races,
            operators,
            training,
        } = measured;
        let reference = answers[0].correct();
        let groups = data.groups();
        let against_first = |answers: &Answers| {
            let correct = answers.correct();
            PairedDifference::new(&correct, &reference)
                .with_groups(&correct, &reference, &groups, seed)
        };
        let first_bytes = models[0].report.model.bytes as f64;
        let rows: Vec<Row> = models
            .iter()
            .zip(&answers)
            .enumerate()
            .map(|(i, (model, answers))| Row {
                name: model.name.clone(),
                model: model.report.model.clone(),
                accuracy: answers.accuracy(),
                warning: answers.warning(&data.labels),
                difference: (i > 0).then(|| against_first(answers)),
                size_ratio: first_bytes / model.report.model.bytes.max(1) as f64,
                latency: races.iter().map(|r| r.latency[i].clone()).collect(),
                speedups: match i {
                    0 => Vec::new(),
                    _ => races.iter().map(|r| r.speedup(i)).collect(),
                },
                quantised: model.quantised.clone(),
                lineage: model.provenance.iter().map(Step::from).collect(),
            })
            .collect();
        let last = &rows[rows.len() - 1];
        let mut report = models[rows.len() - 1].report.clone();
        if models.iter().any(|m| m.report.synthetic) {
            output::mark_synthetic(&mut report);
        }
        report.set_dataset(&data.record);
        report.accuracy = Some(last.accuracy);
        report.latency = last.latency.clone();
        report.speedup = last.speedups.first().map(|s| s.ratio.median);
        let last = models.len() - 1;
        let confusion = Confusion::new(&answers[last], &data.labels);
        let changes = (last > 0)
            .then(|| Changes::new(&data.examples, &data.labels, &answers[0], &answers[last]));
        let linears = &models[last].engine.quant().linears;
        let quant: Vec<_> = linears.iter().map(sites::json).collect();
        let majority = majority(&answers[last].classes(&data.labels));
        for (name, value) in [
            ("models", json!(rows)),
            ("majority_class", json!(majority)),
            ("confusion", json!(confusion)),
            ("changes", json!(changes)),
            ("operators", json!(operators)),
            ("training", json!(training)),
            ("quant", json!(quant)),
            ("sites", json!(models[last].sites)),
        ] {
            report.details.insert(name.into(), value);
        }
        Self {
            rows,
            races,
            confusion,
            changes,
            operators,
            training,
            report,
        }
    }

    /// What is wrong with accuracies, each warning once, with the models that it is about.
    pub fn warnings(&self) -> Vec<String> {
        let mut told: Vec<(&str, Vec<&str>)> = Vec::new();
        for row in &self.rows {
            let Some(warning) = row.warning.as_deref() else {
                continue;
            };
            match told.iter_mut().find(|(w, _)| *w == warning) {
                Some((_, names)) => names.push(&row.name),
                None => told.push((warning, vec![&row.name])),
            }
        }
        told.into_iter()
            .map(|(warning, names)| format!("{}: {warning}", names.join(", ")))
            .collect()
    }
}
