//! Structured pruning: fewer attention heads and feed-forward neurons, physically removed.
//!
//! Score ([`importance`]), decide how many stay ([`ratio`], or [`budget`] with times of
//! [`latency`]), choose them ([`select`]), cut ([`shrink`]): each is a module of its own. Beside
//! that, [`vocabulary`] removes rows of the embeddings. Nothing here reads dev or measures accuracy.

mod activations;
pub mod args;
mod block;
pub mod budget;
pub mod calibration;
mod cholesky;
mod compensate;
pub mod family;
pub mod importance;
pub mod latency;
mod matrix;
mod moments;
pub mod options;
pub mod outcome;
mod passes;
pub mod ratio;
mod rearrange;
pub mod record;
mod refit;
mod rescale;
pub mod select;
pub mod shrink;
pub mod vocabulary;

use act_core::provenance::Digest;
use act_core::{Artifact, Error, Plan, Result};
use act_nn::Device;

use crate::budget::blocks::keeps;
use crate::budget::{Cost, Step, Target, Yardstick, keep_promise};
use crate::importance::Compensated;
use crate::ratio::Keep;

pub use calibration::Calibration;
pub use importance::{Importance, LayerScores, Measure};
pub use options::{Goal, Options};
pub use outcome::{LayerOutcome, Pruned};
pub use ratio::Ratio;
pub use select::Kept;

/// The model that came in: what results are compared with.
#[derive(Debug, Clone)]
pub struct Origin {
    /// Its digest.
    pub digest: Digest,
    /// Its shape.
    pub plan: Plan,
    /// Where targets and ratios are relative to another model: its digest and shape.
    pub reference: Option<(Digest, Plan)>,
}

impl Origin {
    /// Of a model that is compared with itself.
    pub fn of(model: &Artifact) -> Result<Self> {
        Ok(Self {
            digest: model.model_digest()?,
            plan: model.plan.clone(),
            reference: None,
        })
    }

    /// The same, compared with another model of as many layers.
    ///
    /// # Errors
    /// Usage: another number of layers, or fewer heads or neurons than the model has.
    pub fn relative_to(mut self, reference: &Artifact) -> Result<Self> {
        let layers = self.plan.layers.iter().zip(&reference.plan.layers);
        let smaller = layers.clone().any(|(own, other)| {
            own.heads() > other.heads() || own.intermediate_size > other.intermediate_size
        });
        if self.plan.layers.len() != reference.plan.layers.len() || smaller {
            return Err(Error::usage(
                "the reference is not the model that the input was pruned from: its layers differ",
            ));
        }
        self.reference = Some((reference.model_digest()?, reference.plan.clone()));
        Ok(self)
    }

    /// The plan that targets and ratios are relative to.
    pub fn reference_plan(&self) -> &Plan {
        self.reference.as_ref().map_or(&self.plan, |(_, plan)| plan)
    }
}

/// A model whose heads and neurons are scored, ready to be cut in any number of ways.
pub struct Scored<'a> {
    model: Artifact,
    origin: Origin,
    criterion: Importance,
    measure: Measure<'a>,
    scores: Vec<LayerScores>,
}

impl<'a> Scored<'a> {
    /// Scores a float model. `on_batch` is told after each batch how many are scored and may stop
    /// by returning `false` (error: interrupted).
    pub fn new(
        model: Artifact,
        origin: Origin,
        criterion: Importance,
        measure: Measure<'a>,
        on_batch: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Self> {
        if !model.quant.is_empty() {
            return Err(Error::usage(
                "the model is already int8: prune the float model, then quantise (of an int8 \
                 model only the vocabulary can shrink: Prune.vocabulary with pruned_ratio 0)",
            ));
        }
        Ok(Self {
            scores: importance::scores(criterion, &model, &measure, on_batch)?,
            model,
            origin,
            criterion,
            measure,
        })
    }

    /// The model before the cut.
    pub fn model(&self) -> &Artifact {
        &self.model
    }

    /// Where it comes from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The examples it was scored on.
    pub fn calibration(&self) -> &Calibration {
        self.measure.calibration
    }

    /// Removes the same share of heads and neurons from every layer: at a step of a gradual
    /// pruning, the step's part of `ratio`, counted from the reference.
    pub fn by_ratio(
        &self,
        ratio: Ratio,
        step: Step,
        on_batch: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Pruned> {
        let ratio = Ratio::new(ratio.value() * step.share())?;
        let reference = &self.origin.reference_plan().layers;
        for misfit in ratio.misfits(reference) {
            log::info!("{misfit}");
        }
        let layers = reference.iter().zip(&self.model.plan.layers);
        let keep = layers.map(|(whole, now)| ratio.keep(whole).within(now));
        self.cut(&keep.collect::<Vec<_>>(), on_batch)
    }

    /// Removes what loses least importance so that `target` is kept, or the step's part of it.
    ///
    /// # Errors
    /// Usage: a target that cannot be kept, with the nearest that can.
    pub fn to_target(
        &self,
        target: Target,
        step: Step,
        cost: &mut dyn Cost,
        on_batch: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Pruned> {
        let yardstick = Yardstick {
            target,
            step,
            reference: self.origin.reference_plan(),
        };
        let promise = keep_promise(&self.model.plan, &self.scores, yardstick, cost)?;
        let mut pruned = self.cut(&keeps(&promise.plan), on_batch)?;
        pruned.promise = Some(promise);
        Ok(pruned)
    }

    fn cut(&self, keep: &[Keep], on_batch: &mut dyn FnMut(usize) -> bool) -> Result<Pruned> {
        let layers = self.scores.iter().zip(keep);
        let kept: Vec<Kept> = layers.map(|(s, &k)| Kept::strongest(s, k)).collect();
        let (model, measure) = (&self.model, &self.measure);
        let Compensated { artifact, kept } =
            importance::compensate(self.criterion, model, &kept, measure, on_batch)?;
        Ok(Pruned {
            layers: outcome::layers(&artifact.plan, &model.plan, &kept, &self.scores),
            artifact,
            origin: self.origin.clone(),
            calibration_examples: measure.calibration.len(),
            promise: None,
            shortened: None,
        })
    }
}

/// Prunes by the ratio of the options in one go: the whole of the stage but for targets and the
/// vocabulary. Equal inputs give equal results, whatever `threads` is. Errors also: the options
/// name a target, for which there is [`Scored::to_target`].
pub fn prune(
    input: Artifact,
    calibration: &Calibration,
    options: &Options,
    device: Device,
    threads: usize,
    on_batch: &mut dyn FnMut(usize) -> bool,
) -> Result<Pruned> {
    let Goal::Ratio(ratio) = options.goal else {
        return Err(Error::usage("a target takes a cost: Scored::to_target"));
    };
    let measure = Measure {
        calibration,
        batch_size: options.batch_size,
        device,
        threads,
    };
    let origin = Origin::of(&input)?;
    let scored = Scored::new(input, origin, options.criterion, measure, on_batch)?;
    scored.by_ratio(ratio, Step::WHOLE, on_batch)
}
