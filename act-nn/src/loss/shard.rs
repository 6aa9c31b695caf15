//! Some of the examples, with everything that the losses compare them with.

use act_core::{Plan, ProblemKind, Result, Target};

use crate::examples::Examples;
use crate::objective::{Comparison, Objective};
use crate::ragged::Ragged;

/// Some of the examples, ready for the encoder.
pub(crate) struct Shard {
    pub(crate) batch: Ragged,
    /// What the right answers are.
    pub(super) kind: ProblemKind,
    /// The right answers, `[sequences, classes]`: 1 for a class that is right and 0 for one that is not, or
    /// the score.
    pub(super) targets: Vec<f32>,
    /// The teacher's logits, likewise.
    pub(super) teacher_logits: Option<Vec<f32>>,
    /// The sites that losses compare.
    pub(super) comparisons: Vec<Comparison>,
    /// The teacher's values there.
    pub(super) teacher_values: Vec<Vec<f32>>,
}

impl Shard {
    /// The examples with the given indices. Errors: those of the teacher.
    pub(crate) fn new(
        examples: &Examples<'_>,
        indices: &[usize],
        objective: &Objective,
        plan: &Plan,
        pad_id: u32,
    ) -> Result<Self> {
        let mut targets = vec![0.0; indices.len() * plan.num_labels];
        let mut kind = ProblemKind::SingleLabel;
        for (row, &i) in targets.chunks_exact_mut(plan.num_labels).zip(indices) {
            let target = &examples.labels[i];
            kind = target.kind();
            match target {
                Target::Score(score) => row[0] = *score as f32,
                _ => target.classes().iter().for_each(|&c| row[c as usize] = 1.0),
            }
        }
        let teacher_logits = examples.teacher_logits.map(|rows| {
            indices
                .iter()
                .flat_map(|&i| rows[i].iter().copied())
                .collect()
        });
        let comparisons = objective.comparisons();
        let teacher_values = match examples.teacher {
            Some(teacher) if !comparisons.is_empty() => teacher.values(indices)?,
            _ => Vec::new(),
        };
        let sequences = indices.iter().map(|&i| &examples.encodings[i]);
        Ok(Self {
            batch: Ragged::new(sequences, &plan.embeddings, pad_id),
            kind,
            targets,
            teacher_logits,
            comparisons,
            teacher_values,
        })
    }
}
