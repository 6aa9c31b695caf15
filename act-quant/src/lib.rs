//! Int8 quantisation after training: calibration of activations, integer weights, a small search.
//!
//! [`quantize`] is the whole of it: run the float model over a slice of *train* ([`samples`]) and keep
//! statistics of every linear's input ([`collect`]), read thresholds out of them ([`calibrate`]), turn
//! weights and tables into bytes ([`weight`], [`embedding`]), and among the combinations asked for
//! ([`options`], [`search`]) keep the one whose answers stay closest to the float model's ([`judge`]).
//! Models run through act-infer, the engine that will serve them.

pub mod apply;
pub mod calibrate;
pub mod collect;
pub mod embedding;
pub mod judge;
pub mod options;
pub mod record;
pub mod samples;
pub mod search;
pub mod statistics;
pub mod weight;

use act_core::{Artifact, Batch, Error, Result};
use act_infer::{Engine, Observer};

use crate::apply::Weights;
use crate::judge::Score;
use crate::options::Options;
use crate::samples::Samples;
use crate::search::Search;
use crate::statistics::Sites;

/// What quantisation gives.
pub struct Quantized {
    /// The int8 model; its provenance is still that of the float one.
    pub artifact: Artifact,
    /// All trials.
    pub search: Search,
    /// The integer weights, with their noise.
    pub weights: Weights,
    /// What calibration saw at the input of each linear.
    pub statistics: Sites,
    /// Examples that were calibrated on.
    pub calibration_examples: usize,
    /// Examples that trials were judged on.
    pub held_out_examples: usize,
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

/// Batches that [`quantize`] will run: calibration twice, the held-out slice once for the float model
/// and once for each trial.
pub fn batches_to_run(samples: &Samples, options: &Options) -> usize {
    let held_out = samples.held_out.len().div_ceil(options.batch_size);
    2 * samples.calibration.len().div_ceil(options.batch_size)
        + held_out * (1 + options.candidates().len())
}

/// Quantises a float model. Same model, samples and options give the same bytes, whatever the number
/// of threads.
///
/// # Errors
/// Usage: a quantised model. Rejected: weights or activations that are not finite. Failed: a site
/// without range. Those of the engine and of `tick`.
pub fn quantize(
    model: &Artifact,
    samples: &Samples,
    options: &Options,
    threads: usize,
    tick: &mut Tick<'_>,
) -> Result<Quantized> {
    require_float(model)?;
    let calibration = batches(&samples.calibration, options);
    let held_out = batches(&samples.held_out, options);
    let (statistics, expected) = observe(model, &calibration, &held_out, threads, tick)?;
    let labels = samples.labels.as_deref();
    let found = search::search(model, &statistics, options, &mut |artifact| {
        let engine = Engine::new(artifact)?.with_threads(threads);
        Score::new(&expected, &logits(&engine, &held_out, tick)?, labels)
    })?;
    Ok(Quantized {
        artifact: found.artifact,
        search: found.search,
        weights: found.weights,
        statistics,
        calibration_examples: samples.calibration.len(),
        held_out_examples: samples.held_out.len(),
    })
}

/// Statistics on the calibration batches, and the float model's logits on the held-out ones.
fn observe(
    model: &Artifact,
    calibration: &[Batch],
    held_out: &[Batch],
    threads: usize,
    tick: &mut Tick<'_>,
) -> Result<(Sites, Vec<Vec<f32>>)> {
    let float = Engine::new(model.clone())?.with_threads(threads);
    let mut forward = |batch: &Batch, observer: &mut dyn Observer| {
        float.forward_observed(batch, observer)?;
        tick()
    };
    let statistics = collect::collect(&model.plan.linears(), calibration, &mut forward)?;
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
    Ok(all)
}
