//! What pruning did: the figures of its log lines, its report and its provenance record.

use act_core::provenance::Digest;
use act_core::{Artifact, Plan, Result};
use act_nn::LayerScores;
use act_stage::report::{Cut, PrunedLayer};

use crate::budget::KeptPromise;
use crate::ratio::removed_share;
use crate::select::Kept;
use crate::vocabulary::Shortened;

/// The model that came in: what results are compared with, and what targets are relative to.
#[derive(Debug, Clone)]
pub struct Origin {
    /// Its digest.
    pub digest: Digest,
    /// Its shape.
    pub plan: Plan,
}

impl Origin {
    /// Of a model.
    ///
    /// # Errors
    /// Rejected: a model that cannot be written.
    pub fn of(model: &Artifact) -> Result<Self> {
        Ok(Self {
            digest: model.model_digest()?,
            plan: model.plan.clone(),
        })
    }
}

/// A pruned model and how it came about.
pub struct Pruned {
    /// The smaller model; the caller adds the provenance record.
    pub artifact: Artifact,
    /// The model that went in.
    pub origin: Origin,
    /// Examples on which importance was measured.
    pub calibration_examples: usize,
    /// How many of them, or of train where nothing was measured, were cut.
    pub cut: Option<Cut>,
    /// What happened to each layer; nothing where only the vocabulary was shortened.
    pub layers: Vec<PrunedLayer>,
    /// The target and how it was kept, if there was one.
    pub promise: Option<KeptPromise>,
    /// What became of the vocabulary, if anything.
    pub shortened: Option<Shortened>,
}

impl Pruned {
    /// A model of which only the vocabulary was shortened.
    pub fn shortened_only(artifact: Artifact, origin: Origin) -> Self {
        Self {
            artifact,
            origin,
            calibration_examples: 0,
            cut: None,
            layers: Vec::new(),
            promise: None,
            shortened: None,
        }
    }

    /// Share of all heads that is gone.
    pub fn heads_removed(&self) -> f64 {
        let sum = |f: fn(&PrunedLayer) -> usize| self.layers.iter().map(f).sum();
        removed_share(sum(|l| l.kept_heads.len()), sum(|l| l.heads_before))
    }

    /// Share of all feed-forward neurons that is gone.
    pub fn neurons_removed(&self) -> f64 {
        let sum = |f: fn(&PrunedLayer) -> usize| self.layers.iter().map(f).sum();
        removed_share(sum(|l| l.kept_neurons), sum(|l| l.neurons_before))
    }

    /// Share of all parameters that is gone, embeddings included.
    pub fn parameters_removed(&self) -> f64 {
        removed_share(self.artifact.plan.parameters(), self.parameters_before())
    }

    /// Parameters of the model before.
    pub fn parameters_before(&self) -> usize {
        self.origin.plan.parameters()
    }

    /// True if nothing was removed.
    pub fn is_identity(&self) -> bool {
        self.artifact.plan.parameters() == self.parameters_before()
    }
}

/// The figures of every layer, from the plans before and after.
pub(crate) fn layers(
    after: &Plan,
    before: &Plan,
    kept: &[Kept],
    scores: &[LayerScores],
) -> Vec<PrunedLayer> {
    let plans = after.layers.iter().zip(&before.layers);
    plans
        .zip(kept.iter().zip(scores))
        .map(|((after, before), (kept, scores))| PrunedLayer {
            kept_heads: after.kept_heads.clone(),
            heads_before: before.heads(),
            kept_neurons: after.intermediate_size,
            neurons_before: before.intermediate_size,
            head_importance: scores.heads.clone(),
            head_importance_kept: share_kept(&scores.heads, &kept.heads),
            neuron_importance_kept: share_kept(&scores.neurons, &kept.neurons),
        })
        .collect()
}

/// Sum of the kept scores over the sum of all; 1 when there is nothing to lose.
fn share_kept(scores: &[f64], kept: &[usize]) -> f64 {
    let total: f64 = scores.iter().sum();
    if total > 0.0 {
        kept.iter().fold(0.0, |sum, &i| sum + scores[i]) / total
    } else {
        1.0
    }
}
