//! A model's answers on a labelled split, right and wrong. Accuracy, per-class counts and paired
//! comparisons all start from these answers.

use act_core::Result;
use act_core::cli::Context;
use act_core::metrics::{Accuracy, argmax};
use act_data::{Dataset, Split};
use serde::Serialize;

use crate::model::Model;

/// Opens the split that a model is judged on. The labels are the model's, so that class numbers
/// mean the same on both sides.
pub fn open_split(ctx: &Context, model: &Model, split: Split) -> Result<Dataset> {
    let labels = &model.task.labels;
    let data = Dataset::open(ctx.data_dir()?, Some(&model.task.name), split, Some(labels))?;
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

/// One class in an account of all classes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClassCount {
    /// The label.
    pub label: String,
    /// Examples of this class.
    pub examples: usize,
    /// Examples that the model takes for this class.
    pub predicted: usize,
    /// Examples of this class that the model knows.
    pub correct: usize,
}

impl Answers {
    /// Lets the model answer a whole split.
    pub fn collect(
        ctx: &Context,
        model: &Model,
        data: &Dataset,
        batch_size: usize,
    ) -> Result<Self> {
        let truth = data.label_ids()?;
        let encodings = data.encode(&model.tokenizer)?;
        let progress = ctx.progress(&format!("evaluating {}", model.name), truth.len() as u64);
        let logits = model.logits(&encodings, batch_size, &mut |done| {
            progress.advance(done as u64)
        })?;
        progress.finish();
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

    /// Counts for every class, in the order of `labels`.
    pub fn classes(&self, labels: &[String]) -> Vec<ClassCount> {
        let mut counts: Vec<ClassCount> = labels
            .iter()
            .map(|label| ClassCount {
                label: label.clone(),
                examples: 0,
                predicted: 0,
                correct: 0,
            })
            .collect();
        for (&predicted, &truth) in self.predicted.iter().zip(&self.truth) {
            counts[predicted].predicted += 1;
            counts[truth as usize].examples += 1;
            counts[predicted].correct += usize::from(predicted == truth as usize);
        }
        counts
    }
}

/// The class with most examples: what a model must beat to have learned anything.
pub fn majority(classes: &[ClassCount]) -> Option<&ClassCount> {
    // Of equals the first, as argmax does.
    classes.iter().rev().max_by_key(|c| c.examples)
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
        assert_eq!(majority(&classes).unwrap().label, "a");
    }
}
