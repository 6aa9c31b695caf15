//! From the sections `TrainConfig` and `Global` to the training loop's own options.

use act_core::{Result, Seed};
use act_nn::{Decay, OptimizerOptions, Schedule, TrainOptions, UpdateRule};
use act_stage::config::{
    Config, LearningRate, LrDecay, OptimizerBuilder, OptimizerKind, Scheduler,
};

/// What the configuration says about the loop; `seed` is that of order and dropout.
///
/// # Errors
/// Usage, naming the key.
pub fn train_options(config: &Config, seed: Seed, threads: usize) -> Result<TrainOptions> {
    config.check()?;
    let train = &config.train;
    train.check_together()?;
    let batch_size = config.training_batch_size();
    Ok(TrainOptions {
        epochs: train.epochs,
        max_steps: train.train_iter,
        // The gradient of several batches is that of one batch as large as all of them.
        batch_size: batch_size.saturating_mul(train.gradient_accumulation),
        micro_batch: train.micro_batch.map(|sequences| sequences.min(batch_size)),
        eval_every: train.eval_iter,
        log_every: train.logging_iter,
        learning_rate: schedule(&train.learning_rate, train.decay()),
        warmup_ratio: train.warmup(),
        optimizer: optimizer_options(&train.optimizer_builder),
        dropout: train.dropout,
        mixed_precision: train.amp_config.is_some(),
        target_score: train.target_metric,
        patience: train.patience,
        threads,
        seed,
    })
}

/// Paddle's optimisers as the loop has them.
pub fn optimizer_options(builder: &OptimizerBuilder) -> OptimizerOptions {
    let optimizer = &builder.optimizer;
    let rule = match optimizer.kind {
        OptimizerKind::AdamW | OptimizerKind::Adam => UpdateRule::Adam {
            beta1: optimizer.beta1(),
            beta2: optimizer.beta2(),
            eps: optimizer.epsilon(),
            weight_decay: builder.decoupled_decay(),
        },
        OptimizerKind::Momentum => UpdateRule::Momentum {
            momentum: optimizer.momentum(),
            nesterov: optimizer.use_nesterov(),
        },
        OptimizerKind::Sgd => UpdateRule::Sgd,
    };
    let (l1, l2) = builder.penalties();
    OptimizerOptions {
        rule,
        l1,
        l2,
        grad_clip: builder.grad_clip,
    }
}

/// A learning rate; `decay` shapes one that is a number.
fn schedule(rate: &LearningRate, decay: LrDecay) -> Schedule {
    match rate {
        LearningRate::Peak(rate) => Schedule::Peak {
            rate: *rate,
            decay: match decay {
                LrDecay::Linear => Decay::Linear,
                LrDecay::Cosine => Decay::Cosine,
                LrDecay::Constant => Decay::Constant,
            },
        },
        LearningRate::Scheduled(scheduler) => scheduled(scheduler.clone()),
    }
}

/// Paddle's schedulers as the loop has them.
fn scheduled(scheduler: Scheduler) -> Schedule {
    use Scheduler::*;
    match scheduler {
        PiecewiseDecay { boundaries, values } => Schedule::Piecewise { boundaries, values },
        CosineAnnealingDecay {
            learning_rate: from,
            t_max: steps,
            eta_min: to,
        } => Schedule::Cosine { from, to, steps },
        PolynomialDecay {
            learning_rate: from,
            decay_steps: steps,
            end_lr: to,
            power,
            cycle,
        } => Schedule::Polynomial {
            from,
            to,
            steps,
            power,
            cycle,
        },
        LinearWarmup {
            learning_rate,
            warmup_steps: steps,
            start_lr: from,
            end_lr: to,
        } => Schedule::Rise {
            from,
            to,
            steps,
            // Within a scheduler of Paddle's a number stays what it is.
            then: Box::new(schedule(&learning_rate, LrDecay::Constant)),
        },
        ExponentialDecay {
            learning_rate: rate,
            gamma,
        } => Schedule::Exponential {
            rate,
            gamma,
            every: 1,
        },
        StepDecay {
            learning_rate: rate,
            step_size: every,
            gamma,
        } => Schedule::Exponential { rate, gamma, every },
        MultiStepDecay {
            learning_rate,
            milestones: boundaries,
            gamma,
        } => {
            let rate = |passed| learning_rate * gamma.powf(passed as f64);
            Schedule::Piecewise {
                values: (0..=boundaries.len()).map(rate).collect(),
                boundaries,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(flags: &[&str]) -> TrainOptions {
        let flags: Vec<String> = flags.iter().map(|f| format!("TrainConfig.{f}")).collect();
        let config = Config::load(None, &flags).unwrap();
        train_options(&config, Seed(1), 1).unwrap()
    }

    #[test]
    fn an_optimiser_has_paddles_defaults_and_the_penalty_that_it_was_given() {
        let of = |builder: &str| options(&[&format!("optimizer_builder={builder}")]).optimizer;
        let adam = |weight_decay| UpdateRule::Adam {
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            weight_decay,
        };
        let plain = of("{}");
        assert_eq!(
            (plain.rule, plain.l2, plain.grad_clip),
            (adam(0.01), 0.0, 1.0)
        );
        let adamw = of("{optimizer: {type: AdamW}, weight_decay: 0.1, grad_clip: 0}");
        assert_eq!(
            (adamw.rule, adamw.l2, adamw.grad_clip),
            (adam(0.1), 0.0, 0.0)
        );
        let penalised = of("{optimizer: {type: Adam}, regularizer: {type: L1Decay, coeff: 0.1}}");
        assert_eq!(
            (penalised.rule, penalised.l1, penalised.l2),
            (adam(0.0), 0.1, 0.0)
        );
        let sgd = of("{optimizer: {type: SGD}, weight_decay: 0.1}");
        assert_eq!((sgd.rule, sgd.l1, sgd.l2), (UpdateRule::Sgd, 0.0, 0.1));
        let momentum = of("{optimizer: {type: Momentum, use_nesterov: true}}").rule;
        let expected = UpdateRule::Momentum {
            momentum: 0.9,
            nesterov: true,
        };
        assert_eq!(momentum, expected);
    }

    #[test]
    fn a_number_is_a_peak_and_milestones_are_boundaries() {
        let default = options(&[]);
        let peak = Schedule::Peak {
            rate: 2e-5,
            decay: Decay::Linear,
        };
        assert_eq!((default.learning_rate, default.warmup_ratio), (peak, 0.1));
        let milestones =
            "{type: MultiStepDecay, learning_rate: 0.5, milestones: [1, 4], gamma: 0.5}";
        let stepped = options(&[&format!("learning_rate={milestones}")]);
        let expected = Schedule::Piecewise {
            boundaries: vec![1, 4],
            values: vec![0.5, 0.25, 0.125],
        };
        assert_eq!(
            (stepped.learning_rate, stepped.warmup_ratio),
            (expected, 0.0)
        );
    }

    #[test]
    fn a_number_within_a_warm_up_stays_what_it_is() {
        let rise =
            "{type: LinearWarmup, learning_rate: 0.5, warmup_steps: 2, start_lr: 0.1, end_lr: 0.5}";
        let flags = [&format!("learning_rate={rise}")[..]];
        let expected = Schedule::Rise {
            from: 0.1,
            to: 0.5,
            steps: 2,
            then: Box::new(Schedule::Peak {
                rate: 0.5,
                decay: Decay::Constant,
            }),
        };
        assert_eq!(options(&flags).learning_rate, expected);
    }
}
