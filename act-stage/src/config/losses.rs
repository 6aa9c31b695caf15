//! Which losses the section `Distillation` asks for: PaddleSlim's `loss`, `node` and `alpha`, our
//! weights by name, or, where neither is given, the combination that measured best.

use super::choices::PaddleLoss;
use super::quantity::Size;
use super::sections::Distillation;
use act_core::ProblemKind;
use act_core::error::{Error, Result};

/// Weights of the losses; 0 is off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LossWeights {
    /// Cross-entropy with the labels.
    pub labels: f64,
    /// Mean squared error of the logits.
    pub logits: f64,
    /// Divergence of softened probabilities.
    pub soft_labels: f64,
    /// Mean squared error of the pooled output.
    pub pooled: f64,
    /// Mean squared error of hidden states.
    pub hidden: f64,
    /// Divergence of self-attention relations.
    pub relations: f64,
}

/// What an empty section means: what measured best over the tasks, see docs/benchmarks/losses.md.
const AUTOMATIC: LossWeights = LossWeights {
    labels: 0.5,
    logits: 0.0,
    soft_labels: 1.0,
    pooled: 0.0,
    hidden: 0.0,
    relations: 0.0,
};

/// Temperature of the soft labels where none is given.
const TEMPERATURE: f64 = 2.0;
/// PaddleSlim's, of its `soft_label`.
const PADDLE_TEMPERATURE: f64 = 1.0;

impl LossWeights {
    /// Those that need the teacher.
    pub fn of_teacher(&self) -> f64 {
        self.logits + self.soft_labels + self.pooled + self.hidden + self.relations
    }
}

impl Distillation {
    /// The section as it acts on a kind of answers: a score has no soft labels, so that the automatic
    /// combination learns the teacher's score instead.
    #[must_use]
    pub fn of_kind(&self, kind: ProblemKind) -> Self {
        let mut section = self.clone();
        if kind == ProblemKind::Regression && self.is_automatic() {
            section.labels = Some(AUTOMATIC.labels);
            section.logits = Some(AUTOMATIC.soft_labels);
        }
        section
    }

    /// True if the section names no loss, so that the automatic combination holds.
    pub fn is_automatic(&self) -> bool {
        self.named().iter().all(|(_, weight)| weight.is_none()) && !self.speaks_paddle()
    }

    /// The weights asked for. A section that names any loss has no others.
    ///
    /// # Errors
    /// PaddleSlim's keys do not fit each other, or name a loss or a place that is not known.
    pub fn weights(&self) -> Result<LossWeights> {
        if self.is_automatic() {
            return Ok(AUTOMATIC);
        }
        let mut weights = LossWeights {
            labels: self.labels.unwrap_or(0.0),
            logits: self.logits.unwrap_or(0.0),
            soft_labels: self.soft_labels.unwrap_or(0.0),
            pooled: self.pooled.unwrap_or(0.0),
            hidden: self.hidden.unwrap_or(0.0),
            relations: self.relations.unwrap_or(0.0),
        };
        for (loss, place, alpha) in self.paddle_losses()? {
            let weight = match (loss, place) {
                (PaddleLoss::L2, Place::Logits) => &mut weights.logits,
                (PaddleLoss::L2, Place::Pooled) => &mut weights.pooled,
                (PaddleLoss::L2, Place::Hidden(_)) => &mut weights.hidden,
                (PaddleLoss::SoftLabel, Place::Logits) => &mut weights.soft_labels,
                (PaddleLoss::SoftLabel, Place::Pooled | Place::Hidden(_)) => {
                    return Err(Error::usage(format!(
                        "Distillation.loss: {loss} is for logits; give l2, or the node logits"
                    )));
                }
            };
            *weight += alpha;
        }
        Ok(weights)
    }

    /// Temperature of the soft labels.
    pub fn temperature(&self) -> f64 {
        let default = match self.loss {
            Some(_) => PADDLE_TEMPERATURE,
            None => TEMPERATURE,
        };
        self.temperature.unwrap_or(default)
    }

    /// Pairs of student's and teacher's layers whose hidden states are compared; none: all layers.
    pub fn hidden_layers(&self) -> Result<Option<Vec<[usize; 2]>>> {
        if self.layers.is_some() {
            return Ok(self.layers.clone());
        }
        let places = self.paddle_losses()?.into_iter();
        let layers: Vec<_> = places
            .filter_map(|(_, place, _)| match place {
                Place::Hidden(layer) => Some([layer, layer]),
                _ => None,
            })
            .collect();
        Ok((!layers.is_empty()).then_some(layers))
    }

    /// Bytes that the teacher's inner values may take.
    pub fn cache_bytes(&self) -> u64 {
        self.cache.as_ref().map_or(2_000_000_000, Size::bytes)
    }

    /// The same, with nothing left to defaults: what provenance records.
    pub fn explicit(&self) -> Result<Self> {
        let weights = self.weights()?;
        let on = |weight: f64| (weight != 0.0).then_some(weight);
        Ok(Self {
            labels: on(weights.labels),
            logits: on(weights.logits),
            soft_labels: on(weights.soft_labels),
            pooled: on(weights.pooled),
            hidden: on(weights.hidden),
            relations: on(weights.relations),
            temperature: on(weights.soft_labels).map(|_| self.temperature()),
            layers: self.hidden_layers()?,
            loss: None,
            node: None,
            alpha: None,
            ..self.clone()
        })
    }

    /// Checks every value by itself.
    pub fn check(&self) -> Result<()> {
        for (name, weight) in self.named() {
            weight_at(name, weight)?;
        }
        for alpha in self.alpha.iter().flatten() {
            weight_at("alpha", Some(*alpha))?;
        }
        if let Some(t) = self.temperature
            && !(t.is_finite() && t > 0.0)
        {
            return Err(Error::usage(format!(
                "Distillation.temperature: {t} is not a number above 0"
            )));
        }
        if self.relation_heads == Some(0) {
            return Err(Error::usage(
                "Distillation.relation_heads: is 0; give 1 or more",
            ));
        }
        if self.layers.as_ref().is_some_and(Vec::is_empty) {
            return Err(Error::usage(
                "Distillation.layers: is empty; name pairs, as in [[0, 0], [3, 3]], or leave it out",
            ));
        }
        Ok(())
    }

    /// Checks what several keys say together.
    pub fn check_together(&self) -> Result<()> {
        let weights = self.weights()?;
        if weights.of_teacher() + weights.labels == 0.0 {
            return Err(Error::usage(
                "Distillation: every loss named weighs 0, which leaves none; raise one",
            ));
        }
        Ok(())
    }

    fn named(&self) -> [(&'static str, Option<f64>); 6] {
        [
            ("labels", self.labels),
            ("logits", self.logits),
            ("soft_labels", self.soft_labels),
            ("pooled", self.pooled),
            ("hidden", self.hidden),
            ("relations", self.relations),
        ]
    }

    fn speaks_paddle(&self) -> bool {
        self.loss.is_some() || self.node.is_some() || self.alpha.is_some()
    }

    /// PaddleSlim's losses, each with a place and a weight. A list of losses goes with lists of
    /// nodes and alphas as long, a single one with every node.
    fn paddle_losses(&self) -> Result<Vec<(PaddleLoss, Place, f64)>> {
        if !self.speaks_paddle() {
            return Ok(Vec::new());
        }
        let losses = self.loss.as_deref().unwrap_or(&[PaddleLoss::L2]);
        let count = losses.len();
        let fits = |key: &str, given: usize| {
            if given == count || given == 1 || count == 1 {
                return Ok(());
            }
            Err(Error::usage(format!(
                "Distillation.{key}: {given} for {count} losses; give one for each"
            )))
        };
        let alphas = self.alpha.as_deref().unwrap_or(&[1.0]);
        fits("alpha", alphas.len())?;
        let nodes = self.node.as_deref().unwrap_or_default();
        if !nodes.is_empty() {
            fits("node", nodes.len())?;
        }
        let mut all = Vec::new();
        for (i, &loss) in losses.iter().enumerate() {
            let alpha = alphas.get(i).or(alphas.first()).copied().unwrap_or(1.0);
            let mut places: Vec<Place> = match (count, nodes.get(i)) {
                (1, _) => nodes.iter().map(|node| Place::of(node)).collect(),
                (_, Some(node)) => vec![Place::of(node)],
                (_, None) => Vec::new(),
            };
            if places.is_empty() {
                places.push(Place::Logits);
            }
            places.dedup();
            all.extend(places.into_iter().map(|place| (loss, place, alpha)));
        }
        Ok(all)
    }
}

/// Where a loss looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Logits,
    Pooled,
    Hidden(usize),
}

impl Place {
    /// Our names of places; any other is one of a Paddle program, which has ended with its import,
    /// and means its last output, PaddleSlim's own default.
    fn of(node: &str) -> Self {
        let hidden = node
            .strip_prefix("layer.")
            .and_then(|rest| rest.strip_suffix(".hidden"));
        match (node, hidden.and_then(|layer| layer.parse().ok())) {
            ("pooled", _) => Place::Pooled,
            (_, Some(layer)) => Place::Hidden(layer),
            _ => Place::Logits,
        }
    }
}

/// True if `node` is a place of ours.
pub(super) fn is_place(node: &str) -> bool {
    node == "logits" || Place::of(node) != Place::Logits
}

fn weight_at(name: &str, weight: Option<f64>) -> Result<()> {
    match weight {
        Some(weight) if !(weight.is_finite() && weight >= 0.0) => Err(Error::usage(format!(
            "Distillation.{name}: {weight} is not a number of at least 0"
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use PaddleLoss::{L2, SoftLabel};

    const OFF: LossWeights = LossWeights {
        labels: 0.0,
        logits: 0.0,
        soft_labels: 0.0,
        pooled: 0.0,
        hidden: 0.0,
        relations: 0.0,
    };

    #[test]
    fn naming_a_loss_switches_the_automatic_combination_off() {
        assert_eq!(Distillation::default().weights().unwrap(), AUTOMATIC);
        let section = Distillation {
            hidden: Some(2.0),
            ..Distillation::default()
        };
        assert_eq!(
            section.weights().unwrap(),
            LossWeights { hidden: 2.0, ..OFF }
        );
    }

    #[test]
    fn paddleslims_keys_name_losses_and_places() {
        let section = |loss: &[PaddleLoss], node: &[&str], alpha: &[f64]| Distillation {
            loss: Some(loss.to_vec()),
            node: Some(node.iter().map(|n| n.to_string()).collect()),
            alpha: Some(alpha.to_vec()),
            ..Distillation::default()
        };
        let l2 = section(&[L2], &[], &[0.5]);
        assert_eq!(l2.weights().unwrap(), LossWeights { logits: 0.5, ..OFF });
        assert_eq!(section(&[SoftLabel], &[], &[1.0]).temperature(), 1.0);
        let several = section(
            &[L2, SoftLabel, L2],
            &["layer.2.hidden", "softmax_1", "pooled"],
            &[3.0, 1.0, 0.5],
        );
        let want = LossWeights {
            hidden: 3.0,
            soft_labels: 1.0,
            pooled: 0.5,
            ..OFF
        };
        assert_eq!(several.weights().unwrap(), want);
        assert_eq!(several.hidden_layers().unwrap(), Some(vec![[2, 2]]));
        // A pair of the program's names is the logits once.
        let pair = section(&[L2], &["linear_9.tmp_1", "teacher_linear_9.tmp_1"], &[1.0]);
        assert_eq!(pair.weights().unwrap(), LossWeights { logits: 1.0, ..OFF });
    }

    #[test]
    fn what_paddleslims_keys_cannot_mean_is_refused() {
        let refused = |loss: &[PaddleLoss], node: &[&str], alpha: &[f64]| {
            let section = Distillation {
                loss: Some(loss.to_vec()),
                node: Some(node.iter().map(|n| n.to_string()).collect()),
                alpha: Some(alpha.to_vec()),
                ..Distillation::default()
            };
            let checked = section.check().and_then(|()| section.check_together());
            checked.unwrap_err().to_string()
        };
        assert!(refused(&[SoftLabel], &["pooled"], &[1.0]).contains("is for logits"));
        assert!(refused(&[L2, L2], &[], &[1.0, 1.0, 1.0]).contains("3 for 2 losses"));
        assert!(refused(&[L2], &[], &[-1.0]).contains("Distillation.alpha"));
    }

    #[test]
    fn what_is_recorded_means_the_same() {
        let automatic = Distillation::default();
        let explicit = automatic.explicit().unwrap();
        assert!(!explicit.is_automatic());
        assert_eq!(explicit.weights().unwrap(), automatic.weights().unwrap());
        assert_eq!(explicit.explicit().unwrap(), explicit);
    }
}
