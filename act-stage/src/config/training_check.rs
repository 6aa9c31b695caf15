//! Which values `TrainConfig` allows: each key by itself, and the keys that must agree.

use super::check::{at_least, below_one, must, not_negative};
use super::choices::OptimizerKind;
use super::class_weights::ClassWeights;
use super::training::{LearningRate, OptimizerBuilder, Scheduler, TrainConfig};
use act_core::error::{Error, Result};
use act_core::metrics::Metric;

const BUILDER: &str = "TrainConfig.optimizer_builder";
const RATE: &str = "TrainConfig.learning_rate";

impl TrainConfig {
    /// Checks every value by itself.
    pub fn check(&self) -> Result<()> {
        at_least("TrainConfig.epochs", Some(self.epochs), 1)?;
        at_least("TrainConfig.train_iter", self.train_iter, 1)?;
        at_least("TrainConfig.eval_iter", self.eval_iter, 1)?;
        at_least("TrainConfig.logging_iter", Some(self.logging_iter), 1)?;
        at_least("TrainConfig.batch_size", self.batch_size, 1)?;
        let accumulated = Some(self.gradient_accumulation);
        at_least("TrainConfig.gradient_accumulation", accumulated, 1)?;
        at_least("TrainConfig.micro_batch", self.micro_batch, 1)?;
        at_least("TrainConfig.patience", self.patience, 1)?;
        self.learning_rate.check()?;
        below_one("TrainConfig.warmup_ratio", self.warmup_ratio.unwrap_or(0.0))?;
        below_one("TrainConfig.dropout", self.dropout)?;
        below_one("TrainConfig.validation_ratio", self.validation_ratio)?;
        below_one("TrainConfig.judge_ratio", self.judge_ratio.unwrap_or(0.0))?;
        metric("TrainConfig.origin_metric", self.origin_metric)?;
        metric("TrainConfig.target_metric", self.target_metric)?;
        self.class_weights
            .iter()
            .try_for_each(ClassWeights::check)?;
        let gamma = self.focal_gamma.unwrap_or(0.0);
        let allowed = (0.0..=10.0).contains(&gamma);
        must("TrainConfig.focal_gamma", gamma, allowed, "0 to 10")?;
        self.optimizer_builder.check()
    }

    /// Checks what keys say of each other.
    pub fn check_together(&self) -> Result<()> {
        if let (LearningRate::Scheduled(_), Some(_)) = (&self.learning_rate, self.lr_decay) {
            return Err(Error::usage(format!(
                "{RATE} is a schedule and TrainConfig.lr_decay shapes a number: keep one of them"
            )));
        }
        // A task's own metric is known only with its model.
        let least = self.metric.map_or(-1.0, Metric::least);
        let title = self.metric.map_or("the task's metric", Metric::title);
        for (key, value) in [
            ("TrainConfig.origin_metric", self.origin_metric),
            ("TrainConfig.target_metric", self.target_metric),
        ] {
            let value = value.unwrap_or(least);
            let allowed = format!("a value of {title}, {least} to 1");
            must(key, value, value >= least, &allowed)?;
        }
        let needs_validation = [
            ("target_metric", self.target_metric.is_some()),
            ("patience", self.patience.is_some()),
        ];
        for (key, given) in needs_validation {
            if given && self.validation_ratio == 0.0 {
                return Err(Error::usage(format!(
                    "TrainConfig.{key} needs validation examples, and \
                     TrainConfig.validation_ratio is 0: give a share of train (0.05)"
                )));
            }
        }
        self.optimizer_builder.check_together()
    }
}

impl LearningRate {
    fn check(&self) -> Result<()> {
        match self {
            LearningRate::Peak(rate) => positive(RATE, *rate),
            LearningRate::Scheduled(scheduler) => scheduler.check(),
        }
    }
}

impl Scheduler {
    fn check(&self) -> Result<()> {
        use Scheduler::*;
        let of = |key: &str| format!("{RATE}.{key}");
        let steps = |key: &str, steps: Option<usize>| at_least(&of(key), steps, 1);
        if let CosineAnnealingDecay { learning_rate, .. }
        | PolynomialDecay { learning_rate, .. }
        | ExponentialDecay { learning_rate, .. }
        | StepDecay { learning_rate, .. }
        | MultiStepDecay { learning_rate, .. } = self
        {
            positive(&of("learning_rate"), *learning_rate)?;
        }
        if let ExponentialDecay { gamma, .. }
        | StepDecay { gamma, .. }
        | MultiStepDecay { gamma, .. } = self
        {
            positive(&of("gamma"), *gamma)?;
        }
        match self {
            PiecewiseDecay { boundaries, values } => {
                let (of_values, of_boundaries) = (values.len(), boundaries.len());
                if of_values != of_boundaries + 1 {
                    return Err(Error::usage(format!(
                        "{RATE}: {of_values} values for {of_boundaries} boundaries; give one value \
                         more than boundaries"
                    )));
                }
                increasing(&of("boundaries"), boundaries)?;
                let mut values = values.iter();
                values.try_for_each(|value| positive(&of("values"), *value))
            }
            CosineAnnealingDecay { t_max, eta_min, .. } => {
                steps("T_max", *t_max)?;
                rate_or_zero(&of("eta_min"), *eta_min)
            }
            PolynomialDecay {
                decay_steps,
                end_lr,
                power,
                ..
            } => {
                steps("decay_steps", *decay_steps)?;
                rate_or_zero(&of("end_lr"), *end_lr)?;
                must(&of("power"), power, *power > 0.0, "above 0")
            }
            LinearWarmup {
                learning_rate,
                warmup_steps,
                start_lr,
                end_lr,
            } => {
                learning_rate.check()?;
                steps("warmup_steps", Some(*warmup_steps))?;
                rate_or_zero(&of("start_lr"), *start_lr)?;
                positive(&of("end_lr"), *end_lr)?;
                let rises = start_lr < end_lr;
                must(&of("start_lr"), start_lr, rises, "less than end_lr")
            }
            ExponentialDecay { .. } => Ok(()),
            StepDecay { step_size, .. } => steps("step_size", Some(*step_size)),
            MultiStepDecay { milestones, .. } => increasing(&of("milestones"), milestones),
        }
    }
}

impl OptimizerBuilder {
    /// Checks every value by itself.
    pub fn check(&self) -> Result<()> {
        let optimizer = &self.optimizer;
        let of = |key: &str| format!("{BUILDER}.optimizer.{key}");
        below_one(&of("beta1"), optimizer.beta1())?;
        below_one(&of("beta2"), optimizer.beta2())?;
        below_one(&of("momentum"), optimizer.momentum())?;
        let epsilon = optimizer.epsilon();
        must(&of("epsilon"), epsilon, epsilon > 0.0, "above 0")?;
        not_negative(
            &format!("{BUILDER}.weight_decay"),
            self.weight_decay.unwrap_or(0.0),
        )?;
        if let Some(penalty) = &self.regularizer {
            let key = format!("{BUILDER}.regularizer.coeff");
            must(&key, penalty.coeff, penalty.coeff > 0.0, "above 0")?;
        }
        not_negative(&format!("{BUILDER}.grad_clip"), self.grad_clip)
    }

    fn check_together(&self) -> Result<()> {
        let optimizer = &self.optimizer;
        let kind = optimizer.kind;
        let is_adam = matches!(kind, OptimizerKind::Adam | OptimizerKind::AdamW);
        let has_velocity = kind == OptimizerKind::Momentum;
        let belongs = [
            ("beta1", is_adam || optimizer.beta1.is_none()),
            ("beta2", is_adam || optimizer.beta2.is_none()),
            ("epsilon", is_adam || optimizer.epsilon.is_none()),
            ("momentum", has_velocity || optimizer.momentum.is_none()),
            (
                "use_nesterov",
                has_velocity || optimizer.use_nesterov.is_none(),
            ),
        ];
        if let Some((key, _)) = belongs.iter().find(|(_, fits)| !fits) {
            return Err(Error::usage(format!(
                "{BUILDER}.optimizer: {kind} has no {key}; leave it out"
            )));
        }
        let decouples = kind == OptimizerKind::AdamW;
        if !decouples && self.weight_decay.is_some() && self.regularizer.is_some() {
            return Err(Error::usage(format!(
                "{BUILDER}: weight_decay and regularizer are the same penalty for {kind}; keep one"
            )));
        }
        Ok(())
    }
}

/// A value of whichever metric it is of.
fn metric(key: &str, value: Option<f64>) -> Result<()> {
    let value = value.unwrap_or(0.0);
    let allowed = "a value of the metric, 0 to 1 (a correlation: -1 to 1)";
    must(key, value, (-1.0..=1.0).contains(&value), allowed)
}

fn positive(key: &str, value: f64) -> Result<()> {
    must(
        key,
        value,
        value > 0.0 && value <= 1.0,
        "above 0, at most 1",
    )
}

fn rate_or_zero(key: &str, value: f64) -> Result<()> {
    must(key, value, (0.0..=1.0).contains(&value), "0 to 1")
}

fn increasing(key: &str, steps: &[usize]) -> Result<()> {
    if steps.is_sorted_by(|a, b| a < b) {
        Ok(())
    } else {
        Err(Error::usage(format!("{key}: the steps must increase")))
    }
}
