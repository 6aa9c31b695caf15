//! The figures that stand beside accuracy in a comparison, model by model.

use act_core::Seed;
use act_core::metrics::{Measure, Metric};
use act_core::{ProblemKind, TaskInfo};
use act_stage::report::{ClassCount, ClassLoss, ComparedClass, Figure};

use crate::classes;
use crate::evaluation::Answers;
use crate::resample;

/// What one model's answers are beside those of the first.
#[derive(Default)]
pub struct Figures {
    /// Mean F1 of the classes that occur; of several labels, of all.
    pub macro_f1: Option<Figure>,
    /// F1 of all labels' counts together, of several labels.
    pub micro_f1: Option<Figure>,
    /// Label ranking average precision, of several labels.
    pub lrap: Option<Figure>,
    /// Matthews' correlation coefficient, of one label.
    pub mcc: Option<Figure>,
    /// F1 of the positive class, of two.
    pub f1: Option<Figure>,
    /// Pearson's correlation of scores.
    pub pearson: Option<Figure>,
    /// Spearman's correlation of scores.
    pub spearman: Option<Figure>,
    /// The class with the smallest recall.
    pub worst_class: Option<ClassCount>,
    /// The class that lost most against the first model.
    pub largest_loss: Option<ClassLoss>,
    /// Classes that the first model knows and this one does not.
    pub lost_classes: Vec<String>,
    /// Class by class.
    pub classes: Vec<ComparedClass>,
}

/// The measures that stand beside accuracy, of a kind of answers.
pub fn measures(task: &TaskInfo) -> Vec<Measure> {
    let metrics: &[Metric] = match task.problem.kind() {
        ProblemKind::SingleLabel => &[Metric::MacroF1, Metric::Mcc, Metric::F1],
        ProblemKind::MultiLabel => &[Metric::MacroF1, Metric::MicroF1, Metric::Lrap],
        ProblemKind::Regression => &[Metric::Pearson, Metric::Spearman],
    };
    let of = |&metric: &Metric| Measure::of_task(Some(metric), task).ok();
    metrics.iter().filter_map(of).collect()
}

/// Of every model, against the first. What is drawn for intervals are `groups` of dependent examples,
/// where there are any.
pub fn of(answers: &[Answers], task: &TaskInfo, groups: &[Vec<usize>], seed: Seed) -> Vec<Figures> {
    let (labels, measures) = (&task.labels, measures(task));
    let figures = resample::figures(answers, groups, &measures, seed);
    let first = classes::compared(&answers[0], None, labels);
    let of_model = |(model, (answers_of, figures)): (usize, (&Answers, Vec<Figure>))| {
        let reference = (model > 0).then(|| &answers[0]);
        let classes = classes::compared(answers_of, reference, labels);
        let lost = classes::lost(&first, &classes);
        let mut all = Figures {
            worst_class: classes::worst(&answers_of.counts(labels.len()), labels),
            largest_loss: classes::largest_loss(&classes),
            lost_classes: lost.iter().map(|lost| lost.class.label.clone()).collect(),
            ..Figures::default()
        };
        for (measure, figure) in measures.iter().zip(figures) {
            *all.place(measure.metric()) = Some(figure);
        }
        all.classes = classes;
        all
    };
    let models = answers.iter().zip(figures).enumerate();
    models.map(of_model).collect()
}

impl Figures {
    fn place(&mut self, metric: Metric) -> &mut Option<Figure> {
        match metric {
            Metric::MicroF1 => &mut self.micro_f1,
            Metric::Lrap => &mut self.lrap,
            Metric::Mcc => &mut self.mcc,
            Metric::F1 => &mut self.f1,
            Metric::Pearson => &mut self.pearson,
            Metric::Spearman => &mut self.spearman,
            // Accuracy has a closed interval and stands elsewhere.
            Metric::MacroF1 | Metric::Accuracy => &mut self.macro_f1,
        }
    }
}
