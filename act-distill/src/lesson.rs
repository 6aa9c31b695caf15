//! What is learned from: the training text encoded for the student, with its classes, the
//! teacher's answers where there is a teacher, and a slice held out to choose the best weights.
//!
//! The held-out slice comes from train; dev is not read here.

use act_core::{Artifact, Encoding, Error, Result, Seed, Tokenizer};
use act_data::{Coverage, Dataset};
use act_nn::distillation::features::Features;
use act_nn::distillation::teacher::Teacher;
use act_nn::{Examples, Objective};

use crate::Options;

/// Fewer held-out examples than this tell good weights from bad ones by chance only: the accuracy on
/// them is off by 20 points at least.
const FEW: usize = 20;

/// Everything that training reads.
pub struct Lesson {
    /// To train on.
    pub train: Part,
    /// To choose the best weights by; empty if nothing is held out.
    pub validation: Part,
}

/// Some of a data set's examples.
#[derive(Default)]
pub struct Part {
    /// Which examples of the data set these are.
    indices: Vec<usize>,
    /// Token ids of the student.
    pub encodings: Vec<Encoding>,
    /// Classes.
    pub labels: Vec<u32>,
    /// The teacher's logits, once it has been asked.
    pub teacher_logits: Option<Vec<Vec<f32>>>,
}

impl Lesson {
    /// Encodes `data` for `student` and holds out `ratio` of it. The slice depends on the data, the
    /// seed and the ratio only, so that what was held out from a model while it was fine-tuned is
    /// held out again when it is distilled from.
    pub fn new(data: &Dataset, student: &Artifact, ratio: f64, seed: Seed) -> Result<Self> {
        let slices = data.slice_validation(seed, ratio);
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
        let encodings = data.encode(&tokenizer)?;
        Coverage::of(&encodings, &student.tokenizer).check(&data.record.name)?;
        let labels = data.label_ids()?;
        let part = |indices: Vec<usize>| Part {
            encodings: indices.iter().map(|&i| encodings[i].clone()).collect(),
            labels: indices.iter().map(|&i| labels[i]).collect(),
            teacher_logits: None,
            indices,
        };
        Ok(Self {
            train: part(slices.train),
            validation: part(slices.held_out),
        })
    }

    /// Warns of what can be trained on, but was hardly meant.
    pub fn note_oddities(&self, options: &Options) {
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

    /// As the trainer takes it; `features` are the teacher's, of the training part.
    pub fn subject<'a>(
        &'a self,
        objective: Objective,
        features: Option<&'a Features<'_>>,
    ) -> Subject<'a> {
        let teacher = features.map(|features| features as &dyn act_nn::Teacher);
        Subject {
            train: self.train.examples(teacher),
            validation: (!self.validation.is_empty()).then(|| self.validation.examples(None)),
            objective,
        }
    }
}

/// What the trainer works on.
pub struct Subject<'a> {
    /// To train on.
    pub train: Examples<'a>,
    /// To choose the best weights by.
    pub validation: Option<Examples<'a>>,
    /// What is minimised.
    pub objective: Objective,
}

impl Part {
    /// Number of examples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// True without any example.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The token ids of some examples of this part.
    pub fn encodings_of(&self, wanted: &[usize]) -> Vec<Encoding> {
        wanted.iter().map(|&i| self.encodings[i].clone()).collect()
    }

    /// Asks the teacher about some examples of this part. The others' rows are NaN: a loss that
    /// looked at them would end the training.
    pub fn ask(
        &mut self,
        teacher: &Teacher,
        data: &Dataset,
        wanted: &[usize],
        on_batch: &mut dyn FnMut(usize) -> bool,
    ) -> Result<()> {
        let examples = wanted.iter().map(|&i| &data.examples[self.indices[i]]);
        let texts: Vec<_> = examples.map(|e| (&*e.text, e.pair.as_deref())).collect();
        let answers = teacher.logits(&texts, &self.encodings_of(wanted), on_batch)?;
        let classes = answers.first().map_or(0, Vec::len);
        let mut rows = vec![vec![f32::NAN; classes]; self.len()];
        for (&i, answer) in wanted.iter().zip(answers) {
            rows[i] = answer;
        }
        self.teacher_logits = Some(rows);
        Ok(())
    }

    /// As the trainer takes it, with the inner values of a teacher where losses compare them.
    fn examples<'a>(&'a self, teacher: Option<&'a dyn act_nn::Teacher>) -> Examples<'a> {
        Examples {
            encodings: &self.encodings,
            labels: &self.labels,
            teacher_logits: self.teacher_logits.as_deref(),
            teacher,
        }
    }
}
