//! What the configuration says about pruning, checked.

use act_core::Result;
use act_core::config::Config;

use crate::ratio::Ratio;

/// Sequences a batch when the configuration names no number; PaddleSlim's configs all say 16.
const BATCH_SIZE: usize = 16;

/// Settings of one pruning.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Share of heads and neurons to remove from every layer.
    pub ratio: Ratio,
    /// Training examples on which importance is measured.
    pub calibration_examples: usize,
    /// Share of train that training holds out; importance is not measured on it.
    pub validation_ratio: f64,
    /// Examples a batch. It matters: importance sums absolute values over batches.
    pub batch_size: usize,
}

impl Options {
    /// From the sections `Prune`, `Global` and `TrainConfig`; errors name the key.
    pub fn new(config: &Config) -> Result<Self> {
        config.check()?;
        Ok(Self {
            ratio: Ratio::new(config.prune.pruned_ratio)?,
            calibration_examples: config.prune.calibration_examples,
            validation_ratio: config.train.validation_ratio,
            batch_size: batch_size(config),
        })
    }
}

/// Examples a batch: the global number, else PaddleSlim's usual.
pub fn batch_size(config: &Config) -> usize {
    config.global.batch_size.unwrap_or(BATCH_SIZE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_paddleslims() {
        let options = Options::new(&Config::default()).unwrap();
        assert_eq!(options.ratio.value(), 0.25);
        assert_eq!(
            (options.calibration_examples, options.batch_size),
            (2048, 16)
        );
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_key() {
        let refused = |change: fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            Options::new(&config).unwrap_err().to_string()
        };
        assert!(refused(|c| c.prune.pruned_ratio = 25.0).contains("Prune.pruned_ratio"));
        assert!(refused(|c| c.prune.prune_algo = "asp".into()).contains("Prune.prune_algo"));
        assert!(refused(|c| c.prune.calibration_examples = 0).contains("calibration_examples"));
        assert!(refused(|c| c.train.validation_ratio = 1.0).contains("validation_ratio"));
        assert!(refused(|c| c.global.batch_size = Some(0)).contains("Global.batch_size"));
    }
}
