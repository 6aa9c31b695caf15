//! The stage's work: from a model, a teacher and data to a trained model.

use act_core::{Artifact, Error, ProblemKind, Result, Silent, Target};
use act_data::Dataset;
use act_infer::Engine;
use act_nn::{Emphasis, Objective, Training};
use act_train::record::TeacherRecord;
use act_train::{ExampleSet, Scored, Session, Teacher, objective, teacher};

use crate::harm::{self, Fit};
use crate::judged::{Judged, after, judged, validation};
use crate::options::Options;
use crate::origin;
use crate::outcome::{self, Distilled};
use crate::prior;
use crate::training_data::TrainingData;

/// Trains `student` on `data`, which must be the train split; with checkpoints of this very training
/// in the session it goes on from where they stand.
///
/// # Errors
/// Usage: an int8 student, a teacher for other classes or far below `origin_metric`, no text that the
/// vocabulary knows. Rejected: answers that are not finite before any step. Failed: a loss that is not
/// finite before anything was won, a result worse than the input. Interrupted.
pub fn distill(
    mut student: Artifact,
    teacher: Option<Artifact>,
    data: &Dataset,
    options: &Options,
    session: &mut Session<'_>,
) -> Result<Distilled> {
    if !student.quant.is_empty() {
        return Err(Error::usage(
            "the model is already int8: train the float model, then quantise",
        ));
    }
    let measure = options.measure(&student.task)?;
    let input = student.model_digest()?;
    let teacher_record = teacher.as_ref().map(TeacherRecord::new).transpose()?;
    let mut examples = TrainingData::new(data, &student, options)?;

    let teacher = teacher
        .map(|teacher| Teacher::new(&teacher, &student, options.training.threads))
        .transpose()?;
    let mut objective = objective(&student, teacher.as_ref(), options)?;
    objective.emphasis = emphasis(&student, &examples.train, options)?;
    // Weights of classes ask for other answers than their shares.
    if student.task.head_trained == Some(false) && objective.emphasis.weights.is_empty() {
        prior::set(&mut student, &examples.train.labels);
    }
    let emphasised = !objective.emphasis.is_none();
    log::info!("losses: {}", objective::describe(&objective));
    // A broken or wrong model is found out before the long part.
    let answers = answers_before(&student, &examples, options, session)?;
    let before = judged(Some(&answers.held_out), &examples.validation, &measure);
    if let (None, Some(before), Some(stated)) = (&teacher_record, before, options.origin_metric) {
        origin::note_input(stated, &before);
    }
    let taught = match &teacher {
        Some(teacher) => {
            let judged = |held_out: &ExampleSet| {
                judged(held_out.teacher_logits.as_deref(), held_out, &measure)
            };
            teach(
                &mut examples,
                teacher,
                data,
                &objective,
                options,
                session,
                &judged,
            )?
        }
        None => None,
    };
    let features = match (&teacher, &options.losses) {
        (Some(teacher), Some(losses)) => {
            let encodings = &examples.train.encodings;
            teacher.features(encodings, &objective, losses.cache_bytes())
        }
        _ => None,
    };
    let training = Training {
        artifact: &student,
        train: examples.train.view(features.as_ref()),
        validation: Some(act_nn::Validation {
            examples: examples.validation.view(None),
            measure: measure.clone(),
        }),
        quantizing: None,
        objective,
        options: &options.training,
    };
    let trained = session.train(training, Scored::Metric(measure.metric()))?;
    if let Some(why) = &trained.course.diverged {
        outcome::check_won(why, before.map(|before| before.score), trained.score)?;
    }

    let mut artifact = Artifact {
        params: trained.params,
        ..student
    };
    // A model that came in from elsewhere learns here in which columns its texts are.
    let task = &mut artifact.task;
    task.columns = task
        .columns
        .take()
        .or(data.columns.as_ref().map(Into::into));
    // Where nothing is recorded of the head, nothing is: the same model has the same bytes as ever.
    task.head_trained = task.head_trained.map(|_| true);
    let after = after(
        &mut artifact,
        trained.score,
        &examples.validation,
        &measure,
        options.training.threads,
    )?;
    let validation = validation(before, after, taught);
    if let Some(validation) = &validation {
        outcome::check_not_worse(validation, trained.course.best_step)?;
    }
    let fit = fit(&artifact, &answers.train, &examples.train, options)?;
    // Weighed answers are meant to cost the others some of their probability.
    if !emphasised {
        fit.judge(validation.as_ref())?;
    }
    Ok(Distilled {
        artifact,
        input,
        teacher: teacher_record,
        examples: examples.train.len(),
        cut: examples.cut,
        metric: measure.metric(),
        validation,
        fit,
        course: trained.course,
    })
}

/// What of the right answers weighs more than the rest.
fn emphasis(student: &Artifact, train: &ExampleSet, options: &Options) -> Result<Emphasis> {
    let task = &student.task;
    let kind = task.problem.kind();
    if options.focal_gamma != 0.0 && kind == ProblemKind::Regression {
        return Err(Error::usage(
            "TrainConfig.focal_gamma: the answers are scores, which have no classes; leave the key out",
        ));
    }
    let weights = options.class_weights.as_ref();
    let weights = weights.map(|weights| weights.of(&task.labels, &train.labels, kind));
    Ok(Emphasis {
        weights: weights.transpose()?.unwrap_or_default(),
        focal: options.focal_gamma,
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

/// Asks the teacher about the training examples that its logits are wanted for, and says how well it
/// does on the validation slice.
fn teach(
    examples: &mut TrainingData,
    teacher: &Teacher,
    data: &Dataset,
    objective: &Objective,
    options: &Options,
    session: &Session<'_>,
    judged: &dyn Fn(&ExampleSet) -> Option<Judged>,
) -> Result<Option<Judged>> {
    let visited = if objective.wants_logits() {
        options.training.visited(examples.train.len())
    } else {
        Vec::new()
    };
    let progress = session.progress;
    progress.begin("teacher", visited.len() + examples.validation.len());
    // Validation first: a wrong teacher is found out before the long part.
    let held_out = &mut examples.validation;
    held_out.ask_all(teacher, data, progress)?;
    let found = judged(held_out);
    if let (Some(found), Some(stated)) = (&found, options.origin_metric) {
        origin::check_teacher(stated, found)?;
    }
    if !visited.is_empty() {
        examples.train.ask(teacher, data, &visited, progress)?;
    }
    Ok(found)
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
    examples: &TrainingData,
    options: &Options,
    session: &Session<'_>,
) -> Result<Answers> {
    let engine = Engine::new(student.clone())?.with_threads(options.training.threads);
    let (train, validation) = (&examples.train, &examples.validation);
    let looked_at = train.encodings_of(&harm::looked_at(train.len()));
    let progress = session.progress;
    progress.begin("input", validation.len() + looked_at.len());
    let held_out = teacher::logits(&engine, &validation.encodings, progress)?;
    let train = teacher::logits(&engine, &looked_at, progress)?;
    let mut all = held_out.iter().chain(&train).flatten();
    if !all.all(|v| v.is_finite()) {
        return Err(Error::rejected(
            "the input model's class scores are not finite: it is damaged or its training diverged",
        ));
    }
    Ok(Answers { held_out, train })
}

/// How well the trained model fits the training examples that are looked at.
fn fit(
    trained: &Artifact,
    before: &[Vec<f32>],
    train: &ExampleSet,
    options: &Options,
) -> Result<Fit> {
    let looked_at = harm::looked_at(train.len());
    let labels: Vec<Target> = looked_at.iter().map(|&i| train.labels[i].clone()).collect();
    let engine = Engine::new(trained.clone())?.with_threads(options.training.threads);
    let after = teacher::logits(&engine, &train.encodings_of(&looked_at), &Silent)?;
    if !after.iter().flatten().all(|v| v.is_finite()) {
        return Err(Error::failed(
            "training diverged: the trained model's class scores are not finite; lower the learning rate",
        ));
    }
    let classes = trained.plan.num_labels;
    Ok(Fit::new(before, &after, &labels, classes))
}
