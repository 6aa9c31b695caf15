//! Several models side by side: what `act-eval report` measures and writes. The first model is the
//! reference of every ratio and difference; the last is what the pipeline made.

use act_core::Seed;
use act_data::Dataset;
use act_stage::report::{
    AccuracyPromise, ComparedModel, ComparisonDetails, Cut, LinearReport, Operator,
    PairedDifference, Report, StageReport, TrainingCourse,
};

use crate::evaluation::Answers;
use crate::latency::{self, Race};
use crate::model::Model;
use crate::{changes, classes, confusion, figures, paired};

/// What was measured, and what the user gave beside it; per model, in the models' order.
pub struct Measurements {
    /// Answers to every example.
    pub answers: Vec<Answers>,
    /// How many examples each does not read to their end.
    pub cuts: Vec<Cut>,
    /// Latency, setting by setting.
    pub races: Vec<Race>,
    /// Where the time goes in the first setting.
    pub operators: Vec<Operator>,
    /// How the models were trained.
    pub training: Vec<TrainingCourse>,
    /// What act-compress promised and tried.
    pub promise: Option<AccuracyPromise>,
}

/// Measurements put side by side.
pub struct Comparison {
    /// The measurements of time, setting by setting.
    pub races: Vec<Race>,
    /// What is said about the last model, the data, the host, and of all models beside each other.
    pub report: Report<ComparisonDetails>,
}

impl Comparison {
    /// Puts the measurements of all models together, of which there is at least one.
    pub fn new(models: &[Model], measured: Measurements, data: &Dataset, seed: Seed) -> Self {
        let Measurements {
            answers,
            cuts,
            races,
            operators,
            training,
            promise,
        } = measured;
        let mut rows = rows(models, &answers, &races, data, seed);
        for (row, cut) in rows.iter_mut().zip(&cuts) {
            row.cut = Some(*cut);
        }
        let last = models.len() - 1;
        let mut report = models[last].report.clone();
        for model in models {
            report.mark_synthetic(model.report.synthetic);
        }
        report.set_dataset(&data.record, cuts.last().copied());
        report.accuracy = Some(rows[last].accuracy);
        report.latency = rows[last].latency.clone();
        report.speedup = rows[last].speedups.first().map(|s| s.ratio.median);
        let changes = (last > 0)
            .then(|| changes::between(&data.examples, &data.labels, &answers[0], &answers[last]))
            .flatten();
        let linears = models[last].engine.quant().linears.iter();
        let sites = models[last].sites.iter();
        let report = report.with(ComparisonDetails {
            models: rows,
            majority_class: answers[last].majority(&data.labels),
            confusion: confusion::count(&answers[last], &data.labels),
            changes,
            operators,
            training,
            promise,
            quant: linears.map(LinearReport::from).collect(),
            sites: sites.map(|site| site.report.clone()).collect(),
        });
        Self { races, report }
    }

    /// What stands beside what every report says.
    pub fn details(&self) -> &ComparisonDetails {
        &self.report.details
    }

    /// The models, as given.
    pub fn models(&self) -> &[ComparedModel] {
        &self.report.details.models
    }

    /// Their names.
    pub fn names(&self) -> Vec<&str> {
        self.models().iter().map(|m| m.name.as_str()).collect()
    }

    /// What is wrong with accuracies, each warning once, with the models that it is about; then the
    /// classes that a model has lost, and where the machine was too busy.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = self.told_once(|row| row.warning.clone());
        warnings.extend(self.lost_classes());
        warnings.extend(latency::unsteady(&self.names(), &self.races));
        warnings
    }

    /// How many examples are cut, each figure once, with the models that it is about; nothing of models
    /// that read all of them.
    pub fn cuts(&self) -> Vec<String> {
        let some = |row: &ComparedModel| row.cut.filter(|cut| cut.examples > 0);
        self.told_once(|row| some(row).map(|cut| cut.to_string()))
    }

    /// What there is to say of models, each sentence once, behind the names of its models.
    fn told_once(&self, of: impl Fn(&ComparedModel) -> Option<String>) -> Vec<String> {
        let mut told: Vec<(String, Vec<&str>)> = Vec::new();
        for row in self.models() {
            let Some(sentence) = of(row) else { continue };
            match told.iter_mut().find(|(s, _)| *s == sentence) {
                Some((_, names)) => names.push(&row.name),
                None => told.push((sentence, vec![&row.name])),
            }
        }
        told.into_iter()
            .map(|(sentence, names)| format!("{}: {sentence}", names.join(", ")))
            .collect()
    }

    /// Classes that the first model knows and another does not, model by model.
    pub fn lost_classes(&self) -> Vec<String> {
        let Some((first, others)) = self.models().split_first() else {
            return Vec::new();
        };
        let lost = others.iter().filter_map(|row| {
            let lost = classes::lost(&first.classes, &row.classes);
            Some(format!("{}: {}", row.name, classes::lost_words(&lost)?))
        });
        lost.collect()
    }
}

/// Every model against the first.
fn rows(
    models: &[Model],
    answers: &[Answers],
    races: &[Race],
    data: &Dataset,
    seed: Seed,
) -> Vec<ComparedModel> {
    let groups = data.groups();
    let against_first = |answers_of: &Answers, figures: &figures::Figures| -> PairedDifference {
        match figures.pearson.and_then(|figure| figure.difference) {
            Some(difference) => paired::of_scores(answers_of, &answers[0], difference),
            None => {
                let [model, reference] = [answers_of, &answers[0]].map(Answers::correct);
                paired::grouped_difference(&model, &reference, &groups, seed)
            }
        }
    };
    let first_bytes = models[0].report.model.bytes as f64;
    let figures = figures::of(answers, &models[0].task, &groups, seed);
    type Row<'a> = (usize, ((&'a Model, &'a Answers), figures::Figures));
    let row = |(i, ((model, answers), figures)): Row<'_>| ComparedModel {
        name: model.name.clone(),
        model: model.report.model.clone(),
        accuracy: answers.accuracy(),
        warning: answers.warning(&data.labels),
        cut: None,
        difference: (i > 0).then(|| against_first(answers, &figures)),
        macro_f1: figures.macro_f1,
        micro_f1: figures.micro_f1,
        lrap: figures.lrap,
        mcc: figures.mcc,
        f1: figures.f1,
        pearson: figures.pearson,
        spearman: figures.spearman,
        worst_class: figures.worst_class,
        largest_loss: figures.largest_loss,
        lost_classes: figures.lost_classes,
        classes: figures.classes,
        size_ratio: first_bytes / model.report.model.bytes.max(1) as f64,
        latency: races.iter().map(|r| r.latency[i].clone()).collect(),
        speedups: if i == 0 {
            Vec::new()
        } else {
            races.iter().map(|r| r.speedup(i)).collect()
        },
        quantised: model.quantised.clone(),
        lineage: model.provenance.iter().map(StageReport::from).collect(),
    };
    let models = models.iter().zip(answers).zip(figures);
    models.enumerate().map(row).collect()
}
