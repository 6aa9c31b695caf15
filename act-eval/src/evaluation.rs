//! A model's answers on a labelled split, right and wrong. Accuracy, per-class counts and paired
//! comparisons all start from these answers.

use act_core::metrics::{Accuracy, Counts, argmax};
use act_core::{Encoding, Progress, Result};
use act_data::Dataset;
use act_stage::Context;
use act_stage::report::{ClassCount, Majority};

use crate::args::JudgeArgs;
use crate::model::Model;

/// Opens the split that a model is judged on. The labels are the model's, so that class numbers
/// mean the same on both sides.
pub fn open_split(ctx: &Context, model: &Model, args: &JudgeArgs) -> Result<Dataset> {
    let data = Dataset::for_model(args.data.given()?, args.split, &model.task)?;
    ctx.set_synthetic(data.record.synthetic);
    if data.dropped > 0 {
        log::info!(
            "{}: {} lines without a label left out",
            data.record.name,
            data.dropped
        );
    }
    Ok(data)
}

/// Predicted and true classes, example by example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answers {
    /// The model's answer.
    pub predicted: Vec<usize>,
    /// The truth.
    pub truth: Vec<u32>,
}

impl Answers {
    /// Lets the model answer a whole split; `encodings` are the split's, by the model's tokenizer.
    pub fn collect(
        model: &Model,
        data: &Dataset,
        encodings: &[Encoding],
        batch_size: usize,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let truth = data.label_ids()?;
        progress.begin(&format!("evaluating {}", model.name), truth.len());
        let logits = model.logits(encodings, batch_size, progress)?;
        Ok(Self {
            predicted: logits.iter().map(|row| argmax(row)).collect(),
            truth,
        })
    }

    /// Right or wrong, example by example.
    pub fn correct(&self) -> Vec<bool> {
        let pairs = self.predicted.iter().zip(&self.truth);
        pairs.map(|(&p, &t)| p == t as usize).collect()
    }

    /// Accuracy with its interval.
    pub fn accuracy(&self) -> Accuracy {
        let correct = self.correct().into_iter().filter(|&right| right).count();
        Accuracy::new(correct, self.truth.len())
    }

    /// The answers counted by class, of so many.
    pub fn counts(&self, classes: usize) -> Counts {
        let truth = self.truth.iter().copied();
        Counts::new(self.predicted.iter().copied(), truth, classes)
    }

    /// Counts for every class, in the order of `labels`.
    pub fn classes(&self, labels: &[String]) -> Vec<ClassCount> {
        let counts = self.counts(labels.len());
        let classes = labels.iter().zip(&counts.classes);
        classes
            .map(|(label, of)| ClassCount::new(label, of))
            .collect()
    }

    /// Why the accuracy is no evidence of anything learned, in words: one answer to everything, or
    /// no more right than always giving the commonest one. `None` for a model that beats that.
    pub fn warning(&self, labels: &[String]) -> Option<String> {
        let (accuracy, classes) = (self.accuracy(), self.classes(labels));
        let most = majority(&classes)?;
        if let Some(only) = classes.iter().find(|c| c.predicted == accuracy.n) {
            let (label, n) = (&only.label, accuracy.n);
            return Some(format!(
                "predicted one class, {label:?}, for all {n} examples"
            ));
        }
        (accuracy.low <= most.share).then(|| {
            let (label, percent) = (&most.label, 100.0 * most.share);
            format!("not clearly better than always answering {label:?} ({percent:.1} %)")
        })
    }
}

/// The class with most examples, of equals the first as argmax does; `None` without examples.
pub fn majority(classes: &[ClassCount]) -> Option<Majority> {
    let n: usize = classes.iter().map(|c| c.examples).sum();
    let most = classes.iter().rev().max_by_key(|c| c.examples)?;
    (n > 0).then(|| Majority {
        label: most.label.clone(),
        share: most.examples as f64 / n as f64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_counted_on_both_sides() {
        let answers = Answers {
            predicted: vec![0, 1, 1, 2, 1],
            truth: vec![0, 1, 2, 2, 0],
        };
        assert_eq!(answers.correct(), [true, true, false, true, false]);
        assert_eq!(answers.accuracy().value, 0.6);
        let labels = ["a", "b", "c"].map(String::from);
        let classes = answers.classes(&labels);
        let rows: Vec<_> = classes
            .iter()
            .map(|c| (c.examples, c.predicted, c.correct))
            .collect();
        assert_eq!(rows, [(2, 1, 1), (1, 3, 1), (2, 1, 1)]);
        let most = majority(&classes).unwrap();
        assert_eq!((most.label.as_str(), most.share), ("a", 0.4));
    }

    #[test]
    fn a_model_that_has_learned_nothing_is_named() {
        let labels = ["a", "b"].map(String::from);
        let warning =
            |predicted: Vec<usize>, truth: Vec<u32>| Answers { predicted, truth }.warning(&labels);
        let truth: Vec<u32> = (0..100).map(|i| u32::from(i % 4 == 0)).collect();
        let right: Vec<usize> = truth.iter().map(|&t| t as usize).collect();
        assert_eq!(warning(right.clone(), truth.clone()), None);
        let constant = warning(vec![0; 100], truth.clone()).unwrap();
        assert_eq!(constant, "predicted one class, \"a\", for all 100 examples");
        // Right on 80 of 100, and always answering "a" on 75.
        let mut weak = right;
        weak[1..21].iter_mut().for_each(|p| *p = 1 - *p);
        let weak = warning(weak, truth).unwrap();
        assert_eq!(
            weak,
            "not clearly better than always answering \"a\" (75.0 %)"
        );
        assert_eq!(warning(Vec::new(), Vec::new()), None);
    }
}
