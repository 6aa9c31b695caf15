//! Searches the whole-model choices that the options span (calibrator, weights, bias correction) and
//! keeps the best: all of them where the bound of trials allows, otherwise those that a tree of
//! Parzen estimators proposes. Statistics are collected beforehand, so a trial is one evaluation.
//! Knows no engine: the judge is given.

use act_core::{Artifact, Error, Result, Seed};
use rand_tpe::SeedableRng;
use rand_tpe::rngs::StdRng;
use tpe::TpeOptimizer;

use crate::apply::ModelQuantizer;
use crate::calibrate::Method;
use crate::judge::Score;
use crate::options::{Candidate, Options};
use crate::scheme::{Assignment, Input, Scheme};

/// Judges an artifact; may give up once its divergence must exceed the second argument.
pub type Judge<'a> = dyn FnMut(&Artifact, f64) -> Result<Score> + 'a;

/// Puts trials together and has them judged.
pub struct Runner<'a> {
    /// Makes artifacts of assignments.
    pub quantizer: &'a ModelQuantizer<'a>,
    /// Examples that a trial is judged on, unless it is given up.
    pub examples: usize,
    /// Who judges.
    pub judge: &'a mut Judge<'a>,
}

/// What was tried.
#[derive(Debug, Clone, PartialEq)]
pub enum Attempt {
    /// The same everywhere.
    Whole(Candidate),
    /// Each input the calibrator that adds it the least error.
    Calibrators,
    /// Each static input the smoothing that adds it the least error, with this calibrator or with the best.
    Smoothings(Option<Method>),
    /// Ranges of static inputs by the answers of the whole model.
    Ranges,
    /// The best so far, the means of channels taken off where each token has its own scale.
    ShiftTokens,
    /// The best so far, some inputs changed.
    Change(Vec<Input>, Scheme),
}

/// One trial and how it did.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// What was tried.
    pub attempt: Attempt,
    /// How it was judged.
    pub score: Score,
    /// True if it was given up before all examples, since it could not win any more.
    pub given_up: bool,
    /// Seconds of the evaluation, packing the weights included. Chooses nothing.
    pub seconds: f64,
}

/// Trials, and the best assignment among them, artifact included.
pub struct Search {
    /// All trials, in order.
    pub trials: Vec<Trial>,
    /// The best one's index; the first of equals.
    pub best: usize,
    /// The best one's choices.
    pub assignment: Assignment,
    /// The best one's artifact, provenance as it was.
    pub artifact: Artifact,
}

impl Search {
    /// The best trial.
    pub fn winner(&self) -> &Trial {
        &self.trials[self.best]
    }

    /// Judges one more assignment and keeps it if its divergence is below `bar`, or equal and more
    /// accurate than the best, where no metric goes before that; says whether it is kept.
    ///
    /// # Errors
    /// Those of the judge; rejected: a weight that is not finite.
    pub fn attempt(
        &mut self,
        runner: &mut Runner<'_>,
        attempt: Attempt,
        assignment: Assignment,
        bar: f64,
    ) -> Result<bool> {
        let artifact = runner.quantizer.artifact(&assignment)?;
        let best = self.winner().score;
        let trial = runner.run(attempt, &artifact, bar)?;
        log_trial(self.trials.len(), &trial);
        let score = trial.score;
        let better = !trial.given_up && score.improves(&best, bar);
        self.trials.push(trial);
        if better {
            self.best = self.trials.len() - 1;
            (self.assignment, self.artifact) = (assignment, artifact);
        }
        Ok(better)
    }
}

/// Tries whole-model choices; at most two quantised models are held at once.
///
/// # Errors
/// Those of the judge; rejected: a weight that is not finite.
pub fn search(runner: &mut Runner<'_>, seed: Seed) -> Result<Search> {
    let quantizer = runner.quantizer;
    let options = quantizer.options();
    let candidates = options.candidates();
    let mut proposer = Proposer::new(options, seed)?;
    let assign = |candidate: Candidate| {
        let scheme = options.base_scheme(candidate.method);
        let plan = &quantizer.model().plan;
        Assignment::uniform(plan, scheme, candidate.granularity, candidate.bias_correct)
            .rounded(candidate.round)
    };
    let first = proposer.propose(&candidates, 0)?;
    let assignment = assign(candidates[first]);
    let artifact = quantizer.artifact(&assignment)?;
    let attempt = Attempt::Whole(candidates[first]);
    let trial = runner.run(attempt, &artifact, f64::INFINITY)?;
    log_trial(0, &trial);
    proposer.learn(first, &trial.score)?;
    let mut search = Search {
        trials: vec![trial],
        best: 0,
        assignment,
        artifact,
    };
    for i in 1..candidates.len().min(options.max_trials) {
        let next = proposer.propose(&candidates, i)?;
        let attempt = Attempt::Whole(candidates[next]);
        let bar = search.winner().score.divergence;
        search.attempt(runner, attempt, assign(candidates[next]), bar)?;
        proposer.learn(next, &search.trials[i].score)?;
    }
    Ok(search)
}

impl Runner<'_> {
    fn run(&mut self, attempt: Attempt, artifact: &Artifact, best: f64) -> Result<Trial> {
        let start = std::time::Instant::now();
        let score = (self.judge)(artifact, best)?;
        Ok(Trial {
            attempt,
            score,
            given_up: score.examples < self.examples,
            seconds: start.elapsed().as_secs_f64(),
        })
    }
}

/// Says which candidate is next.
struct Proposer {
    /// One estimator for each axis of the space; none if all of it will be tried.
    axes: Vec<(TpeOptimizer, usize)>,
    rng: StdRng,
    seen: Vec<usize>,
}

impl Proposer {
    fn new(options: &Options, seed: Seed) -> Result<Self> {
        let weights = [
            options.granularities.len(),
            options.rounds.len(),
            options.bias_corrects.len(),
        ];
        let methods = options.candidates().len() / weights.iter().product::<usize>();
        let sizes = weights.into_iter().chain([methods]);
        let mut axes = Vec::new();
        if options.candidates().len() > options.max_trials {
            for size in sizes {
                let range = tpe::categorical_range(size).map_err(broken)?;
                axes.push((TpeOptimizer::new(tpe::histogram_estimator(), range), size));
            }
        }
        Ok(Self {
            axes,
            rng: StdRng::seed_from_u64(seed.derive("quant.search").0),
            seen: Vec::new(),
        })
    }

    /// Index of the next candidate, never one that was tried: after a few proposals of those, the
    /// first that was not.
    fn propose(&mut self, candidates: &[Candidate], trial: usize) -> Result<usize> {
        if self.axes.is_empty() {
            return Ok(trial);
        }
        for _ in 0..32 {
            let mut index = 0;
            for (axis, size) in &mut self.axes {
                let value = axis.ask(&mut self.rng).map_err(broken)? as usize;
                index = index * *size + value.min(*size - 1);
            }
            if !self.seen.contains(&index) {
                return Ok(index);
            }
        }
        let untried = (0..candidates.len()).find(|i| !self.seen.contains(i));
        Ok(untried.unwrap_or(0))
    }

    fn learn(&mut self, index: usize, score: &Score) -> Result<()> {
        self.seen.push(index);
        let mut rest = index;
        for (axis, size) in self.axes.iter_mut().rev() {
            axis.tell((rest % *size) as f64, -score.goal())
                .map_err(broken)?;
            rest /= *size;
        }
        Ok(())
    }
}

fn broken(error: impl std::fmt::Display) -> Error {
    Error::failed(format!("the search's estimator: {error}"))
}

fn log_trial(index: usize, trial: &Trial) {
    let figures = trial.score.figures();
    let given_up = if trial.given_up {
        format!(", given up after {} examples", trial.score.examples)
    } else {
        String::new()
    };
    log::info!(
        "trial {}: {}: divergence {:.3e}{figures}{given_up}, {:.2} s",
        index + 1,
        trial.attempt,
        trial.score.divergence,
        trial.seconds,
    );
}

impl std::fmt::Display for Attempt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Attempt::Whole(candidate) => write!(
                f,
                "{}, weights {} {}{}",
                candidate.method,
                candidate.granularity.name(),
                candidate.round.name(),
                if candidate.bias_correct {
                    ", biases corrected"
                } else {
                    ""
                }
            ),
            Attempt::Calibrators => f.write_str("each site's best calibrator"),
            Attempt::Smoothings(Some(method)) => write!(f, "{method}, each site's best smoothing"),
            Attempt::Smoothings(None) => f.write_str("each site's best calibrator and smoothing"),
            Attempt::Ranges => f.write_str("ranges by the answers of the whole model"),
            Attempt::ShiftTokens => f.write_str("means off before scales per token"),
            Attempt::Change(inputs, scheme) => {
                write!(f, "{}", inputs[0])?;
                if inputs.len() > 1 {
                    write!(f, " and {} more", inputs.len() - 1)?;
                }
                write!(f, " -> {scheme}")
            }
        }
    }
}
