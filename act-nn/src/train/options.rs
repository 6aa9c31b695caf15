//! Hyper-parameters of the training loop, checked.

use act_core::{Error, Result, Seed};

use crate::batches;
use crate::optim::OptimizerOptions;
use crate::schedule::Schedule;

/// Hyper-parameters of the training loop.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainOptions {
    /// Passes over the data.
    pub epochs: usize,
    /// Upper bound of steps.
    pub max_steps: Option<usize>,
    /// Sequences a step.
    pub batch_size: usize,
    /// Sequences computed together on one thread; changes results by rounding, threads do not.
    /// `None`: 8 on a CPU, so that every core has some, and as many as 64 on a GPU.
    pub micro_batch: Option<usize>,
    /// Steps between evaluations; `None`: once an epoch.
    pub eval_every: Option<usize>,
    /// Steps between the journal's points.
    pub log_every: usize,
    /// The learning rate of every step.
    pub learning_rate: Schedule,
    /// Share of steps over which it rises from 0.
    pub warmup_ratio: f64,
    /// The optimiser.
    pub optimizer: OptimizerOptions,
    /// Dropout probability.
    pub dropout: f64,
    /// Products of matrices in bfloat16, where the device gains by it ([`crate::mixes_precision`]).
    pub mixed_precision: bool,
    /// Stop when the score exceeds this.
    pub target_score: Option<f64>,
    /// Stop after so many evaluations without a better one.
    pub patience: Option<usize>,
    /// Threads; results do not depend on it (on CPU).
    pub threads: usize,
    /// Seed of order and dropout.
    pub seed: Seed,
}

impl TrainOptions {
    /// Which of `examples` a run trains on at most, by index and in order: all of them, unless it
    /// ends within its first pass.
    pub fn visited(&self, examples: usize) -> Vec<usize> {
        match self.max_steps {
            Some(steps) if steps < examples.div_ceil(self.batch_size.max(1)) => {
                let batches = batches::epoch(examples, self.batch_size, self.seed, 0);
                let mut visited = batches[..steps].concat();
                visited.sort_unstable();
                visited
            }
            _ => (0..examples).collect(),
        }
    }

    /// Refuses what no run can be made of. The configuration has already judged values by key.
    pub(crate) fn check(&self) -> Result<()> {
        let refuse = |what: &str| Err(Error::usage(format!("training: {what}")));
        if self.epochs == 0 || self.max_steps == Some(0) {
            return refuse("there must be at least one epoch and one step");
        }
        if self.batch_size == 0 || self.micro_batch == Some(0) {
            return refuse("batch size and micro-batch must be at least 1");
        }
        if self.eval_every == Some(0) || self.log_every == 0 || self.patience == Some(0) {
            return refuse(
                "steps between evaluations and log lines, and patience, must be at least 1",
            );
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return refuse(&format!("dropout {} is not in 0..1", self.dropout));
        }
        if !(0.0..=1.0).contains(&self.warmup_ratio) {
            return refuse(&format!(
                "warm-up ratio {} is not in 0..=1",
                self.warmup_ratio
            ));
        }
        let rate = self.learning_rate.rate(1, 0.0, 1);
        for (name, value) in [
            ("learning rate", rate),
            ("gradient clipping", self.optimizer.grad_clip),
        ] {
            if !(value.is_finite() && value >= 0.0) {
                return refuse(&format!("{name} {value} is not a number of at least 0"));
            }
        }
        Ok(())
    }
}
