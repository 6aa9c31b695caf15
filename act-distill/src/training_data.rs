//! What is learned from: the training text encoded for the student, and a slice held out to choose the
//! best weights.
//!
//! The held-out slice comes from train; dev is not read here.

use act_core::{Artifact, Error, Result, Tokenizer};
use act_data::{Coverage, Dataset};
use act_stage::report::Cut;
use act_train::ExampleSet;

use crate::options::Options;

/// Fewer held-out examples than this tell good weights from bad ones by chance only: the accuracy on
/// them is off by 20 points at least.
const FEW: usize = 20;

/// The train split in two.
pub struct TrainingData {
    /// To train on.
    pub train: ExampleSet,
    /// To choose the best weights by; empty if nothing is held out.
    pub validation: ExampleSet,
    /// How many examples of both are cut.
    pub cut: Cut,
}

impl TrainingData {
    /// Encodes `data` for `student` and holds out a slice. The slice depends on the data, the seed and
    /// the ratio only, so that what was held out from a model while it was fine-tuned is held out again
    /// when it is distilled from. Warns of what can be trained on, but was hardly meant.
    ///
    /// # Errors
    /// Usage: nothing left to train on, an example without label, a vocabulary that knows no word of
    /// the text.
    pub fn new(data: &Dataset, student: &Artifact, options: &Options) -> Result<Self> {
        let ratio = options.validation_ratio;
        let slices = data.slice_validation(options.seed, ratio);
        if slices.train.is_empty() {
            return Err(Error::usage(format!(
                "{}: of its {} examples {} are held out and none are left to train on; lower \
                 TrainConfig.validation_ratio ({ratio})",
                data.record.name,
                data.examples.len(),
                slices.held_out.len()
            )));
        }
        let tokenizer = Tokenizer::new(&student.tokenizer, student.task.max_seq_length)?;
        let train = ExampleSet::new(data, slices.train, &tokenizer)?;
        let validation = ExampleSet::new(data, slices.held_out, &tokenizer)?;
        let all = train.encodings.iter().chain(&validation.encodings);
        Coverage::of_any(all, &student.tokenizer)?.check(&data.record.name)?;
        let lengths = train.lengths.clone().and(&validation.lengths);
        let cut = lengths.cut().tell(&data.record.name);
        let examples = Self {
            train,
            validation,
            cut,
        };
        examples.note_oddities(options);
        Ok(examples)
    }

    fn note_oddities(&self, options: &Options) {
        let (examples, held_out) = (self.train.len(), self.validation.len());
        if self.train.labels.iter().all(|l| *l == self.train.labels[0]) {
            log::warn!(
                "all {examples} training examples have one label: there is nothing to tell apart"
            );
        }
        if held_out < FEW && options.validation_ratio > 0.0 {
            log::warn!(
                "{held_out} examples are held out: too few to choose the best weights by; raise \
                 TrainConfig.validation_ratio, or give a larger train split"
            );
        }
        let batch = options.training.batch_size;
        if batch > examples {
            log::warn!(
                "a batch of {batch} holds all {examples} training examples: an epoch is one step; lower \
                 TrainConfig.batch_size"
            );
        }
    }
}
