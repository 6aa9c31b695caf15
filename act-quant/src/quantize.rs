//! The whole of calibration: statistics, a search, single inputs changed, and what is told of it.

use act_core::{Artifact, Error, Progress, Result, Seed};
use act_infer::{Engine, Observer};

use crate::apply::ModelQuantizer;
use crate::held_out::{HeldOut, batches};
use crate::options::Options;
use crate::quantized::Quantized;
use crate::samples::Samples;
use crate::scheme::{Choice, Scheme};
use crate::search::{Runner, Search};
use crate::statistics::Sites;
use crate::{collect, noise, ranges, refine, search, shift};

/// Examples on which it is judged what each input would gain in float, about: one evaluation an
/// input, so few.
const GAIN_EXAMPLES: usize = 128;

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

/// Quantises a float model. Same model, samples, options and seed give the same bytes, whatever the
/// number of threads. `progress` advances by the examples that a model is run on.
///
/// # Errors
/// Usage: a quantised model. Rejected: weights or activations that are not finite. Failed: a site
/// without range. Those of the engine. Interrupted.
pub fn quantize(
    model: &Artifact,
    samples: &Samples,
    options: &Options,
    seed: Seed,
    threads: usize,
    progress: &dyn Progress,
) -> Result<Quantized> {
    require_float(model)?;
    let runs = 2 * samples.calibration.len() + samples.held_out.len();
    progress.begin("calibrating", runs);
    let (statistics, held_out) = observe(model, samples, options, threads, progress)?;
    let quantizer = ModelQuantizer::new(model, &statistics, options)?;
    let mut runner = Runner {
        quantizer: &quantizer,
        examples: held_out.len(),
        judge: &mut |int8, best| held_out.judge(int8, best),
    };
    let trials = options.candidates().len().min(options.max_trials);
    progress.begin("searching", trials * held_out.len());
    let mut found = search::search(&mut runner, seed)?;
    progress.begin("changing single inputs", 0);
    refine::refine(&mut found, &mut runner)?;
    progress.begin("judging single inputs", 0);
    let float_gains = float_gains(&quantizer, &found, &held_out)?;
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
        held_out_examples: held_out.len(),
    })
}

/// What calibration sees of the float model, and its answers on the held-out examples.
fn observe<'a>(
    model: &Artifact,
    samples: &'a Samples,
    options: &Options,
    threads: usize,
    progress: &'a dyn Progress,
) -> Result<(Sites, HeldOut<'a>)> {
    let float = Engine::new(model.clone())?.with_threads(threads);
    if let Some(advice) = ranges::advice(float.kernels(), options) {
        log::info!("{advice}");
    }
    let mut forward = |batch: &act_core::Batch, observer: &mut dyn Observer| {
        float.forward_observed(batch, observer)?;
        progress.advance(batch.sequences())
    };
    let plan = &model.plan;
    let can_shift = |linear| options.shift && shift::route(plan, linear).is_some();
    let calibration = batches(&samples.calibration, options.batch_size);
    let statistics = collect::collect(&plan.linears(), &can_shift, &calibration, &mut forward)?;
    let held_out = HeldOut::new(&float, samples, options.batch_size, threads, progress)?;
    Ok((statistics, held_out))
}

/// [`Quantized::float_gains`]: one evaluation for each input.
fn float_gains(
    quantizer: &ModelQuantizer<'_>,
    found: &Search,
    held_out: &HeldOut<'_>,
) -> Result<Vec<f64>> {
    let divergence = |int8: &Artifact| -> Result<f64> {
        Ok(held_out.judge_few(int8, GAIN_EXAMPLES)?.divergence)
    };
    let all = divergence(&found.artifact)?;
    let choices = found.assignment.choices.iter().enumerate();
    let gain = |(index, choice): (usize, &Choice)| {
        if choice.scheme == Scheme::Float {
            return Ok(0.0);
        }
        let float = found.assignment.with(index, Scheme::Float);
        Ok(all - divergence(&quantizer.artifact(&float)?)?)
    };
    choices.map(gain).collect()
}

/// Says what won and which inputs left its common scheme.
fn log_result(found: &Search) {
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
