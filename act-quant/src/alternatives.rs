//! What every input of the result costs, and what its other schemes would have cost: divergence by
//! changing that input alone, bytes by laying the file out, milliseconds by the engine's own clock.
//! Explains a result; chooses nothing.

use std::time::{Duration, Instant};

use act_core::{Artifact, Batch, Result};
use act_stage::config::SchemeKind;

use crate::apply::ModelQuantizer;
use crate::scheme::{Assignment, Scheme};
use crate::search::{Attempt, Search};
use crate::{clock, noise};

/// One scheme of one input, all other inputs being as they are in the result.
#[derive(Debug, Clone, PartialEq)]
pub struct Alternative {
    /// The scheme.
    pub scheme: Scheme,
    /// Whether the options let an input become this.
    pub allowed: bool,
    /// Divergence of the whole model from the float one, in nats an example of those that
    /// [`Costs::divergence`] is of; `None` where the time for it was out.
    pub divergence: Option<f64>,
    /// Length of the model's file.
    pub bytes: u64,
    /// Quantising the input and its products in this machine's engine, on one thread; `None` where the
    /// engine counts it to another input.
    pub ms: Option<f64>,
}

/// The inputs of a result.
#[derive(Debug, Clone, PartialEq)]
pub struct Costs {
    /// Of the result, on the examples that inputs are judged on.
    pub divergence: f64,
    /// Examples that inputs are judged on.
    pub examples: usize,
    /// Of each input, in the assignment's order, what it is and then what else it could be.
    pub inputs: Vec<Vec<Alternative>>,
    /// What was timed.
    pub batch: Batch,
    /// What was allowed for judging.
    pub budget: Duration,
    /// What it took.
    pub spent: Duration,
    /// Schemes that the search had judged already.
    pub reused: usize,
}

/// What is known already.
pub(crate) struct Known<'a> {
    /// The result.
    pub found: &'a Search,
    /// Its divergence on the examples that inputs are judged on.
    pub divergence: f64,
    /// How many those are.
    pub examples: usize,
    /// What each input in float takes off that.
    pub float_gains: &'a [f64],
}

impl Known<'_> {
    /// The divergence with one input changed, where the search or the gains have it.
    fn divergence(&self, index: usize, scheme: Scheme) -> Option<f64> {
        let choice = &self.found.assignment.choices[index];
        if scheme == choice.scheme {
            return Some(self.divergence);
        }
        if scheme == Scheme::Float {
            return Some(self.divergence - self.float_gains[index]);
        }
        None
    }

    /// The same from a trial of the search that changed this input of the result and nothing else: what
    /// that added on all examples.
    fn tried(&self, index: usize, scheme: Scheme) -> Option<f64> {
        let input = &self.found.assignment.choices[index].input;
        let same = |attempt: &Attempt| match attempt {
            Attempt::Change(inputs, to) => inputs[..] == [input.clone()] && *to == scheme,
            _ => false,
        };
        // Trials behind the best one started from it.
        let mut trials = self.found.trials.iter().skip(self.found.best + 1);
        let trial = trials.find(|trial| !trial.given_up && same(&trial.attempt))?;
        let best = self.found.winner().score.divergence;
        Some((self.divergence + trial.score.divergence - best).max(0.0))
    }
}

/// Judges the schemes of every input, those inputs first that lose most, until the `budget` is spent; what
/// a scheme would take in bytes and in time is told of all.
///
/// # Errors
/// Those of `judge` and of the engine; rejected: a weight that is not finite.
pub(crate) fn costs(
    quantizer: &ModelQuantizer<'_>,
    known: &Known<'_>,
    budget: Duration,
    judge: &dyn Fn(&Artifact) -> Result<f64>,
) -> Result<Costs> {
    let (start, assignment) = (Instant::now(), &known.found.assignment);
    let mut order: Vec<usize> = (0..assignment.choices.len()).collect();
    order.sort_by(|&a, &b| known.float_gains[b].total_cmp(&known.float_gains[a]));
    let mut inputs = vec![Vec::new(); order.len()];
    let mut reused = 0;
    for index in order {
        let in_time = || start.elapsed() < budget;
        for scheme in schemes(quantizer, assignment, index, &in_time)? {
            let tried = known.tried(index, scheme);
            reused += usize::from(tried.is_some());
            let divergence = match known.divergence(index, scheme).or(tried) {
                None if in_time() => {
                    let changed = quantizer.artifact(&assignment.with(index, scheme))?;
                    Some(judge(&changed)?)
                }
                known => known,
            };
            let outline = quantizer.outline(&known.found.artifact, assignment, index, scheme)?;
            inputs[index].push(Alternative {
                scheme,
                allowed: quantizer.options().allows(scheme.kind()),
                divergence,
                bytes: outline.file_len()?,
                ms: None,
            });
        }
    }
    let spent = start.elapsed();
    let schemes = |of: &Vec<Alternative>| of.iter().map(|a| a.scheme).collect();
    let schemes: Vec<Vec<Scheme>> = inputs.iter().map(schemes).collect();
    let times = clock::time(quantizer, assignment, &schemes)?;
    for (alternative, ms) in inputs.iter_mut().flatten().zip(times.into_iter().flatten()) {
        alternative.ms = ms;
    }
    Ok(Costs {
        divergence: known.divergence,
        examples: known.examples,
        inputs,
        batch: clock::batch(quantizer),
        budget,
        spent,
        reused,
    })
}

/// What an input is, and then what it could be, the cheapest at run time first: of the methods of a
/// kind the one with the least error at its layer, of what the options allow, and float always. Once the time
/// is out, the first of a kind stands for it.
fn schemes(
    quantizer: &ModelQuantizer<'_>,
    assignment: &Assignment,
    index: usize,
    in_time: &dyn Fn() -> bool,
) -> Result<Vec<Scheme>> {
    let (choice, options) = (&assignment.choices[index], quantizer.options());
    let mut found = vec![choice.scheme];
    for kind in SchemeKind::ALL {
        let open = match kind {
            SchemeKind::Float => true,
            SchemeKind::Smooth => options.allows(kind) && quantizer.can_smooth(&choice.input),
            SchemeKind::SmoothAtRunTime => {
                options.allows(kind) && !quantizer.can_smooth(&choice.input)
            }
            SchemeKind::Static | SchemeKind::Dynamic => options.allows(kind),
        };
        if !open || kind == choice.scheme.kind() {
            continue;
        }
        let mut best: Option<(f64, Scheme)> = None;
        for scheme in candidates(quantizer, kind) {
            if !in_time() {
                best.get_or_insert((f64::NEG_INFINITY, scheme));
                break;
            }
            let sqnr = noise::estimate(quantizer, assignment, index, scheme)?;
            if best.is_none_or(|(highest, _)| sqnr > highest) {
                best = Some((sqnr, scheme));
            }
        }
        found.extend(best.map(|(_, scheme)| scheme));
    }
    Ok(found)
}

/// All schemes of a kind.
fn candidates(quantizer: &ModelQuantizer<'_>, kind: SchemeKind) -> Vec<Scheme> {
    let options = quantizer.options();
    let methods = options.methods.iter().copied();
    match kind {
        SchemeKind::Static => methods.map(Scheme::Static).collect(),
        SchemeKind::Smooth | SchemeKind::SmoothAtRunTime => (options.alphas.iter())
            .flat_map(|&alpha| {
                let smooth = move |method| Scheme::Smooth {
                    method,
                    alpha,
                    at_run_time: kind == SchemeKind::SmoothAtRunTime,
                };
                methods.clone().map(smooth)
            })
            .collect(),
        SchemeKind::Dynamic => vec![Scheme::Dynamic],
        SchemeKind::Float => vec![Scheme::Float],
    }
}
