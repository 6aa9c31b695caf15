//! What is learned from or measured on: some of a data set's examples, encoded for a model, with the
//! teacher's answers once it has been asked.

use act_core::{Encoding, Progress, Result, Target, Tokenizer};
use act_data::{Dataset, Encoded, Lengths};
use act_nn::Examples;

use crate::teacher::{Features, Teacher};

/// Some of a data set's examples.
pub struct ExampleSet {
    /// Which examples of the data set these are.
    indices: Vec<usize>,
    /// Token ids.
    pub encodings: Vec<Encoding>,
    /// How long the examples are uncut.
    pub lengths: Lengths,
    /// The right answers.
    pub labels: Vec<Target>,
    /// The teacher's logits, once it has been asked.
    pub teacher_logits: Option<Vec<Vec<f32>>>,
}

impl ExampleSet {
    /// The examples with these indices.
    ///
    /// # Errors
    /// Usage: an example of `data` without a label. Those of the tokenizer.
    pub fn new(data: &Dataset, indices: Vec<usize>, tokenizer: &Tokenizer) -> Result<Self> {
        let labels = data.targets()?;
        let Encoded { encodings, lengths } = data.encode_some(&indices, tokenizer)?;
        Ok(Self {
            encodings,
            lengths,
            labels: indices.iter().map(|&i| labels[i].clone()).collect(),
            teacher_logits: None,
            indices,
        })
    }

    /// Number of examples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// True without any example.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The token ids of some examples of this set.
    pub fn encodings_of(&self, wanted: &[usize]) -> Vec<Encoding> {
        wanted.iter().map(|&i| self.encodings[i].clone()).collect()
    }

    /// Asks the teacher about some examples of this set. The others' rows are NaN: a loss that
    /// looked at them would end the training.
    ///
    /// # Errors
    /// Rejected: answers that are not finite. Interrupted.
    pub fn ask(
        &mut self,
        teacher: &Teacher,
        data: &Dataset,
        wanted: &[usize],
        progress: &dyn Progress,
    ) -> Result<()> {
        let examples = wanted.iter().map(|&i| &data.examples[self.indices[i]]);
        let texts: Vec<_> = examples.map(|e| (&*e.text, e.pair.as_deref())).collect();
        let answers = teacher.logits(&texts, &self.encodings_of(wanted), progress)?;
        let classes = answers.first().map_or(0, Vec::len);
        let mut rows = vec![vec![f32::NAN; classes]; self.len()];
        for (&i, answer) in wanted.iter().zip(answers) {
            rows[i] = answer;
        }
        self.teacher_logits = Some(rows);
        Ok(())
    }

    /// Asks the teacher about all of them.
    ///
    /// # Errors
    /// As [`ExampleSet::ask`].
    pub fn ask_all(
        &mut self,
        teacher: &Teacher,
        data: &Dataset,
        progress: &dyn Progress,
    ) -> Result<()> {
        let all: Vec<usize> = (0..self.len()).collect();
        self.ask(teacher, data, &all, progress)
    }

    /// As the trainer takes them, with the inner values of a teacher where losses compare them.
    pub fn view<'a>(&'a self, features: Option<&'a Features<'_>>) -> Examples<'a> {
        Examples {
            encodings: &self.encodings,
            labels: &self.labels,
            teacher_logits: self.teacher_logits.as_deref(),
            teacher: features.map(|features| features as &dyn act_nn::TeacherFeatures),
        }
    }
}
