//! Int8 quantisation: calibration of activations, integer weights, a small search, and training with
//! the rounding where that is not enough.
//!
//! [`quantize`] is the whole of it: run the float model over a slice of *train* ([`samples`]) and keep
//! statistics of every linear's input ([`collect`]), read thresholds out of them ([`calibrate`]), turn
//! weights and tables into bytes ([`weight`], [`embedding`]), and among the combinations asked for
//! ([`options`], [`search`]) keep the one whose answers stay closest to the float model's ([`judge`]).
//! Where that is not close enough, single inputs change their scheme ([`scheme`], [`refine`]).
//! Models run through act-infer, the engine that will serve them. [`aware`] trains.

pub mod apply;
pub mod aware;
pub mod bias;
pub mod calibrate;
pub mod channels;
pub mod collect;
pub mod embedding;
pub mod grid;
pub mod judge;
pub mod noise;
pub mod options;
pub mod ranges;
pub mod record;
pub mod refine;
pub mod samples;
pub mod scheme;
pub mod search;
pub mod shift;
pub mod smooth;
pub mod statistics;
pub mod weight;

use act_core::{Artifact, Batch, Embedding, Error, Linear, Result, Seed};
use act_infer::{Engine, Observer};

use crate::apply::Quantizer;
use crate::aware::{Kept, Outcome};
use crate::judge::Tally;
use crate::options::Options;
use crate::samples::Samples;
use crate::scheme::{Assignment, Scheme};
use crate::search::Trial;
use crate::statistics::Sites;

/// Examples on which it is judged what each input would gain in float, about: one evaluation an
/// input, so few.
const GAIN_EXAMPLES: usize = 128;

/// What quantisation gives.
pub struct Quantized {
    /// The int8 model; its provenance is still that of the float one.
    pub artifact: Artifact,
    /// All trials, in order.
    pub trials: Vec<Trial>,
    /// The best one's index.
    pub best: usize,
    /// What each input became, and why.
    pub assignment: Assignment,
    /// Estimated signal to noise of each input's layers in decibels, in the assignment's order.
    pub sqnr_db: Vec<f64>,
    /// What leaving each input alone in float would take off the divergence, in nats an example, in
    /// the assignment's order; of one that is float nothing. On few examples, so that it may be below
    /// zero where there is nothing to gain.
    pub float_gains: Vec<f64>,
    /// Signal to noise of each quantised weight.
    pub weights: Vec<(Linear, f64)>,
    /// Signal to noise of each quantised table.
    pub tables: Vec<(Embedding, f64)>,
    /// What calibration saw at the input of each linear.
    pub statistics: Sites,
    /// Examples that were calibrated on.
    pub calibration_examples: usize,
    /// Examples that trials were judged on.
    pub held_out_examples: usize,
}

impl Quantized {
    /// The best trial.
    pub fn winner(&self) -> &Trial {
        &self.trials[self.best]
    }

    /// Tells the user if the result of calibration is far from the float model, unless training
    /// has replaced it.
    pub fn warn_if_far(&self, training: Option<&Outcome>) {
        let score = self.winner().score;
        if !score.is_far() || training.is_some_and(|t| t.kept == Kept::Trained) {
            return;
        }
        let accuracy = score.accuracy;
        let accuracy = accuracy.map_or(String::new(), |a| format!(", accuracy {:.4}", a.value));
        log::warn!(
            "the int8 model answers differently from the float model: divergence {:.2e} nats an \
             example on {} held-out examples{accuracy}; allow more QuantPost.schemes, widen weight_max \
             and activation_max, or train (--mode qat)",
            score.divergence,
            score.examples
        );
    }
}

/// Called after every batch; an error stops the work.
pub type Tick<'a> = dyn FnMut() -> Result<()> + 'a;

/// Says no to a model that is quantised already.
///
/// # Errors
/// Usage, with what to do.
pub fn require_float(model: &Artifact) -> Result<()> {
    if model.quant.is_empty() {
        return Ok(());
    }
    Err(Error::usage(
        "the model is quantised already: give act-quant the float model it came from",
    ))
}

/// Most batches that [`quantize`] runs before it looks at single inputs: calibration twice, the
/// held-out slice once for the float model and once for each trial.
pub fn batches_to_run(samples: &Samples, options: &Options) -> usize {
    let held_out = samples.held_out.len().div_ceil(options.batch_size);
    2 * samples.calibration.len().div_ceil(options.batch_size)
        + held_out * (1 + options.candidates().len().min(options.max_trials))
}

/// Quantises a float model. Same model, samples, options and seed give the same bytes, whatever the
/// number of threads.
///
/// # Errors
/// Usage: a quantised model. Rejected: weights or activations that are not finite. Failed: a site
/// without range. Those of the engine and of `tick`.
pub fn quantize(
    model: &Artifact,
    samples: &Samples,
    options: &Options,
    seed: Seed,
    threads: usize,
    tick: &mut Tick<'_>,
) -> Result<Quantized> {
    require_float(model)?;
    let calibration = batches(&samples.calibration, options);
    let held_out = batches(&samples.held_out, options);
    let (statistics, expected) = observe(model, options, &calibration, &held_out, threads, tick)?;
    let labels = samples.labels.as_deref();
    let examples = samples.held_out.len();
    let mut judge_on = |batches: &[Batch], artifact: Artifact, best: f64| {
        let engine = Engine::new(artifact)?.with_threads(threads);
        let mut tally = Tally::default();
        let mut seen = 0;
        for batch in batches {
            let int8 = engine.forward(batch)?;
            tick()?;
            let rows = seen..seen + int8.len();
            tally.add(&expected[rows.clone()], &int8, labels.map(|l| &l[rows]))?;
            seen += int8.len();
            if tally.is_lost(examples, best) {
                break;
            }
        }
        Ok(tally.score(labels.is_some()))
    };
    let mut judge = |artifact: Artifact, best: f64| judge_on(&held_out, artifact, best);
    let quantizer = Quantizer::new(model, &statistics, options)?;
    let mut found = search::search(&quantizer, examples, seed, &mut judge)?;
    refine::refine(&mut found, &quantizer, examples, &mut judge)?;
    let few = GAIN_EXAMPLES
        .div_ceil(options.batch_size)
        .min(held_out.len());
    let mut judge = |artifact: Artifact, best: f64| judge_on(&held_out[..few], artifact, best);
    let float_gains = float_gains(&quantizer, &found, &mut judge)?;
    let sqnr_db = noise::of_all(&quantizer, &found.assignment)?;
    let weights = quantizer.weight_noise(&found.assignment)?;
    let tables = quantizer.tables.iter();
    let tables = tables.map(|(table, rows)| (*table, rows.sqnr_db)).collect();
    log_result(&found);
    Ok(Quantized {
        artifact: found.artifact,
        trials: found.trials,
        best: found.best,
        assignment: found.assignment,
        sqnr_db,
        float_gains,
        weights,
        tables,
        statistics,
        calibration_examples: samples.calibration.len(),
        held_out_examples: examples,
    })
}

/// [`Quantized::float_gains`]: one evaluation for each input.
fn float_gains(
    quantizer: &Quantizer<'_>,
    found: &search::Search,
    judge: &mut search::Judge<'_>,
) -> Result<Vec<f64>> {
    let all = judge(found.artifact.clone(), f64::INFINITY)?.divergence;
    let choices = found.assignment.choices.iter().enumerate();
    let gain = |(index, choice): (usize, &scheme::Choice)| {
        if choice.scheme == Scheme::Float {
            return Ok(0.0);
        }
        let float = found.assignment.with(index, Scheme::Float);
        let without = judge(quantizer.artifact(&float)?, f64::INFINITY)?;
        Ok(all - without.divergence)
    };
    choices.map(gain).collect()
}

/// Says what won and which inputs left its common scheme.
fn log_result(found: &search::Search) {
    log::info!(
        "chose trial {}: {}, divergence {:.3e}",
        found.best + 1,
        found.winner().attempt,
        found.winner().score.divergence
    );
    for choice in &found.assignment.choices {
        if !matches!(choice.scheme, Scheme::Static(_)) {
            log::info!("{}: {}: {}", choice.input, choice.scheme, choice.reason);
        }
    }
}

/// Statistics on the calibration batches, and the float model's logits on the held-out ones.
fn observe(
    model: &Artifact,
    options: &Options,
    calibration: &[Batch],
    held_out: &[Batch],
    threads: usize,
    tick: &mut Tick<'_>,
) -> Result<(Sites, Vec<Vec<f32>>)> {
    let float = Engine::new(model.clone())?.with_threads(threads);
    if let Some(advice) = ranges::advice(float.kernels(), options) {
        log::info!("{advice}");
    }
    let mut forward = |batch: &Batch, observer: &mut dyn Observer| {
        float.forward_observed(batch, observer)?;
        tick()
    };
    let plan = &model.plan;
    let can_shift = |linear| options.shift && shift::route(plan, linear).is_some();
    let linears = plan.linears();
    let statistics = collect::collect(&linears, &can_shift, calibration, &mut forward)?;
    Ok((statistics, logits(&float, held_out, tick)?))
}

fn batches(encodings: &[act_core::Encoding], options: &Options) -> Vec<Batch> {
    encodings
        .chunks(options.batch_size)
        .map(Batch::new)
        .collect()
}

fn logits(engine: &Engine, batches: &[Batch], tick: &mut Tick<'_>) -> Result<Vec<Vec<f32>>> {
    let mut all = Vec::new();
    for batch in batches {
        all.extend(engine.forward(batch)?);
        tick()?;
    }
    match all.iter().flatten().all(|v| v.is_finite()) {
        true => Ok(all),
        false => Err(Error::rejected(
            "the float model's class scores are not finite on held-out examples: the model is damaged \
             or its training diverged",
        )),
    }
}
