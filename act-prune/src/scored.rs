//! A model that is scored once and then cut: the way through the stage.

use std::path::Path;

use act_core::{Artifact, Error, Result};
use act_nn::LayerScores;
use act_stage::config::Criterion;

use crate::budget::blocks::keeps;
use crate::budget::cost::{FileSize, Parameters, Time};
use crate::budget::{Cost, PruningTarget, Yardstick, keep_promise};
use crate::importance::{self, Compensated};
use crate::latency::{LatencySetting, Serving};
use crate::measure::Measure;
use crate::options::{Goal, Options};
use crate::outcome::{self, Origin, Pruned};
use crate::ratio::{Keep, Ratio};
use crate::select::Kept;

/// A model whose heads and neurons are scored, ready to be cut in any number of ways.
pub struct Scored<'a> {
    model: Artifact,
    origin: Origin,
    criterion: Criterion,
    measure: Measure<'a>,
    scores: Vec<LayerScores>,
}

impl<'a> Scored<'a> {
    /// Scores a float model, which came in as `origin`.
    ///
    /// # Errors
    /// Usage: an int8 model. Those of [`importance::scores`].
    pub fn new(
        model: Artifact,
        origin: Origin,
        criterion: Criterion,
        measure: Measure<'a>,
    ) -> Result<Self> {
        if !model.quant.is_empty() {
            return Err(Error::usage(
                "the model is already int8: prune the float model, then quantise (of an int8 \
                 model only the vocabulary can shrink: Prune.vocabulary with pruned_ratio 0)",
            ));
        }
        Ok(Self {
            scores: importance::scores(criterion, &model, &measure)?,
            model,
            origin,
            criterion,
            measure,
        })
    }

    /// The cost that `target` is about, of models served in this way. Times rest on the latency
    /// table at `table`, or in the user's cache, which is measured if it is not there.
    ///
    /// # Errors
    /// Those of [`Time::new`] and [`FileSize::new`].
    pub fn cost(
        &self,
        target: PruningTarget,
        serving: Serving,
        table: Option<&Path>,
    ) -> Result<Box<dyn Cost + 'a>> {
        Ok(match target {
            PruningTarget::Parameters(_) => Box::new(Parameters),
            PruningTarget::Bytes(_) => Box::new(FileSize::new(&self.model, serving.precision)?),
            PruningTarget::Speedup(_) | PruningTarget::Latency(_) => {
                let setting = LatencySetting::new(serving, &self.measure.calibration.encodings)?;
                let absolute = matches!(target, PruningTarget::Latency(_));
                let reference = self.origin.plan.clone();
                let progress = self.measure.progress;
                Box::new(Time::new(reference, &setting, absolute, table, progress)?)
            }
        })
    }

    /// Removes the same share of heads and neurons from every layer.
    pub fn by_ratio(&self, ratio: Ratio) -> Result<Pruned> {
        let layers = &self.model.plan.layers;
        for misfit in ratio.misfits(layers) {
            log::info!("{misfit}");
        }
        let keep: Vec<Keep> = layers.iter().map(|layer| ratio.keep(layer)).collect();
        self.cut(&keep)
    }

    /// Removes what loses least importance so that `target` is kept.
    ///
    /// # Errors
    /// Usage: a target that cannot be kept, with the nearest that can.
    pub fn to_target(&self, target: PruningTarget, cost: &mut dyn Cost) -> Result<Pruned> {
        let yardstick = Yardstick {
            target,
            reference: &self.origin.plan,
        };
        let promise = keep_promise(&self.model.plan, &self.scores, yardstick, cost)?;
        let mut pruned = self.cut(&keeps(&promise.plan))?;
        pruned.promise = Some(promise);
        Ok(pruned)
    }

    fn cut(&self, keep: &[Keep]) -> Result<Pruned> {
        let layers = self.scores.iter().zip(keep);
        let kept: Vec<Kept> = layers.map(|(s, &k)| Kept::strongest(s, k)).collect();
        let (model, measure) = (&self.model, &self.measure);
        let Compensated { artifact, kept } =
            importance::compensate(self.criterion, model, &kept, measure)?;
        Ok(Pruned {
            layers: outcome::layers(&artifact.plan, &model.plan, &kept, &self.scores),
            artifact,
            origin: self.origin.clone(),
            calibration_examples: measure.calibration.len(),
            cut: measure.calibration.cut,
            promise: None,
            shortened: None,
        })
    }
}

/// Prunes by the ratio of the options in one go: the whole of the stage but for targets and the
/// vocabulary. Equal inputs give equal results, whatever the number of threads is.
///
/// # Errors
/// Usage: the options name a target, for which there is [`Scored::to_target`]. Those of
/// [`Scored::new`].
pub fn prune(input: Artifact, options: &Options, measure: Measure<'_>) -> Result<Pruned> {
    let Goal::Ratio(ratio) = options.goal else {
        return Err(Error::usage("a target takes a cost: Scored::to_target"));
    };
    let origin = Origin::of(&input)?;
    Scored::new(input, origin, options.criterion, measure)?.by_ratio(ratio)
}
