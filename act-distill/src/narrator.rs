//! Tells a training while it runs: bars with loss, learning rate, speed and accuracy; log lines
//! for evaluations; and the user's wish to stop, asked for at every event.

use std::time::Instant;

use act_nn::{Journal, TrainEvent};
use act_stage::{Bar, Context};

use crate::Event;
use crate::metrics::Metrics;

/// Turns [`Event`]s into progress and log lines.
pub struct Narrator<'a> {
    ctx: &'a Context,
    bar: Option<(&'static str, Bar)>,
    metrics: Option<Metrics>,
    /// Steps done by the runs that this one goes on from.
    resumed: usize,
    tokens: usize,
    since: Instant,
}

impl<'a> Narrator<'a> {
    /// Nothing told yet; `metrics` are told what happens as well.
    pub fn new(ctx: &'a Context, metrics: Option<Metrics>) -> Self {
        Self {
            ctx,
            bar: None,
            metrics,
            resumed: 0,
            tokens: 0,
            since: Instant::now(),
        }
    }

    /// Tells one event; `false` once the user has asked to stop.
    pub fn tell(&mut self, event: Event<'_>) -> bool {
        match event {
            Event::Answered { who, done, total } => self.bar(who, total).advance(done as u64),
            Event::Begins { step } => self.begins(step),
            Event::Training(event, journal) => {
                self.training(event, journal);
                if let Some(metrics) = &mut self.metrics {
                    metrics.tell(event, journal);
                }
            }
        }
        !act_stage::interrupted()
    }

    /// Ends the last bar.
    pub fn finish(self) {
        if let Some((_, bar)) = self.bar {
            bar.finish();
        }
    }

    fn begins(&mut self, step: usize) {
        self.resumed = step;
        if step > 0 {
            log::info!("going on from the checkpoint at step {step}");
        }
        if let Some(Err(error)) = self.metrics.as_mut().map(|metrics| metrics.begin(step)) {
            log::warn!("--metrics: {error}");
            self.metrics = None;
        }
    }

    fn training(&mut self, event: &TrainEvent, journal: &Journal) {
        match *event {
            TrainEvent::Step {
                step,
                total,
                learning_rate,
                tokens,
                ..
            } => {
                let left = total - self.resumed;
                self.bar("training", left);
                self.tokens += tokens;
                let speed = self.tokens as f64 / self.since.elapsed().as_secs_f64();
                let text = message(journal, learning_rate, speed);
                if journal
                    .losses
                    .last()
                    .is_some_and(|point| point.step == step)
                {
                    log::debug!("step {step}/{total}: {text}");
                    (self.tokens, self.since) = (0, Instant::now());
                }
                let bar = self.bar("training", left);
                bar.message(&text);
                bar.advance(1);
            }
            TrainEvent::Evaluation {
                step,
                accuracy,
                best,
            } => {
                let mark = if best { ", the best so far" } else { "" };
                log::info!("step {step}: validation accuracy {accuracy:.4}{mark}");
            }
        }
    }

    /// The bar called `what`, begun when it is not the one that shows.
    fn bar(&mut self, what: &'static str, total: usize) -> &Bar {
        if self.bar.as_ref().is_none_or(|(shown, _)| *shown != what) {
            if let Some((_, bar)) = self.bar.take() {
                bar.finish();
            }
            (self.tokens, self.since) = (0, Instant::now());
        }
        let ctx = self.ctx;
        let (_, bar) = self
            .bar
            .get_or_insert_with(|| (what, ctx.bar(what, total as u64)));
        bar
    }
}

/// `loss 0.5312, lr 1.9e-5, 8120 tokens/s, accuracy 0.7031`
fn message(journal: &Journal, learning_rate: f64, tokens_per_second: f64) -> String {
    let mut text = format!(
        "loss {:.4}, lr {learning_rate:.1e}, {tokens_per_second:.0} tokens/s",
        journal.loss().unwrap_or(f64::NAN)
    );
    if let Some(accuracy) = journal.best_accuracy() {
        text += &format!(", accuracy {accuracy:.4}");
    }
    text
}
