//! What is learned from: examples of train with the teacher's answers, as many as the steps will
//! see, and the held-out examples that calibration was judged on, which judge here too.

use act_core::metrics::argmax;
use act_core::{Artifact, Batch, Encoding, Result, Seed, Tokenizer};
use act_data::{Dataset, Example};
use act_infer::Engine;
use act_nn::Examples;
use act_nn::distillation::features::Features;
use act_nn::distillation::teacher::Teacher;
use rand::seq::SliceRandom;

use super::{Agreement, Event, OnEvent, Plan, Source};
use crate::judge::{Score, Tally};
use crate::samples::Slices;

/// Some examples with the teacher's answers.
pub(super) struct Part {
    /// Token ids of the model.
    pub(super) encodings: Vec<Encoding>,
    /// Classes; none if an example has none.
    pub(super) labels: Vec<u32>,
    /// The teacher's logits.
    pub(super) answers: Vec<Vec<f32>>,
}

/// What is learned from and what is judged on.
pub(super) struct Lesson {
    pub(super) train: Part,
    pub(super) held_out: Part,
    batch_size: usize,
    threads: usize,
}

impl Lesson {
    /// Draws the examples and asks the teacher.
    pub(super) fn new(
        source: &Source<'_>,
        plan: &Plan,
        teacher: &Teacher,
        on_event: OnEvent<'_>,
    ) -> Result<Self> {
        source.data.label_ids()?;
        let slices = Slices::new(source.data, source.options, source.seed)?;
        let train = seen(slices.train, plan, source.seed);
        let total = train.len() + slices.held_out.len();
        let mut on_batch = |done| on_event(Event::Answered { done, total });
        let tokenizer = Tokenizer::new(&source.model.tokenizer, source.model.task.max_seq_length)?;
        let mut part =
            |indices: &[usize]| Part::new(source.data, indices, &tokenizer, teacher, &mut on_batch);
        Ok(Self {
            held_out: part(&slices.held_out)?,
            train: part(&train)?,
            batch_size: source.options.batch_size,
            threads: plan.training.threads,
        })
    }

    /// The held-out answers of a forward pass beside those of the int8 model in the engine.
    pub(super) fn compare(&self, ours: &[Vec<f32>], int8: &Artifact) -> Result<Agreement> {
        let encodings = &self.held_out.encodings;
        let engine = Engine::new(int8.clone())?.with_threads(self.threads);
        let theirs = engine.forward(&Batch::new(encodings))?;
        let pairs = || ours.iter().zip(&theirs);
        let alike = pairs().filter(|(a, b)| argmax(a) == argmax(b)).count();
        let largest = |(a, b): (&Vec<f32>, &Vec<f32>)| {
            let differences = a.iter().zip(b).map(|(a, b)| f64::from((a - b).abs()));
            differences.fold(0.0, f64::max)
        };
        let mut differences: Vec<f64> = pairs().map(largest).collect();
        differences.sort_by(f64::total_cmp);
        Ok(Agreement {
            predictions: alike as f64 / encodings.len().max(1) as f64,
            median_difference: differences.get(encodings.len() / 2).copied().unwrap_or(0.0),
        })
    }

    /// How far an int8 model is from the teacher on the held-out examples.
    pub(super) fn examine(&self, int8: &Artifact) -> Result<Score> {
        let engine = Engine::new(int8.clone())?.with_threads(self.threads);
        let mut tally = Tally::default();
        let Part {
            encodings,
            labels,
            answers,
        } = &self.held_out;
        let chunks = encodings
            .chunks(self.batch_size)
            .zip(answers.chunks(self.batch_size));
        for ((batch, expected), labels) in chunks.zip(labels.chunks(self.batch_size)) {
            tally.add(expected, &engine.forward(&Batch::new(batch))?, Some(labels))?;
        }
        Ok(tally.score(true))
    }
}

/// As many of the examples as the steps will see, in random order.
fn seen(mut examples: Vec<usize>, plan: &Plan, seed: Seed) -> Vec<usize> {
    let wanted = plan
        .steps(examples.len())
        .saturating_mul(plan.training.batch_size);
    if wanted < examples.len() {
        examples.shuffle(&mut seed.stream("quant.train"));
        examples.truncate(wanted);
    }
    examples
}

impl Part {
    fn new(
        data: &Dataset,
        indices: &[usize],
        tokenizer: &Tokenizer,
        teacher: &Teacher,
        on_batch: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Self> {
        let examples: Vec<&Example> = indices.iter().map(|&i| &data.examples[i]).collect();
        let texts: Vec<_> = examples
            .iter()
            .map(|e| (&*e.text, e.pair.as_deref()))
            .collect();
        let encodings = texts
            .iter()
            .map(|(text, pair)| tokenizer.encode(text, *pair));
        let encodings: Vec<Encoding> = encodings.collect::<Result<_>>()?;
        Ok(Self {
            labels: examples.iter().filter_map(|e| e.label).collect(),
            answers: teacher.logits(&texts, &encodings, on_batch)?,
            encodings,
        })
    }

    /// As the trainer takes it.
    pub(super) fn examples<'a>(&'a self, features: Option<&'a Features<'_>>) -> Examples<'a> {
        Examples {
            encodings: &self.encodings,
            labels: &self.labels,
            teacher_logits: Some(&self.answers),
            teacher: features.map(|features| features as &dyn act_nn::Teacher),
        }
    }
}
