//! Quantisation-aware training: where calibration loses too much, the model is trained with the
//! rounding in its forward pass, from what calibration found, against a teacher.
//!
//! [`options`] says what is asked for, [`examiner`] judges, [`Outcome`] is what came of it. act-nn
//! rounds and trains (Jacob et al. 2018; learned steps: Esser et al. 2020), in act-train's session; this is
//! PaddleSlim's `qat_dis`, which follows pruning for ERNIE 3.0. Every evaluation runs the int8 model
//! in act-infer on the held-out examples. The calibrated model is the first to beat, so that the
//! result is never the worse of the two there.

mod examiner;
pub mod options;
mod outcome;
mod start;

use act_core::{Artifact, Error, ErrorKind, Result, Seed, Tokenizer};
use act_data::Dataset;
use act_nn::{Course, FakeQuantization, Quantizing, Trained, Training};
use act_stage::report::KeptModel;
use act_train::record::TeacherRecord;
use act_train::{ExampleSet, Scored, Session, Teacher, objective};
use rand::seq::SliceRandom;

use crate::Quantized;
use crate::judges::Judges;
use crate::options::Options;
use crate::slices::Slices;
use examiner::Examiner;
pub use options::{AwareOptions, Mode};
pub use outcome::Outcome;

/// Sequences a batch where the trained forward pass is compared with the engine's.
const BATCH: usize = 16;

/// What training starts from.
pub struct Inputs<'a> {
    /// The float model that was calibrated.
    pub model: &'a Artifact,
    /// Who is learned from; `None`: the float model.
    pub teacher: Option<&'a Artifact>,
    /// The train split.
    pub data: &'a Dataset,
    /// What was calibrated for.
    pub calibration: &'a Options,
    /// That of the calibration: the same examples are held out.
    pub seed: Seed,
    /// What calibration was judged on before those.
    pub judges: Option<&'a Judges>,
}

/// Trains from `quantized`'s result and puts the better model of the two into it. With checkpoints of
/// this very training in the session it goes on from where they stand.
///
/// # Errors
/// Usage: a teacher for other classes, unlabelled data. Interrupted. A training that diverges is no
/// error: the best model before it is kept.
pub fn train(
    inputs: &Inputs<'_>,
    options: &AwareOptions,
    quantized: &mut Quantized,
    session: &mut Session<'_>,
) -> Result<Outcome> {
    let (model, threads) = (inputs.model, options.training.threads);
    let record = inputs.teacher.map(TeacherRecord::new).transpose()?;
    let teacher = Teacher::new(inputs.teacher.unwrap_or(model), model, threads)?;
    let losses = options.objective(model, &teacher, record.is_none())?;
    log::info!("losses: {}", objective::describe(&losses));
    let (train, examiner) = examples(inputs, options, &teacher, session)?;
    let before = examiner.score(&quantized.artifact)?;
    let float = start::float(model, quantized, inputs.calibration)?;
    let features = teacher.features(&train.encodings, &losses, options.cache);
    let training = Training {
        artifact: &float,
        train: train.view(features.as_ref()),
        validation: None,
        quantizing: Some(Quantizing {
            quantization: FakeQuantization::of(
                &quantized.artifact,
                options.weights,
                options.inputs,
            )?,
            judge: &|int8| Ok(examiner.score(int8)?.goal()),
        }),
        objective: losses,
        options: &options.training(train.len()),
    };
    let metric = before.metric.map(|(metric, _)| metric);
    let scored = metric.map_or(Scored::Divergence, Scored::Metric);
    let mut outcome = Outcome {
        kept: KeptModel::Calibrated,
        teacher: record,
        examples: train.len(),
        before,
        after: None,
        course: Course::default(),
        agreement: None,
    };
    match session.train(training, scored) {
        Ok(mut trained) => {
            outcome.course = std::mem::take(&mut trained.course);
            keep_better(trained, float, &examiner, quantized, &mut outcome, session)?;
        }
        // It diverged before its first evaluation.
        Err(error) if error.kind() == ErrorKind::Failed => {
            outcome.course.diverged = Some(error.to_string());
        }
        Err(error) => return Err(error),
    }
    outcome.log();
    Ok(outcome)
}

/// Puts the int8 model of a training's best step into `quantized`, if it is better than the calibrated
/// one.
fn keep_better(
    trained: Trained,
    float: Artifact,
    examiner: &Examiner,
    quantized: &mut Quantized,
    outcome: &mut Outcome,
    session: &Session<'_>,
) -> Result<()> {
    if trained.score.is_none() {
        return Ok(());
    }
    let (float, rounding) = best_step(trained, float)?;
    let int8 = exported(&float, &rounding)?;
    let after = examiner.score(&int8)?;
    outcome.after = Some(after);
    if after.beats(&outcome.before) {
        let (device, encodings) = (session.device, examiner.encodings());
        let ours = act_nn::predict_quantized(device, &float, &rounding, encodings, BATCH)?;
        outcome.agreement = Some(examiner.agreement(&ours, &int8)?);
        outcome.kept = KeptModel::Trained;
        quantized.artifact = int8;
    }
    Ok(())
}

/// Draws examples of train, as many as the steps will see, and what calibration was judged on, which
/// judges here too; asks the teacher about all of them.
fn examples(
    inputs: &Inputs<'_>,
    options: &AwareOptions,
    teacher: &Teacher,
    session: &Session<'_>,
) -> Result<(ExampleSet, Examiner)> {
    let (data, model) = (inputs.data, inputs.model);
    let slices = Slices::new(data, inputs.calibration, inputs.seed)?;
    let seen = seen(slices.train, options, inputs.seed);
    let tokenizer = Tokenizer::new(&model.tokenizer, model.task.max_seq_length)?;
    let mut held_out = ExampleSet::new(data, slices.held_out, &tokenizer)?;
    let mut train = ExampleSet::new(data, seen, &tokenizer)?;
    let progress = session.progress;
    let judges = inputs.judges.map_or(0, |judges| judges.encodings.len());
    progress.begin("teacher", held_out.len() + train.len() + judges);
    held_out.ask_all(teacher, data, progress)?;
    train.ask_all(teacher, data, progress)?;
    let unseen = inputs.judges.map(|judges| {
        let texts = judges.examples.iter();
        let texts: Vec<_> = texts.map(|e| (&*e.text, e.pair.as_deref())).collect();
        let logits = teacher.logits(&texts, &judges.encodings, progress)?;
        Ok((judges.clone(), logits))
    });
    let (batch_size, threads) = (inputs.calibration.batch_size, options.training.threads);
    let measure = inputs.calibration.measure(&model.task)?;
    let judged = (model.task.problem.clone(), measure);
    let unseen = unseen.transpose()?;
    let examiner = Examiner::new(held_out, unseen, judged, batch_size, threads);
    Ok((train, examiner))
}

/// As many of the examples as the steps will see, in random order.
fn seen(mut examples: Vec<usize>, options: &AwareOptions, seed: Seed) -> Vec<usize> {
    let wanted = options
        .steps(examples.len())
        .saturating_mul(options.training.batch_size);
    if wanted < examples.len() {
        examples.shuffle(&mut seed.stream("quant.train"));
        examples.truncate(wanted);
    }
    examples
}

/// The float weights and the rounding of a training's best step.
fn best_step(trained: Trained, float: Artifact) -> Result<(Artifact, FakeQuantization)> {
    let rounding = trained.quantization;
    let rounding = rounding.ok_or_else(|| Error::failed("nothing was quantised"))?;
    let float = Artifact {
        params: trained.params,
        ..float
    };
    Ok((float, rounding))
}

/// Their int8 model. No calibrator chose its scales any more.
fn exported(float: &Artifact, rounding: &FakeQuantization) -> Result<Artifact> {
    let mut int8 = rounding.export(float)?;
    for linear in &mut int8.quant.linears {
        linear.calibrator = None;
        linear.calibrator_arg = 0.0;
    }
    Ok(int8)
}
