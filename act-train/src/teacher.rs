//! The teacher: a finished model, float or int8, asked once for its logits on every example, and,
//! where losses compare them, for its inner values ([`Features`]).
//!
//! It answers through act-infer and in its own terms: if its vocabulary or sequence length is not
//! the student's, the text is tokenised again for it, and its classes are put in the student's order.

mod classes;
mod features;
mod logits;

use act_core::{Artifact, Encoding, Error, Progress, Result, Tokenizer};
use act_data::Lengths;
use act_infer::Engine;
use act_nn::Objective;

pub use features::Features;
pub use logits::logits;

/// Says no to a teacher that was made for other classes than `student`, before any work is done.
///
/// # Errors
/// Usage, naming the label that one of the two lacks.
pub fn check_classes(teacher: &Artifact, student: &Artifact) -> Result<()> {
    order_of_classes(teacher, student).map(drop)
}

/// For each of the student's classes the teacher's.
fn order_of_classes(teacher: &Artifact, student: &Artifact) -> Result<Vec<usize>> {
    let [theirs, ours] = [teacher, student].map(|model| model.task.problem.kind());
    if theirs != ours {
        return Err(Error::usage(format!(
            "the teacher gives {theirs} answers, the student {ours} ones"
        )));
    }
    classes::matching(&student.task.labels, &teacher.task.labels)
}

/// A model that a student learns from.
pub struct Teacher {
    engine: Engine,
    /// The teacher's class for each of the student's.
    classes: Vec<usize>,
    /// Its own tokenizer, where it does not read the student's token ids.
    tokenizer: Option<Tokenizer>,
}

impl Teacher {
    /// Loads `teacher` for `student`. A different task is only a warning, since the labels agree.
    ///
    /// # Errors
    /// Usage: other classes. Those of the engine.
    pub fn new(teacher: &Artifact, student: &Artifact, threads: usize) -> Result<Self> {
        let classes = order_of_classes(teacher, student)?;
        if teacher.task.name != student.task.name {
            log::warn!(
                "the teacher was made for task {}, the student is for {}",
                teacher.task.name,
                student.task.name
            );
        }
        let same_ids = teacher.tokenizer == student.tokenizer
            && teacher.task.max_seq_length == student.task.max_seq_length;
        let tokenizer = if same_ids {
            None
        } else {
            log::info!("the teacher has its own tokenizer or length: text is encoded for it apart");
            Some(Tokenizer::new(
                &teacher.tokenizer,
                teacher.task.max_seq_length,
            )?)
        };
        Ok(Self {
            engine: Engine::new(teacher.clone())?.with_threads(threads),
            classes,
            tokenizer,
        })
    }

    /// Why the teacher's inner values are of no use to this student, if so.
    pub fn observable(&self) -> std::result::Result<(), &'static str> {
        if self.tokenizer.is_some() {
            return Err("the teacher has another vocabulary or sequence length than the student");
        }
        if !self.engine.quant().is_empty() {
            return Err("the teacher is int8");
        }
        Ok(())
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Its inner values for these encodings where `objective` compares some; at most `budget` bytes of
    /// them are kept.
    pub fn features<'a>(
        &'a self,
        encodings: &'a [Encoding],
        objective: &Objective,
        budget: u64,
    ) -> Option<Features<'a>> {
        let comparisons = objective.looks_inside().then(|| objective.comparisons())?;
        Some(Features::new(&self.engine, encodings, comparisons, budget))
    }

    /// Logits in the student's class order, one row a text; `encodings` are the student's.
    /// `progress` is told the examples.
    ///
    /// # Errors
    /// Rejected: a logit that is not finite. Interrupted.
    pub fn logits(
        &self,
        texts: &[(&str, Option<&str>)],
        encodings: &[Encoding],
        progress: &dyn Progress,
    ) -> Result<Vec<Vec<f32>>> {
        let mut rows = match &self.tokenizer {
            None => logits(&self.engine, encodings, progress)?,
            Some(tokenizer) => {
                let whole = texts
                    .iter()
                    .map(|(text, pair)| tokenizer.encode_whole(text, *pair))
                    .collect::<Result<Vec<_>>>()?;
                let (own, whole): (Vec<_>, Vec<_>) = whole.into_iter().unzip();
                let cut = Lengths::of(tokenizer.max_seq_length(), whole).cut();
                if cut.is_much() {
                    log::warn!("what the teacher is asked: {cut}");
                }
                logits(&self.engine, &own, progress)?
            }
        };
        for (index, row) in rows.iter_mut().enumerate() {
            if !row.iter().all(|v| v.is_finite()) {
                return Err(Error::rejected(format!(
                    "the teacher's logits for example {index} are not finite"
                )));
            }
            *row = self.classes.iter().map(|&class| row[class]).collect();
        }
        Ok(rows)
    }
}
