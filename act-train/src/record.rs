//! What is written down of a session before it begins: the part of the provenance record by which
//! checkpoints know a training as their own.

use act_core::provenance::{DataRecord, Digest, InputRecord, StageRecord};
use act_core::{Artifact, Result};
use act_nn::Journal;
use act_stage::config::Config;
use act_stage::report::LossPoint;

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
    ///
    /// # Errors
    /// Those of its digest.
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

    /// Adds the teacher to the models and data that went into a stage.
    pub fn add_to(&self, record: &mut StageRecord) {
        record.inputs.push(InputRecord {
            role: "teacher".into(),
            model_digest: self.model_digest,
        });
        record.data.extend(self.synthetic_data.iter().cloned());
        record.data.dedup();
    }
}

/// The configuration that acts, with nothing in its losses and batch size left to defaults; the teacher
/// is recorded by digest, not by path.
///
/// # Errors
/// Those of the losses.
pub fn acting(config: &Config) -> Result<Config> {
    let mut acting = config.clone();
    acting.train.batch_size = Some(config.training_batch_size());
    acting.distillation = acting.distillation.explicit()?;
    acting.distillation.teacher_model_dir = None;
    Ok(acting)
}

/// The journal's mean losses, as reports have them.
pub fn losses(journal: &Journal) -> Vec<LossPoint> {
    let losses = journal.losses.iter();
    losses
        .map(|point| LossPoint {
            step: point.step,
            loss: point.loss,
            learning_rate: point.learning_rate,
        })
        .collect()
}
