//! Quantisation-aware training: where calibration loses too much, the model is trained with the
//! rounding in its forward pass, from what calibration found, against a teacher.
//!
//! [`plan`] says what is asked for, [`lesson`] what is learned from, [`Outcome`] what came of it.
//! act-nn rounds and trains (Jacob et al. 2018; learned steps: Esser et al. 2020); this is
//! PaddleSlim's `qat_dis`, which follows pruning for ERNIE 3.0. Every evaluation runs the int8 model
//! in act-infer on the held-out examples. The calibrated model is the first to beat, so that the
//! result is never the worse of the two there.

mod lesson;
mod outcome;
pub mod plan;
mod start;

use std::cell::RefCell;

use act_core::{Artifact, Error, ErrorKind, Result, Seed};
use act_data::Dataset;
use act_nn::checkpoint::journal_keeper::JournalKeeper;
use act_nn::checkpoint::store::Checkpoints;
use act_nn::distillation::features::Features;
use act_nn::distillation::teacher::{Teacher, TeacherRecord};
use act_nn::{Device, FakeQuantization, Journal, Objective, Quantizing, TrainEvent, Trained};
use act_train::objective;

use crate::Quantized;
use crate::options::Options;
use lesson::Lesson;
pub use outcome::{Agreement, Kept, Outcome};
pub use plan::{Mode, Plan};

/// Sequences a batch where the trained forward pass is compared with the engine's.
const BATCH: usize = 16;

/// What is told while it works.
#[derive(Debug)]
pub enum Event<'a> {
    /// The teacher answered `done` more of `total` examples.
    Answered {
        /// Since the last event.
        done: usize,
        /// In all.
        total: usize,
    },
    /// Training begins, after so many steps of a run that was broken off.
    Begins {
        /// Steps already done.
        step: usize,
    },
    /// A step or an evaluation.
    Training(&'a TrainEvent, &'a Journal),
}

/// Hears every [`Event`]; `false` stops the work (error: interrupted).
pub type OnEvent<'a> = &'a mut dyn FnMut(Event<'_>) -> bool;

/// What training starts from.
pub struct Source<'a> {
    /// The float model that was calibrated.
    pub model: &'a Artifact,
    /// Who is learned from; `None`: the float model.
    pub teacher: Option<Artifact>,
    /// The train split.
    pub data: &'a Dataset,
    /// Those of the calibration.
    pub options: &'a Options,
    /// That of the calibration: the same examples are held out.
    pub seed: Seed,
    /// Where to train.
    pub device: Device,
}

/// Trains from `quantized`'s result and puts the better model of the two into it. With `checkpoints`
/// of this very training it goes on from where they stand.
///
/// # Errors
/// Usage: a teacher for other classes, unlabelled data. Interrupted. A training that diverges is no
/// error: the best model before it is kept.
pub fn train(
    source: Source<'_>,
    plan: &Plan,
    quantized: &mut Quantized,
    checkpoints: Option<&mut Checkpoints>,
    on_event: OnEvent<'_>,
) -> Result<Outcome> {
    let record = source
        .teacher
        .as_ref()
        .map(TeacherRecord::new)
        .transpose()?;
    let (model, threads) = (source.model, plan.training.threads);
    let teacher = source.teacher.clone().unwrap_or_else(|| model.clone());
    let teacher = Teacher::new(teacher, model, threads)?;
    let losses = plan.objective(model, &teacher, record.is_none())?;
    log::info!("losses: {}", objective::describe(&losses));
    let lesson = Lesson::new(&source, plan, &teacher, on_event)?;
    let before = lesson.examine(&quantized.artifact)?;
    let float = start::float(model, quantized, source.options)?;
    let looks_inside = losses.looks_inside().then(|| losses.comparisons());
    let features = looks_inside
        .map(|at| Features::new(teacher.engine(), &lesson.train.encodings, at, plan.cache));
    let training = Training {
        float: &float,
        lesson: &lesson,
        features: features.as_ref(),
        plan,
        device: source.device,
    };
    let (trained, journal) = training.run(&quantized.artifact, losses, checkpoints, on_event)?;
    let mut outcome = Outcome {
        kept: Kept::Calibrated,
        teacher: record,
        examples: lesson.train.labels.len(),
        before,
        after: None,
        steps: trained.as_ref().map_or(0, |t| t.steps),
        best_step: trained.as_ref().map_or(0, |t| t.best_step),
        diverged: match &trained {
            Ok(trained) => trained.diverged.clone(),
            Err(why) => Some(why.clone()),
        },
        journal,
        agreement: None,
    };
    if let Ok(trained) = trained
        && trained.accuracy.is_some()
    {
        let (float, rounding) = best_step(trained, float)?;
        let int8 = exported(&float, &rounding)?;
        let after = lesson.examine(&int8)?;
        outcome.after = Some(after);
        if after.beats(&before) {
            let held_out = &lesson.held_out.encodings;
            let ours =
                act_nn::predict_quantized(source.device, &float, &rounding, held_out, BATCH)?;
            outcome.agreement = Some(lesson.compare(&ours, &int8)?);
            outcome.kept = Kept::Trained;
            quantized.artifact = int8;
        }
    }
    outcome.log();
    Ok(outcome)
}

/// A training that is about to begin.
struct Training<'a> {
    float: &'a Artifact,
    lesson: &'a Lesson,
    features: Option<&'a Features<'a>>,
    plan: &'a Plan,
    device: Device,
}

impl Training<'_> {
    /// Trains from the ranges and scales of `int8`. Inside: why it came to nothing, if it diverged
    /// before its first evaluation.
    fn run(
        &self,
        int8: &Artifact,
        losses: Objective,
        checkpoints: Option<&mut Checkpoints>,
        on_event: OnEvent<'_>,
    ) -> Result<(std::result::Result<Trained, String>, Journal)> {
        let (lesson, plan) = (self.lesson, self.plan);
        let journal = RefCell::new(Journal::new(plan.logging_iter));
        let mut keeper = JournalKeeper::new(checkpoints, &journal);
        let step = keeper.find();
        if !on_event(Event::Begins { step }) {
            return Err(Error::interrupted());
        }
        let mut stopped = false;
        let trained = act_nn::train_quantized(
            self.device,
            self.float,
            lesson.train.examples(self.features),
            Quantizing {
                quantization: FakeQuantization::of(int8, plan.weights, plan.inputs)?,
                judge: &mut |int8| Ok(-lesson.examine(int8)?.divergence),
            },
            losses,
            &plan.training(lesson.train.labels.len()),
            &mut keeper,
            &mut |event| {
                journal.borrow_mut().note(&event);
                stopped = !on_event(Event::Training(&event, &journal.borrow()));
                !stopped
            },
        );
        let trained = match trained {
            _ if stopped => return Err(Error::interrupted()),
            Err(error) if error.kind() != ErrorKind::Failed => return Err(error),
            other => other.map_err(|error| error.to_string()),
        };
        Ok((trained, journal.into_inner()))
    }
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
        linear.calibrator = act_core::quant::Calibrator::None;
        linear.calibrator_arg = 0.0;
    }
    Ok(int8)
}
