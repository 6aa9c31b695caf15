//! The figures that stand beside accuracy in a comparison, model by model.

use act_core::Seed;
use act_core::metrics::{Counts, Measure, Metric};
use act_stage::report::{ClassCount, ClassLoss, ComparedClass, Figure, FigureDifference};

use crate::classes;
use crate::evaluation::Answers;
use crate::resample::{self, OfCounts};

/// What one model's answers are beside those of the first.
pub struct Figures {
    /// Mean F1 of the classes that occur.
    pub macro_f1: Figure,
    /// Matthews' correlation coefficient.
    pub mcc: Figure,
    /// F1 of the positive class, of two.
    pub f1: Option<Figure>,
    /// The class with the smallest recall.
    pub worst_class: Option<ClassCount>,
    /// The class that lost most against the first model.
    pub largest_loss: Option<ClassLoss>,
    /// Classes that the first model knows and this one does not.
    pub lost_classes: Vec<String>,
    /// Class by class.
    pub classes: Vec<ComparedClass>,
}

/// Of every model, against the first. What is drawn for intervals are `groups` of dependent examples,
/// where there are any.
pub fn of(
    answers: &[Answers],
    labels: &[String],
    groups: &[Vec<usize>],
    seed: Seed,
) -> Vec<Figures> {
    let f1 = Measure::new(Metric::F1, labels).ok();
    let of_f1 = |counts: &Counts| f1.map_or(0.0, |f1| f1.of(counts));
    let of_counts: [OfCounts<'_>; 3] = [&Counts::macro_f1, &Counts::mcc, &of_f1];
    let differences = resample::differences(answers, labels.len(), groups, &of_counts, seed);
    let first = classes::compared(&answers[0], None, labels);
    let of_model = |(model, (answers_of, differences)): (usize, (&Answers, Vec<_>))| {
        let counts = answers_of.counts(labels.len());
        let figure = |which: usize| Figure {
            value: of_counts[which](&counts),
            difference: (model > 0).then(|| -> FigureDifference { differences[which] }),
        };
        let reference = (model > 0).then(|| &answers[0]);
        let classes = classes::compared(answers_of, reference, labels);
        let lost = classes::lost(&first, &classes);
        Figures {
            macro_f1: figure(0),
            mcc: figure(1),
            f1: f1.map(|_| figure(2)),
            worst_class: classes::worst(&counts, labels),
            largest_loss: classes::largest_loss(&classes),
            lost_classes: lost.iter().map(|lost| lost.class.label.clone()).collect(),
            classes,
        }
    };
    let models = answers.iter().zip(differences).enumerate();
    models.map(of_model).collect()
}
