//! Ranges by the answers of the whole model: one static input after the other, in forward order, gets the
//! smoothing and the share of its calibrator's threshold with which the int8 model's answers are
//! closest to the float model's (coordinate descent), on a slice of the calibration examples. What a
//! site's own error says of the answers differs from site to site by orders of magnitude; and errors
//! of different sites take each other back or add up.
//!
//! A change of an input leaves everything before its layer as it was, so only the layers from there
//! on are computed again. Chooses among schemes of one cost; whether the result is kept, a trial says.

use std::thread;

use act_core::{Batch, Linear, Problem, Progress, Result};
use act_infer::{Engine, Stream};

use crate::apply::ModelQuantizer;
use crate::calibrate::Method;
use crate::judge::Tally;
use crate::scheme::{Assignment, Scheme};

/// Shares of the threshold as it is that are tried, pass by pass: the last ones in every later one.
const SHARES: [&[f64]; 2] = [&[0.7, 0.85, 1.15, 1.35], &[0.92, 1.08]];

/// Class scores are divided by this before they become probabilities. Of examples that the model has learned
/// by heart, most of the slice, the probabilities hardly move whatever the scores do.
const TEMPERATURE: f32 = 3.0;

/// A change must take so much off the distance: less is noise of the slice.
const WORTHWHILE: f64 = 2e-3;

/// Examples, and how the float model answers them.
pub struct Slice<'a> {
    /// Token ids.
    pub batches: &'a [Batch],
    /// The float model's logits, one row a sequence.
    pub expected: &'a [Vec<f32>],
    /// Passes over all inputs.
    pub passes: usize,
    /// Threads; the result does not depend on it.
    pub threads: usize,
    /// Advances by the inputs that are done.
    pub progress: &'a dyn Progress,
}

/// The best found so far, and the stream of each batch at the layer that is being looked at.
struct Descent<'a, 'q> {
    slice: &'a Slice<'a>,
    quantizer: &'a ModelQuantizer<'q>,
    assignment: Assignment,
    distance: f64,
    streams: Vec<Stream>,
}

/// `assignment` with other smoothing (of those that `smoothings` gives for an input by index) and ranges
/// at its static inputs, and its [`distance`] on the slice before and after.
///
/// # Errors
/// Those of the engine; failed: answers that are not finite. Interrupted.
pub fn descend(
    quantizer: &ModelQuantizer<'_>,
    assignment: &Assignment,
    slice: &Slice<'_>,
    smoothings: &dyn Fn(usize) -> Vec<Scheme>,
) -> Result<(Assignment, [f64; 2])> {
    let layers = quantizer.model().plan.layers.len();
    let mut descent = Descent {
        slice,
        quantizer,
        assignment: assignment.clone(),
        distance: f64::INFINITY,
        streams: Vec::new(),
    };
    descent.distance = descent.start()?;
    let before = descent.distance;
    for pass in 0..slice.passes {
        descent.start()?;
        for layer in 0..layers.max(1) {
            for index in 0..assignment.choices.len() {
                if layer_of(assignment.choices[index].input.first(), layers) == layer {
                    descent.improve(index, pass, smoothings)?;
                    slice.progress.advance(1)?;
                }
            }
            if layer + 1 < layers {
                descent.step()?;
            }
        }
        log::info!(
            "ranges, pass {}: distance on the slice {:.3e}",
            pass + 1,
            descent.distance
        );
    }
    Ok((descent.assignment, [before, descent.distance]))
}

/// The layer that a change of the input of `linear` changes first. What is behind the last layer counts to
/// that, whose norm smoothing changes.
fn layer_of(linear: Linear, layers: usize) -> usize {
    match linear {
        Linear::Query(l)
        | Linear::Key(l)
        | Linear::Value(l)
        | Linear::AttentionOutput(l)
        | Linear::Intermediate(l)
        | Linear::Gate(l)
        | Linear::Output(l) => l,
        Linear::Pooler | Linear::Classifier | Linear::EmbeddingProjection => {
            layers.saturating_sub(1)
        }
    }
}

impl Descent<'_, '_> {
    /// Goes back to the first layer; the distance of the best.
    fn start(&mut self) -> Result<f64> {
        let engine = self.engine(&self.assignment)?;
        let embedded = self.slice.batches.iter().map(|batch| engine.embed(batch));
        self.streams = embedded.collect::<Result<_>>()?;
        self.judge(&engine)
    }

    /// Goes on to the next layer.
    fn step(&mut self) -> Result<()> {
        let engine = self.engine(&self.assignment)?;
        let batches = self.slice.batches.iter();
        for (batch, stream) in batches.zip(&mut self.streams) {
            engine.step(batch, stream, None)?;
        }
        Ok(())
    }

    /// Tries other smoothing of an input, in the first pass, and other shares of its threshold.
    fn improve(
        &mut self,
        index: usize,
        pass: usize,
        smoothings: &dyn Fn(usize) -> Vec<Scheme>,
    ) -> Result<()> {
        if self.scheme(index).method().is_none() {
            return Ok(());
        }
        if pass == 0 {
            for scheme in smoothings(index) {
                if scheme != self.scheme(index) {
                    self.attempt(index, scheme)?;
                }
            }
        }
        let scheme = self.scheme(index);
        let Some(method) = scheme.method() else {
            return Ok(());
        };
        for share in SHARES[pass.min(SHARES.len() - 1)] {
            let share = method.share * share;
            self.attempt(index, scheme.with_method(Method { share, ..method }))?;
        }
        Ok(())
    }

    fn scheme(&self, index: usize) -> Scheme {
        self.assignment.choices[index].scheme
    }

    /// Keeps a change if it is worth its while.
    fn attempt(&mut self, index: usize, scheme: Scheme) -> Result<()> {
        let changed = self.assignment.with(index, scheme);
        let distance = self.judge(&self.engine(&changed)?)?;
        log::debug!(
            "{} -> {scheme}: {distance:.4e}",
            changed.choices[index].input
        );
        if distance < self.distance * (1.0 - WORTHWHILE) {
            self.distance = distance;
            self.assignment = changed;
        }
        Ok(())
    }

    fn engine(&self, assignment: &Assignment) -> Result<Engine> {
        Engine::new(self.quantizer.artifact(assignment)?)
    }

    /// The distance of a model that continues the streams.
    fn judge(&self, engine: &Engine) -> Result<f64> {
        let (batches, streams) = (self.slice.batches, &self.streams);
        let share = batches.len().div_ceil(self.slice.threads.max(1)).max(1);
        let finish = |(batches, streams): (&[Batch], &[Stream])| {
            let pairs = batches.iter().zip(streams);
            pairs
                .map(|(batch, stream)| engine.finish(batch, stream.clone()))
                .collect::<Result<Vec<_>>>()
        };
        let parts: Vec<Result<Vec<_>>> = thread::scope(|scope| {
            let parts = batches.chunks(share).zip(streams.chunks(share));
            let started: Vec<_> = parts
                .map(|part| scope.spawn(move || finish(part)))
                .collect();
            started
                .into_iter()
                .map(|part| match part.join() {
                    Ok(answers) => answers,
                    Err(panic) => std::panic::resume_unwind(panic),
                })
                .collect()
        });
        let mut answers = Vec::new();
        for part in parts {
            answers.extend(part?.into_iter().flatten());
        }
        let problem = &self.quantizer.model().task.problem;
        distance(problem, self.slice.expected, &answers)
    }
}

/// What is to be small: the mean divergence of the softened probabilities of two models, of their class
/// scores row by row.
///
/// # Errors
/// Failed: answers that are not finite.
pub fn distance(problem: &Problem, expected: &[Vec<f32>], answers: &[Vec<f32>]) -> Result<f64> {
    let soften = |row: &Vec<f32>| row.iter().map(|score| score / TEMPERATURE).collect();
    let soft = |rows: &[Vec<f32>]| -> Vec<Vec<f32>> { rows.iter().map(soften).collect() };
    let mut tally = Tally::new(problem, None);
    tally.add(&soft(expected), &soft(answers), None)?;
    Ok(tally.score(false).divergence)
}
