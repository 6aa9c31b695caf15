//! Training of a float classifier: against labels, against a teacher, or against both.
//!
//! The teacher answers once for every example ([`act_nn::distillation`]), a slice of train is held
//! out ([`lesson`]), and act-nn's loop does the rest; without a teacher this is plain fine-tuning.
//! Dev is never read.

pub mod harm;
pub mod lesson;
pub mod metrics;
pub mod narrator;
pub mod options;
pub mod origin;
pub mod outcome;
pub mod record;

use std::cell::RefCell;

use act_core::metrics::Accuracy;
use act_core::{Artifact, Error, Result};
use act_data::Dataset;
use act_infer::Engine;
use act_nn::checkpoint::journal_keeper::JournalKeeper;
use act_nn::checkpoint::store::Checkpoints;
use act_nn::distillation;
use act_nn::distillation::features::Features;
use act_nn::distillation::teacher::{Teacher, TeacherRecord};
use act_nn::{Device, Journal, Objective, TrainEvent, Trained};
use act_train::objective;

use harm::Fit;
use lesson::{Lesson, Part, Subject};
pub use options::Options;
pub use outcome::{Distilled, Validation};

/// What the stage tells while it works.
#[derive(Debug)]
pub enum Event<'a> {
    /// A finished model answered `done` more of `total` examples.
    Answered {
        /// `teacher` or `input`.
        who: &'static str,
        /// Examples since the last event.
        done: usize,
        /// Examples in all.
        total: usize,
    },
    /// Training begins, after so many steps of a run that was broken off.
    Begins {
        /// Steps already done.
        step: usize,
    },
    /// A step or an evaluation of the training loop, already noted in the journal.
    Training(&'a TrainEvent, &'a Journal),
}

/// Hears every [`Event`]; may stop the work by returning `false` (error: interrupted).
pub type OnEvent<'a> = &'a mut dyn FnMut(Event<'_>) -> bool;

/// Trains `student` on `data`, which must be the train split. With `checkpoints` of this very
/// training it goes on from where they stand.
///
/// # Errors
/// Usage: an int8 student, a teacher for other classes or far below `origin_metric`, no text that the
/// vocabulary knows. Rejected: answers that are not finite before any step. Failed: a loss that is not
/// finite before anything was won, a result worse than the input. Interrupted.
pub fn distill(
    student: Artifact,
    teacher: Option<Artifact>,
    data: &Dataset,
    options: &Options,
    device: Device,
    checkpoints: Option<&mut Checkpoints>,
    on_event: OnEvent<'_>,
) -> Result<Distilled> {
    if !student.quant.is_empty() {
        return Err(Error::usage(
            "the model is already int8: train the float model, then quantise",
        ));
    }
    let input = student.model_digest()?;
    let teacher_record = teacher.as_ref().map(TeacherRecord::new).transpose()?;
    let mut lesson = Lesson::new(data, &student, options.validation_ratio, options.seed)?;
    lesson.note_oddities(options);

    let teacher = teacher
        .map(|teacher| Teacher::new(teacher, &student, options.training.threads))
        .transpose()?;
    let objective = objective(&student, teacher.as_ref(), options)?;
    log::info!("losses: {}", objective::describe(&objective));
    // A broken or wrong model is found out before the long part.
    let answers = answers_before(&student, &lesson, options, on_event)?;
    let before = accuracy_of(Some(&answers.held_out), &lesson.validation);
    if let (None, Some(before), Some(stated)) = (&teacher_record, before, options.origin_metric) {
        origin::note_input(stated, before);
    }
    let taught = match &teacher {
        Some(teacher) => teach(&mut lesson, teacher, data, &objective, options, on_event)?,
        None => None,
    };
    let features = features(teacher.as_ref(), &lesson, &objective, options)?;
    let subject = lesson.subject(objective, features.as_ref());
    let (trained, journal) = train(&student, subject, options, device, checkpoints, on_event)?;
    if let Some(why) = &trained.diverged {
        outcome::check_won(why, before, trained.accuracy)?;
    }

    let validation = Validation::new(before, trained.accuracy, taught, lesson.validation.len());
    if let Some(validation) = &validation {
        outcome::check_not_worse(validation, trained.best_step)?;
    }
    let artifact = Artifact {
        params: trained.params,
        ..student
    };
    let fit = fit(&artifact, &answers.train, &lesson.train, options)?;
    fit.judge(validation.as_ref())?;
    Ok(Distilled {
        artifact,
        input,
        teacher: teacher_record,
        examples: lesson.train.len(),
        validation,
        fit,
        journal,
        steps: trained.steps,
        best_step: trained.best_step,
        final_loss: trained.final_loss,
        diverged: trained.diverged,
    })
}

/// What is minimised.
fn objective(
    student: &Artifact,
    teacher: Option<&Teacher>,
    options: &Options,
) -> Result<Objective> {
    let (Some(teacher), Some(losses)) = (teacher, &options.losses) else {
        return Ok(Objective::LABELS);
    };
    let plan = teacher.engine().plan();
    objective::objective(losses, &student.plan, plan, teacher.observable())
}

/// The teacher's inner values, where losses compare them.
fn features<'a>(
    teacher: Option<&'a Teacher>,
    lesson: &'a Lesson,
    objective: &Objective,
    options: &Options,
) -> Result<Option<Features<'a>>> {
    let (Some(teacher), Some(losses)) = (teacher, &options.losses) else {
        return Ok(None);
    };
    if !objective.looks_inside() {
        return Ok(None);
    }
    Ok(Some(Features::new(
        teacher.engine(),
        &lesson.train.encodings,
        objective.comparisons(),
        losses.cache_bytes()?,
    )))
}

/// Asks the teacher about the training examples that its logits are wanted for, and gives its accuracy
/// on the validation slice.
fn teach(
    lesson: &mut Lesson,
    teacher: &Teacher,
    data: &Dataset,
    objective: &Objective,
    options: &Options,
    on_event: OnEvent<'_>,
) -> Result<Option<Accuracy>> {
    let visited = match objective.wants_logits() {
        true => options.training.visited(lesson.train.len()),
        false => Vec::new(),
    };
    let total = visited.len() + lesson.validation.len();
    let mut on_batch = |done| {
        on_event(Event::Answered {
            who: "teacher",
            done,
            total,
        })
    };
    // Validation first: a wrong teacher is found out before the long part.
    let held_out = &mut lesson.validation;
    let all: Vec<usize> = (0..held_out.len()).collect();
    held_out.ask(teacher, data, &all, &mut on_batch)?;
    let accuracy = accuracy_of(held_out.teacher_logits.as_deref(), held_out);
    if let (Some(accuracy), Some(stated)) = (accuracy, options.origin_metric) {
        origin::check_teacher(stated, accuracy)?;
    }
    if !visited.is_empty() {
        lesson.train.ask(teacher, data, &visited, &mut on_batch)?;
    }
    Ok(accuracy)
}

/// Logits of the model that is about to be trained.
struct Answers {
    held_out: Vec<Vec<f32>>,
    /// Of the training examples that [`harm`] looks at.
    train: Vec<Vec<f32>>,
}

/// Asks the model that is about to be trained.
fn answers_before(
    student: &Artifact,
    lesson: &Lesson,
    options: &Options,
    on_event: OnEvent<'_>,
) -> Result<Answers> {
    let engine = Engine::new(student.clone())?.with_threads(options.training.threads);
    let looked_at = lesson.train.encodings_of(&harm::looked_at(&lesson.train));
    let total = lesson.validation.len() + looked_at.len();
    let mut on_batch = |done| {
        on_event(Event::Answered {
            who: "input",
            done,
            total,
        })
    };
    let held_out = distillation::logits(&engine, &lesson.validation.encodings, &mut on_batch)?;
    let train = distillation::logits(&engine, &looked_at, &mut on_batch)?;
    let mut all = held_out.iter().chain(&train).flatten();
    match all.all(|v| v.is_finite()) {
        true => Ok(Answers { held_out, train }),
        false => Err(Error::rejected(
            "the input model's class scores are not finite: it is damaged or its training diverged",
        )),
    }
}

/// How well the trained model fits the training examples that are looked at.
fn fit(trained: &Artifact, before: &[Vec<f32>], train: &Part, options: &Options) -> Result<Fit> {
    let looked_at = harm::looked_at(train);
    let labels: Vec<u32> = looked_at.iter().map(|&i| train.labels[i]).collect();
    let engine = Engine::new(trained.clone())?.with_threads(options.training.threads);
    let after = distillation::logits(&engine, &train.encodings_of(&looked_at), &mut |_| true)?;
    match after.iter().flatten().all(|v| v.is_finite()) {
        true => Ok(Fit::new(before, &after, &labels)),
        false => Err(Error::failed(
            "training diverged: the trained model's class scores are not finite; lower the learning rate",
        )),
    }
}

fn accuracy_of(logits: Option<&[Vec<f32>]>, part: &Part) -> Option<Accuracy> {
    let logits = logits.filter(|logits| !logits.is_empty())?;
    Some(Accuracy::of_logits(logits, &part.labels))
}

/// Runs act-nn's loop and keeps its journal.
fn train(
    student: &Artifact,
    subject: Subject<'_>,
    options: &Options,
    device: Device,
    checkpoints: Option<&mut Checkpoints>,
    on_event: OnEvent<'_>,
) -> Result<(Trained, Journal)> {
    if options.training.mixed_precision && !act_nn::mixes_precision(device) {
        log::warn!("TrainConfig.amp_config has no effect on this device: all is computed in f32");
    }
    let journal = RefCell::new(Journal::new(options.logging_iter));
    let mut kept = JournalKeeper::new(checkpoints, &journal);
    let step = kept.find();
    if !on_event(Event::Begins { step }) {
        return Err(Error::interrupted());
    }
    let mut stopped = false;
    let trained = act_nn::resume(
        device,
        student,
        subject.train,
        subject.validation,
        subject.objective,
        &options.training,
        &mut kept,
        &mut |event| {
            journal.borrow_mut().note(&event);
            stopped = !on_event(Event::Training(&event, &journal.borrow()));
            !stopped
        },
    )?;
    if stopped {
        return Err(Error::interrupted());
    }
    Ok((trained, journal.into_inner()))
}
