//! What the configuration says about pruning, checked.

use act_core::quant::WeightBits;
use act_core::{Error, Result};
use act_stage::config::{self, Config, Criterion, KeptTokens, Prune, QuantPost, Time};

use crate::budget::PruningTarget;
use crate::latency::{Precision, Serving};
use crate::ratio::Ratio;
use crate::size::Size;
use crate::vocabulary::Vocabulary;

/// How much is removed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goal {
    /// A share of heads and of feed-forward neurons of every layer.
    Ratio(Ratio),
    /// As little importance as a target allows.
    Target(PruningTarget),
}

/// Settings of one pruning.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// How much is removed.
    pub goal: Goal,
    /// What importance is.
    pub criterion: Criterion,
    /// How the model will be served, for times and bytes.
    pub serving: Serving,
    /// Tokens that stay.
    pub vocabulary: Vocabulary,
    /// Layers and units that stay.
    pub size: Size,
    /// Training examples on which importance is measured.
    pub calibration_examples: usize,
    /// Share of train that training holds out; importance is not measured on it.
    pub validation_ratio: f64,
    /// Examples a batch. It matters: importance sums absolute values over batches.
    pub batch_size: usize,
}

impl Options {
    /// From the sections `Prune`, `Global`, `TrainConfig` and, for what will be served,
    /// `QuantPost`; errors name the key.
    pub fn new(config: &Config) -> Result<Self> {
        config.check()?;
        let prune = &config.prune;
        Ok(Self {
            goal: match target(prune) {
                Some(target) => Goal::Target(target),
                None => Goal::Ratio(Ratio::new(prune.ratio())?),
            },
            criterion: prune.criterion(),
            serving: Serving {
                precision: precision(prune.precision, &config.quant_post),
                batch: prune.latency_batch,
                threads: prune.latency_threads,
            },
            vocabulary: vocabulary(prune)?,
            size: size(prune)?,
            calibration_examples: prune.calibration_examples,
            validation_ratio: config.train.validation_ratio,
            batch_size: config.global.batch_size(),
        })
    }

    /// True if heads and neurons all stay and only the vocabulary is asked to shrink.
    pub fn vocabulary_only(&self) -> bool {
        let all_stay = matches!(self.goal, Goal::Ratio(ratio) if ratio.value() == 0.0);
        all_stay && self.size.is_whole() && self.vocabulary != Vocabulary::All
    }
}

/// The configuration with the defaults that depend on other keys filled in.
pub fn filled_in(config: &Config) -> Config {
    let mut filled = config.clone();
    filled.global.batch_size = Some(config.global.batch_size());
    filled.prune.criterion = Some(config.prune.criterion());
    if config.prune.targets().is_empty() {
        filled.prune.pruned_ratio = Some(config.prune.ratio());
    }
    filled
}

/// The target, none if heads and neurons go by a ratio.
fn target(prune: &Prune) -> Option<PruningTarget> {
    let time = prune.budget.as_ref().map(Time::milliseconds);
    let size = prune.bytes.as_ref().map(config::Size::bytes);
    None.or(prune.target_speedup.map(PruningTarget::Speedup))
        .or(time.map(PruningTarget::Latency))
        .or(prune.params.map(PruningTarget::Parameters))
        .or(size.map(PruningTarget::Bytes))
}

/// Errors: beside a target of time, whose table knows heads and neurons alone.
fn size(prune: &Prune) -> Result<Size> {
    let size = Size {
        layers: prune.layers,
        hidden: prune.hidden_size,
    };
    if !size.is_whole() && (prune.target_speedup.is_some() || prune.budget.is_some()) {
        return Err(Error::usage(
            "Prune.hidden_size and Prune.layers stand beside pruned_ratio, params or bytes: the times behind \
             target_speedup and budget are of the whole width",
        ));
    }
    Ok(size)
}

/// Errors: a corpus without its file, a file without a corpus.
fn vocabulary(prune: &Prune) -> Result<Vocabulary> {
    match (prune.vocabulary, &prune.vocabulary_file) {
        (KeptTokens::Corpus, Some(file)) => Ok(Vocabulary::Corpus(file.into())),
        (KeptTokens::Corpus, None) => Err(Error::usage(
            "Prune.vocabulary: corpus needs Prune.vocabulary_file, a file of one text a line",
        )),
        (kept @ (KeptTokens::All | KeptTokens::Used), Some(_)) => Err(Error::usage(format!(
            "Prune.vocabulary_file is for vocabulary: corpus, which is {kept}"
        ))),
        (KeptTokens::Used, None) => Ok(Vocabulary::Used),
        (KeptTokens::All, None) => Ok(Vocabulary::All),
    }
}

fn precision(precision: config::Precision, quant: &QuantPost) -> Precision {
    match precision {
        config::Precision::F32 => Precision::F32,
        config::Precision::Int8 => Precision::Int8 {
            weight_max: quant.weight_max,
            activation_max: quant.activation_max,
            weight_groups: quant.weight_groups.size(),
            embeddings: quant.embeddings,
            four_bits: match quant.stored() {
                WeightBits::Eight => None,
                WeightBits::Four { group } => Some(group),
            },
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_paddleslims() {
        let options = Options::new(&Config::default()).unwrap();
        assert_eq!(options.goal, Goal::Ratio(Ratio::new(0.25).unwrap()));
        assert_eq!(options.criterion, Criterion::FirstOrder);
        assert_eq!(options.vocabulary, Vocabulary::All);
        assert_eq!(
            (options.calibration_examples, options.batch_size),
            (2048, 16)
        );
        let filled = filled_in(&Config::default());
        assert_eq!(filled.prune.pruned_ratio, Some(0.25));
        assert_eq!(Options::new(&filled).unwrap(), options);
    }

    #[test]
    fn targets_come_from_the_configuration() {
        let of = |change: fn(&mut Prune)| {
            let mut prune = Prune::default();
            change(&mut prune);
            target(&prune)
        };
        assert_eq!(of(|_| ()), None);
        assert_eq!(
            of(|p| p.target_speedup = Some(3.0)),
            Some(PruningTarget::Speedup(3.0))
        );
        assert_eq!(
            of(|p| p.budget = "8ms".parse().ok()),
            Some(PruningTarget::Latency(8.0))
        );
        assert_eq!(
            of(|p| p.params = Some(0.5)),
            Some(PruningTarget::Parameters(0.5))
        );
        assert_eq!(
            of(|p| p.bytes = "2kB".parse().ok()),
            Some(PruningTarget::Bytes(2000))
        );
    }

    #[test]
    fn a_target_brings_its_own_defaults() {
        let mut config = Config::default();
        config.prune.target_speedup = Some(3.0);
        let options = Options::new(&config).unwrap();
        assert_eq!(options.goal, Goal::Target(PruningTarget::Speedup(3.0)));
        assert_eq!(options.criterion, Criterion::Obs);
        assert_eq!(options.serving.precision.name(), "int8");
        assert_eq!(filled_in(&config).prune.pruned_ratio, None);
    }

    #[test]
    fn only_a_ratio_of_zero_leaves_the_vocabulary_alone_to_shrink() {
        let only = |ratio, vocabulary| {
            let mut config = Config::default();
            config.prune.pruned_ratio = ratio;
            config.prune.vocabulary = vocabulary;
            Options::new(&config).unwrap().vocabulary_only()
        };
        assert!(only(Some(0.0), KeptTokens::Used));
        assert!(!only(None, KeptTokens::Used) && !only(Some(0.0), KeptTokens::All));
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_key() {
        let refused = |change: fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            Options::new(&config).unwrap_err().to_string()
        };
        assert!(refused(|c| c.prune.pruned_ratio = Some(25.0)).contains("Prune.pruned_ratio"));
        assert!(refused(|c| c.prune.bytes = "0".parse().ok()).contains("Prune.bytes"));
        assert!(refused(|c| c.prune.vocabulary = KeptTokens::Corpus).contains("vocabulary_file"));
        assert!(refused(|c| c.prune.vocabulary_file = Some("a".into())).contains("corpus"));
        assert!(refused(|c| c.prune.calibration_examples = 0).contains("calibration_examples"));
        assert!(refused(|c| c.train.validation_ratio = 1.0).contains("validation_ratio"));
        assert!(refused(|c| c.global.batch_size = Some(0)).contains("Global.batch_size"));
    }
}
