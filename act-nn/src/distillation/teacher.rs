//! The teacher: a finished model, float or int8, asked once for its logits on every example, and,
//! where losses compare them, for its inner values ([`super::features`]).
//!
//! It answers through act-infer and in its own terms: if its vocabulary or sequence length is not
//! the student's, the text is tokenised again for it, and its classes are put in the student's order.

use std::path::{Path, PathBuf};

use act_core::provenance::{DataRecord, Digest};
use act_core::{Artifact, Encoding, Error, Result, Tokenizer};
use act_infer::Engine;

use super::{forward, labels};

/// What is remembered of a teacher.
#[derive(Debug, Clone, PartialEq)]
pub struct TeacherRecord {
    /// Its digest.
    pub model_digest: Digest,
    /// Synthetic data that it was made with: what it teaches rests on them too.
    pub synthetic_data: Vec<DataRecord>,
}

impl TeacherRecord {
    /// What to remember of `teacher`.
    pub fn new(teacher: &Artifact) -> Result<Self> {
        let data = teacher.provenance.iter().flat_map(|stage| &stage.data);
        let mut synthetic_data: Vec<DataRecord> = Vec::new();
        for record in data.filter(|record| record.synthetic) {
            if !synthetic_data.contains(record) {
                synthetic_data.push(record.clone());
            }
        }
        Ok(Self {
            model_digest: teacher.model_digest()?,
            synthetic_data,
        })
    }
}

/// The teacher's file: `given` on the command line, or else the `configured` one. Errors: a folder,
/// or standard input that is to be the `input` too.
pub fn path(
    given: Option<&Path>,
    configured: Option<&str>,
    input: &Path,
) -> Result<Option<PathBuf>> {
    match given.or(configured.map(Path::new)) {
        Some(path) if path.is_dir() => Err(Error::usage(format!(
            "the teacher {} is a folder: import it (act-convert import) and give the .act file",
            path.display()
        ))),
        Some(path) if path.as_os_str() == "-" && input.as_os_str() == "-" => Err(Error::usage(
            "the teacher and the input cannot both be standard input",
        )),
        path => Ok(path.map(PathBuf::from)),
    }
}

/// Says no to a teacher that was made for other classes than `student`, before any work is done.
///
/// # Errors
/// Usage, naming the label that one of the two lacks.
pub fn check_classes(teacher: &Artifact, student: &Artifact) -> Result<()> {
    labels::matching(&student.task.labels, &teacher.task.labels).map(drop)
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
    /// Loads `teacher` for `student`. Errors: other classes. A different task is only a warning,
    /// since the labels agree.
    pub fn new(teacher: Artifact, student: &Artifact, threads: usize) -> Result<Self> {
        let classes = labels::matching(&student.task.labels, &teacher.task.labels)?;
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
            engine: Engine::new(teacher)?.with_threads(threads),
            classes,
            tokenizer,
        })
    }

    /// Why the teacher's inner values are of no use to this student, if so.
    pub fn observable(&self) -> std::result::Result<(), &'static str> {
        if self.tokenizer.is_some() {
            return Err("the teacher has another vocabulary or sequence length than the student");
        }
        match self.engine.quant().is_empty() {
            true => Ok(()),
            false => Err("the teacher is int8"),
        }
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Logits in the student's class order, one row a text; `encodings` are the student's.
    /// `on_batch` is told the examples done since the last call and may stop by returning `false`.
    pub fn logits(
        &self,
        texts: &[(&str, Option<&str>)],
        encodings: &[Encoding],
        on_batch: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Vec<Vec<f32>>> {
        let mut rows = match &self.tokenizer {
            None => forward::logits(&self.engine, encodings, on_batch)?,
            Some(tokenizer) => {
                let own = texts
                    .iter()
                    .map(|(text, pair)| tokenizer.encode(text, *pair))
                    .collect::<Result<Vec<_>>>()?;
                forward::logits(&self.engine, &own, on_batch)?
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
