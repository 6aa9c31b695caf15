//! What is learned from: the training text encoded for the student, with its classes, the
//! teacher's answers where there is a teacher, and a slice held out to choose the best weights.
//!
//! The held-out slice comes from train; dev is not read here.

use act_core::{Artifact, Encoding, Error, Result, Seed, Tokenizer};
use act_data::Dataset;
use act_nn::distillation::features::Features;
use act_nn::distillation::teacher::Teacher;
use act_nn::{Examples, Objective};

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
                "{} has {} examples, none of which are left to train on",
                data.record.name,
                data.examples.len()
            )));
        }
        let tokenizer = Tokenizer::new(&student.tokenizer, student.task.max_seq_length)?;
        let encodings = data.encode(&tokenizer)?;
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
        let encodings: Vec<_> = wanted.iter().map(|&i| self.encodings[i].clone()).collect();
        let answers = teacher.logits(&texts, &encodings, on_batch)?;
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
