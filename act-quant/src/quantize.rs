//! The whole of calibration: statistics, a search, single inputs changed, and what is told of it.

use act_core::metrics::Measure;
use act_core::{Artifact, Batch, Encoding, Error, Progress, Result, Seed};
use act_infer::{Engine, Observer};
use act_stage::config::JudgeTexts;

use crate::alternatives::{self, Known};
use crate::apply::ModelQuantizer;
use crate::descent::Slice;
use crate::held_out::HeldOut;
use crate::judge::Score;
use crate::options::Options;
use crate::quantized::Quantized;
use crate::samples::Samples;
use crate::scheme::{Choice, Scheme};
use crate::search::{Runner, Search};
use crate::statistics::Sites;
use crate::weight::WeightRound;
use crate::{collect, noise, ranges, refine, search, shift};

/// Examples on which it is judged what each input would gain in float, about: one evaluation an
/// input, so few.
const GAIN_EXAMPLES: usize = 128;
/// Tokens that all these evaluations may run over: those examples at 128 tokens each, for six layers. Deeper
/// models on longer texts are judged on fewer.
const GAIN_TOKENS: usize = GAIN_EXAMPLES * 128 * 27;

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
    // Shifts and corrections go into biases.
    let model = &model.clone().with_biases();
    let unseen = samples.unseen.as_ref();
    let answered = samples.held_out.len() + unseen.map_or(0, |unseen| unseen.encodings.len());
    progress.begin("calibrating", 2 * samples.calibration.len() + answered);
    let float = Engine::new(model.clone())?.with_threads(threads);
    let mut statistics = observe(&float, model, samples, options, progress)?;
    let answer = |encodings| answers(&float, encodings, options.batch_size, progress);
    let expected = answer(&samples.held_out)?;
    let measure = measure(model, samples, options)?;
    let seen = HeldOut {
        encodings: &samples.held_out,
        expected: &expected,
        labels: samples.labels.as_deref(),
        labelled: None,
        measure: measure.as_ref(),
        problem: &model.task.problem,
        batch_size: options.batch_size,
        threads,
        progress,
    };
    let expected = unseen.map_or(Ok(Vec::new()), |unseen| answer(&unseen.encodings))?;
    let held_out = unseen.map_or(seen, |unseen| HeldOut {
        encodings: &unseen.encodings,
        expected: &expected,
        labels: unseen.labels.as_deref(),
        labelled: (seen.measure.is_some() && unseen.labels.is_none()).then_some(&seen),
        ..seen
    });
    let examples = held_out.encodings.len();
    let quantizer = ModelQuantizer::new(model, &statistics, options)?.with_threads(threads);
    let mut runner = Runner {
        quantizer: &quantizer,
        examples,
        judge: &mut |int8, best| held_out.judge(int8, best),
    };
    let trials = options.candidates().len().min(options.max_trials);
    progress.begin("searching", trials * examples);
    let mut found = search::search(&mut runner, seed)?;
    progress.begin("changing single inputs", 0);
    let few = if options.chooses_ranges() {
        options.range_examples.min(samples.calibration.len())
    } else {
        0
    };
    let few = &samples.calibration[..few];
    let slice = Slice {
        expected: &answer(few)?,
        batches: &batches(few, options.batch_size),
        passes: options.range_passes,
        threads,
        progress,
    };
    refine::refine(&mut found, &mut runner, &slice)?;
    let seen = (unseen.is_some()).then(|| seen.judge(&found.artifact, f64::INFINITY));
    let seen = seen.transpose()?;
    let evaluations = 1 + found.assignment.choices.len();
    let few = held_out.first(within(GAIN_TOKENS / evaluations, held_out.encodings));
    let runs = few.encodings.len() * evaluations;
    progress.begin("judging single inputs", runs);
    let judge = |int8: &Artifact| Ok(few.judge(int8, f64::INFINITY)?.divergence);
    let divergence = judge(&found.artifact)?;
    let float_gains = float_gains(&quantizer, &found, divergence, &judge)?;
    let known = Known {
        found: &found,
        divergence,
        examples: few.encodings.len(),
        float_gains: &float_gains,
    };
    let explain = |budget| {
        progress.begin("judging other schemes", 0);
        alternatives::costs(&quantizer, &known, budget, &judge)
    };
    let costs = options.explain.map(explain).transpose()?;
    let sqnr_db = noise::of_all(&quantizer, &found.assignment)?;
    let weights = quantizer.weight_noise(&found.assignment)?;
    let tables = quantizer.tables.iter();
    let tables = tables.map(|(table, rows)| (*table, rows.sqnr_db)).collect();
    log_result(&found, seen.as_ref());
    // As large as the weights, and of no more use.
    statistics.values_mut().for_each(|site| site.moments = None);
    Ok(Quantized {
        artifact: found.artifact,
        trials: found.trials,
        best: found.best,
        assignment: found.assignment,
        sqnr_db,
        float_gains,
        costs,
        weights,
        tables,
        statistics,
        calibration_examples: samples.calibration.len(),
        held_out_examples: examples,
        judges: unseen.map_or(JudgeTexts::Train, |unseen| unseen.texts),
        seen,
        cut: samples.cut,
    })
}

/// What decides between trials before divergence does, if anything.
fn measure(model: &Artifact, samples: &Samples, options: &Options) -> Result<Option<Measure>> {
    let measure = options.measure(&model.task)?;
    let classes = samples
        .unseen
        .as_ref()
        .and_then(|unseen| unseen.labels.as_ref());
    if let (Some(measure), None) = (&measure, classes.or(samples.labels.as_ref())) {
        log::warn!(
            "TrainConfig.metric is {}, and not every held-out example has a label: divergence from the \
             float model decides alone",
            measure.metric()
        );
    }
    Ok(measure)
}

/// What calibration sees of the float model.
fn observe(
    float: &Engine,
    model: &Artifact,
    samples: &Samples,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Sites> {
    if let Some(advice) = ranges::advice(float.kernels(), options) {
        log::info!("{advice}");
    }
    let mut forward = |batch: &Batch, observer: &mut dyn Observer| {
        float.forward_observed(batch, observer)?;
        progress.advance(batch.sequences())
    };
    let plan = &model.plan;
    let can_shift = |linear| options.shift && shift::route(plan, linear).is_some();
    let calibration = batches(&samples.calibration, options.batch_size);
    let wanted = collect::Wanted {
        moments: options.rounds.contains(&WeightRound::Compensated),
        threads: float.threads(),
    };
    let linears = plan.linears();
    collect::collect(&linears, &can_shift, wanted, &calibration, &mut forward)
}

/// The float model's logits, one row an encoding.
fn answers(
    float: &Engine,
    encodings: &[Encoding],
    batch_size: usize,
    progress: &dyn Progress,
) -> Result<Vec<Vec<f32>>> {
    let mut expected = Vec::new();
    for batch in batches(encodings, batch_size) {
        expected.extend(float.forward(&batch)?);
        progress.advance(batch.sequences())?;
    }
    if !expected.iter().flatten().all(|v| v.is_finite()) {
        return Err(Error::rejected(
            "the float model's class scores are not finite on held-out examples: the model is damaged \
             or its training diverged",
        ));
    }
    Ok(expected)
}

fn batches(encodings: &[Encoding], size: usize) -> Vec<Batch> {
    encodings.chunks(size).map(Batch::new).collect()
}

/// How many of the first examples have so many `tokens` together, one at least.
fn within(tokens: usize, encodings: &[Encoding]) -> usize {
    let mut left = tokens;
    let fits = |encoding: &&Encoding| match left.checked_sub(encoding.len()) {
        Some(rest) => {
            left = rest;
            true
        }
        None => false,
    };
    let examples = encodings.iter().take(GAIN_EXAMPLES).take_while(fits);
    examples.count().max(1)
}

/// [`Quantized::float_gains`]: one evaluation for each input.
fn float_gains(
    quantizer: &ModelQuantizer<'_>,
    found: &Search,
    divergence: f64,
    judge: &dyn Fn(&Artifact) -> Result<f64>,
) -> Result<Vec<f64>> {
    let choices = found.assignment.choices.iter().enumerate();
    let gain = |(index, choice): (usize, &Choice)| {
        if choice.scheme == Scheme::Float {
            return Ok(0.0);
        }
        let float = found.assignment.with(index, Scheme::Float);
        Ok(divergence - judge(&quantizer.artifact(&float)?)?)
    };
    choices.map(gain).collect()
}

/// Says what won and which inputs left its common scheme.
fn log_result(found: &Search, seen: Option<&Score>) {
    log::info!(
        "chose trial {}: {}, divergence {:.3e}{}",
        found.best + 1,
        found.winner().attempt,
        found.winner().score.divergence,
        (found.winner().score.metric).map_or(String::new(), |(metric, value)| format!(
            ", {} {value:.4}",
            metric.title()
        ))
    );
    if let Some(seen) = seen {
        log::info!(
            "on {} examples of train its divergence is {:.3e}{}",
            seen.examples,
            seen.divergence,
            seen.figures()
        );
    }
    for choice in &found.assignment.choices {
        let level = match choice.scheme {
            Scheme::Static(_) => log::Level::Debug,
            _ => log::Level::Info,
        };
        log::log!(
            level,
            "{}: {}: {}",
            choice.input,
            choice.scheme,
            choice.reason
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_say_how_many_examples_are_judged() {
        let of = |length: usize| Encoding {
            input_ids: vec![1; length],
            token_type_ids: vec![0; length],
        };
        let texts: Vec<_> = [10, 20, 30].map(of).into();
        assert_eq!(
            [0, 29, 30, 59, 60].map(|n| within(n, &texts)),
            [1, 1, 2, 2, 3]
        );
        assert_eq!(within(usize::MAX, &vec![of(1); 1000]), GAIN_EXAMPLES);
    }
}
