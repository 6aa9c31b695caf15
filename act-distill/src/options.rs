//! What the configuration says about training, checked.

use act_core::metrics::{Measure, Metric};
use act_core::{Result, Seed, TaskInfo};
use act_nn::TrainOptions;
use act_stage::config::{ClassWeights, Config, Distillation};

/// Settings of one training.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The loop's own.
    pub training: TrainOptions,
    /// Losses against a teacher; `None` without one: the labels alone.
    pub losses: Option<Distillation>,
    /// Share of train held out to choose the best weights.
    pub validation_ratio: f64,
    /// Seed of the choice of that share.
    pub seed: Seed,
    /// What chooses the best weights; `None`: the task's own ([`Metric::of_task`]).
    pub metric: Option<Metric>,
    /// How much the examples of each class weigh in the loss with the labels.
    pub class_weights: Option<ClassWeights>,
    /// Gamma of the focal loss; 0: cross-entropy.
    pub focal_gamma: f64,
    /// What the original model is said to have of it.
    pub origin_metric: Option<f64>,
}

impl Options {
    /// The metric on a task, whose thresholds are still to be chosen.
    ///
    /// # Errors
    /// Usage, naming the key: it does not judge such answers, or not of so many classes.
    pub fn measure(&self, task: &TaskInfo) -> Result<Measure> {
        let measure = Measure::of_task(self.metric, task);
        let measure = measure.map_err(|e| e.context("TrainConfig.metric"))?;
        Ok(measure.fitted())
    }

    /// From the sections `TrainConfig`, `Distillation` and `Global`; errors name the key.
    pub fn new(config: &Config, has_teacher: bool, seed: Seed, threads: usize) -> Result<Self> {
        let train = &config.train;
        let training_seed = train.seed.map_or(seed, Seed).derive("distill.train");
        Ok(Self {
            training: act_train::train_options(config, training_seed, threads)?,
            losses: has_teacher.then(|| config.distillation.clone()),
            validation_ratio: train.validation_ratio,
            seed,
            metric: train.metric,
            class_weights: train.class_weights.clone(),
            focal_gamma: train.focal_gamma.unwrap_or(0.0),
            origin_metric: train.origin_metric,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(change: impl Fn(&mut Config), has_teacher: bool) -> Result<Options> {
        let mut config = Config::default();
        change(&mut config);
        Options::new(&config, has_teacher, Seed(42), 2)
    }

    #[test]
    fn the_loops_batch_size_wins_over_the_global_one() {
        let size = |global, train| {
            let options = options(
                |c| {
                    c.global.batch_size = global;
                    c.train.batch_size = train;
                },
                false,
            );
            options.unwrap().training.batch_size
        };
        assert_eq!(size(None, None), 16);
        assert_eq!(size(Some(32), None), 32);
        assert_eq!(size(Some(32), Some(8)), 8);
    }

    #[test]
    fn accumulation_makes_larger_steps_and_a_seed_of_its_own_another_order() {
        let change = |c: &mut Config| {
            c.train.gradient_accumulation = 4;
            c.train.seed = Some(7);
        };
        let (plain, changed) = (options(|_| (), false), options(change, false));
        let (plain, changed) = (plain.unwrap(), changed.unwrap());
        assert_eq!(changed.training.batch_size, 64);
        assert_ne!(changed.training.seed, plain.training.seed);
        assert_eq!(changed.seed, plain.seed, "the held-out share stays");
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_key() {
        let refused = |change: fn(&mut Config)| options(change, true).unwrap_err().to_string();
        assert!(refused(|c| c.train.epochs = 0).contains("TrainConfig.epochs"));
        assert!(refused(|c| c.train.dropout = 1.0).contains("TrainConfig.dropout"));
        assert!(refused(|c| c.distillation.logits = Some(-1.0)).contains("Distillation.logits"));
        let target = |c: &mut Config| {
            c.train.validation_ratio = 0.0;
            c.train.target_metric = Some(0.9);
        };
        assert!(refused(target).contains("TrainConfig.target_metric"));
    }
}
