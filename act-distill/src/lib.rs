//! Training of a float classifier: against labels, against a teacher, or against both.
//!
//! The teacher answers once for every example ([`teacher`]), a slice of train is held out
//! ([`lesson`]), and act-nn's loop does the rest; without a teacher this is plain fine-tuning.
//! Distillation follows PaddleSlim: mean squared error on the logits (Ba & Caruana 2014, section
//! 2.2), to which cross-entropy on the labels may be added. Dev is never read.

pub mod forward;
pub mod journal;
pub mod labels;
pub mod lesson;
pub mod narrator;
pub mod options;
pub mod origin;
pub mod record;
pub mod teacher;

use act_core::metrics::Accuracy;
use act_core::provenance::Digest;
use act_core::{Artifact, Error, Result};
use act_data::Dataset;
use act_infer::Engine;
use act_nn::{Device, TrainEvent};

use journal::Journal;
use lesson::{Lesson, Part};
pub use options::Options;
use teacher::Teacher;

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
    /// A step or an evaluation of the training loop, already noted in the journal.
    Training(&'a TrainEvent, &'a Journal),
}

/// A trained model and how it came about.
pub struct Distilled {
    /// The model with its best weights; the caller adds the provenance record.
    pub artifact: Artifact,
    /// Digest of the model that went in.
    pub input: Digest,
    /// Digest of the teacher.
    pub teacher: Option<Digest>,
    /// Examples trained on.
    pub examples: usize,
    /// Accuracies on the held-out slice of train; `None` if nothing was held out.
    pub validation: Option<Validation>,
    /// Losses and evaluations.
    pub journal: Journal,
    /// Steps done.
    pub steps: usize,
    /// Step of the best weights.
    pub best_step: usize,
    /// Mean loss over the last epoch.
    pub final_loss: f64,
}

/// Accuracies on the validation slice.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub struct Validation {
    /// Of the model that went in.
    pub before: Accuracy,
    /// Of the model that came out.
    pub after: Accuracy,
    /// Of the teacher.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub teacher: Option<Accuracy>,
}

impl Distilled {
    /// True if the wanted accuracy, when there is one, was reached on the validation slice.
    pub fn reached(&self, target: Option<f64>) -> bool {
        match (target, self.validation) {
            (Some(target), Some(validation)) => validation.after.value >= target,
            _ => true,
        }
    }
}

/// Trains `student` on `data`, which must be the train split. `on_event` may stop the work by
/// returning `false` (error: interrupted). Errors: an int8 student, a teacher for other classes or
/// far below `origin_metric`, a loss that is not finite.
pub fn distill(
    student: Artifact,
    teacher: Option<Artifact>,
    data: &Dataset,
    options: &Options,
    device: Device,
    on_event: &mut dyn FnMut(Event<'_>) -> bool,
) -> Result<Distilled> {
    if !student.quant.is_empty() {
        return Err(Error::usage(
            "the model is already int8: train the float model, then quantise",
        ));
    }
    let threads = options.training.threads;
    let input = student.model_digest()?;
    let teacher_digest = teacher.as_ref().map(Artifact::model_digest).transpose()?;
    let mut lesson = Lesson::new(data, &student, options.validation_ratio, options.seed)?;

    let taught = match teacher {
        Some(teacher) => {
            let teacher = Teacher::new(teacher, &student, threads)?;
            teach(&mut lesson, &teacher, data, options, on_event)?
        }
        None => None,
    };
    let before = accuracy_before(&student, &lesson.validation, threads, on_event)?;
    if let (None, Some(before), Some(stated)) = (&teacher_digest, before, options.origin_metric) {
        origin::note_input(stated, before);
    }

    let mut journal = Journal::new(options.logging_iter);
    let mut stopped = false;
    let trained = act_nn::train(
        device,
        &student,
        lesson.train.examples(),
        (!lesson.validation.is_empty()).then(|| lesson.validation.examples()),
        options.objective,
        &options.training,
        &mut |event| {
            journal.note(&event);
            stopped = !on_event(Event::Training(&event, &journal));
            !stopped
        },
    )?;
    if stopped {
        return Err(Error::interrupted());
    }
    let validation = before.zip(trained.accuracy).map(|(before, after)| {
        let n = lesson.validation.len();
        Validation {
            before,
            after: Accuracy::new((after * n as f64).round() as usize, n),
            teacher: taught,
        }
    });
    Ok(Distilled {
        artifact: Artifact {
            params: trained.params,
            ..student
        },
        input,
        teacher: teacher_digest,
        examples: lesson.train.len(),
        validation,
        journal,
        steps: trained.steps,
        best_step: trained.best_step,
        final_loss: trained.final_loss,
    })
}

/// Asks the teacher about every example; its accuracy on the validation slice.
fn teach(
    lesson: &mut Lesson,
    teacher: &Teacher,
    data: &Dataset,
    options: &Options,
    on_event: &mut dyn FnMut(Event<'_>) -> bool,
) -> Result<Option<Accuracy>> {
    let total = lesson.train.len() + lesson.validation.len();
    let mut on_batch = |done| {
        on_event(Event::Answered {
            who: "teacher",
            done,
            total,
        })
    };
    // Validation first: a wrong teacher is found out before the long part.
    lesson.validation.ask(teacher, data, &mut on_batch)?;
    let accuracy = accuracy_of(lesson.validation.teacher_logits.as_deref(), &lesson.validation);
    if let (Some(accuracy), Some(stated)) = (accuracy, options.origin_metric) {
        origin::check_teacher(stated, accuracy)?;
    }
    lesson.train.ask(teacher, data, &mut on_batch)?;
    Ok(accuracy)
}

/// Accuracy of the model that is about to be trained.
fn accuracy_before(
    student: &Artifact,
    validation: &Part,
    threads: usize,
    on_event: &mut dyn FnMut(Event<'_>) -> bool,
) -> Result<Option<Accuracy>> {
    if validation.is_empty() {
        return Ok(None);
    }
    let engine = Engine::new(student.clone())?.with_threads(threads);
    let total = validation.len();
    let logits = forward::logits(&engine, &validation.encodings, &mut |done| {
        on_event(Event::Answered {
            who: "input",
            done,
            total,
        })
    })?;
    Ok(accuracy_of(Some(&logits), validation))
}

fn accuracy_of(logits: Option<&[Vec<f32>]>, part: &Part) -> Option<Accuracy> {
    let logits = logits.filter(|logits| !logits.is_empty())?;
    Some(Accuracy::of_logits(logits, &part.labels))
}
