//! Tells a training while it runs: progress with loss, learning rate, speed and the best score; log
//! lines for evaluations; metrics. Passes on the user's wish to stop.

use std::time::Instant;

use act_core::{Progress, Result};
use act_nn::{Journal, TrainEvent};

use crate::metrics::MetricsFile;
use crate::score::Scored;

/// Turns the loop's events into progress, log lines and metrics.
pub(crate) struct Narrator<'a> {
    progress: &'a dyn Progress,
    metrics: Option<&'a mut MetricsFile>,
    scored: Scored,
    /// Tokens computed since the last logged step.
    tokens: usize,
    since: Instant,
}

impl<'a> Narrator<'a> {
    /// Nothing told yet.
    pub(crate) fn new(
        progress: &'a dyn Progress,
        metrics: Option<&'a mut MetricsFile>,
        scored: Scored,
    ) -> Self {
        Self {
            progress,
            metrics,
            scored,
            tokens: 0,
            since: Instant::now(),
        }
    }

    /// Tells one event.
    ///
    /// # Errors
    /// Interrupted, once the user has asked to stop.
    pub(crate) fn tell(&mut self, event: &TrainEvent, journal: &Journal) -> Result<()> {
        match *event {
            TrainEvent::Begin { step, total } => {
                self.begin(step, total);
                self.progress.advance(0)
            }
            TrainEvent::Step {
                step,
                total,
                learning_rate,
                tokens,
                ..
            } => {
                self.tokens += tokens;
                let speed = self.tokens as f64 / self.since.elapsed().as_secs_f64().max(1e-9);
                let words = self.words(journal, learning_rate, speed);
                if let Some(point) = journal.point_at(step) {
                    log::debug!("step {step}/{total}: {words}");
                    if let Some(metrics) = &mut self.metrics {
                        metrics.step(point, total, speed);
                    }
                    (self.tokens, self.since) = (0, Instant::now());
                } else {
                    log::trace!("step {step}/{total}: {words}");
                }
                self.progress.say(&words);
                self.progress.advance(1)
            }
            TrainEvent::Evaluation { step, score, best } => {
                let mark = if best { ", the best so far" } else { "" };
                log::info!("step {step}: validation {}{mark}", self.scored.words(score));
                if let Some(metrics) = &mut self.metrics {
                    metrics.evaluation(step, self.scored, score, best);
                }
                self.progress.advance(0)
            }
        }
    }

    fn begin(&mut self, step: usize, total: usize) {
        if step > 0 {
            log::info!("going on from the checkpoint at step {step}");
        }
        if let Some(Err(error)) = self.metrics.as_mut().map(|metrics| metrics.begin(step)) {
            log::warn!("--metrics: {error}");
            self.metrics = None;
        }
        self.progress.begin("training", total - step);
        self.since = Instant::now();
    }

    /// `loss 0.5312, lr 1.9e-5, 8120 tokens/s, accuracy 0.7031`
    fn words(&self, journal: &Journal, learning_rate: f64, tokens_per_second: f64) -> String {
        let mut words = format!(
            "loss {:.4}, lr {learning_rate:.1e}, {tokens_per_second:.0} tokens/s",
            journal.loss().unwrap_or(f64::NAN)
        );
        if let Some(score) = journal.best_score() {
            words += &format!(", {}", self.scored.words(score));
        }
        words
    }
}
