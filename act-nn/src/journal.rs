//! The course of a training: what the loop tells on the way, and what of it is kept: mean losses at
//! regular steps and every evaluation, for the log, the report and the bar. Deterministic; knows no
//! clock.

use serde::{Deserialize, Serialize};

/// What the loop tells while it runs.
#[derive(Debug, Clone, PartialEq)]
pub enum TrainEvent {
    /// It begins, or goes on from a checkpoint.
    Begin {
        /// Steps done before.
        step: usize,
        /// Steps in all.
        total: usize,
    },
    /// After a step.
    Step {
        /// 1-based step.
        step: usize,
        /// Steps in all.
        total: usize,
        /// Loss of its batch.
        loss: f64,
        /// Its learning rate.
        learning_rate: f64,
        /// Tokens of its batch.
        tokens: usize,
    },
    /// After an evaluation.
    Evaluation {
        /// Steps done.
        step: usize,
        /// What is measured of the answers to the validation examples, or what the caller's judge says;
        /// larger is better.
        score: f64,
        /// True if it is the best so far.
        best: bool,
    },
}

/// Mean loss of the steps up to `step` since the point before.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LossPoint {
    /// 1-based step.
    pub step: usize,
    /// Mean loss.
    #[serde(with = "crate::exact")]
    pub loss: f64,
    /// Learning rate of that step.
    #[serde(with = "crate::exact")]
    pub learning_rate: f64,
}

/// One evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// Steps done.
    pub step: usize,
    /// As in [`TrainEvent::Evaluation`].
    #[serde(with = "crate::exact")]
    pub score: f64,
    /// True if it is the best so far.
    pub best: bool,
}

/// Losses and evaluations so far. As text it reads back to the last bit.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Journal {
    /// One point every so many steps, and one at the end.
    pub losses: Vec<LossPoint>,
    /// Every evaluation.
    pub evaluations: Vec<Evaluation>,
    window: Window,
}

/// Steps since the last point.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Window {
    #[serde(with = "crate::exact")]
    loss: f64,
    steps: usize,
}

impl Journal {
    /// True for what `steps` steps can have left.
    pub(crate) fn counts_at_most(&self, steps: usize) -> bool {
        let Self {
            losses,
            evaluations,
            window,
        } = self;
        losses.len() <= steps
            && evaluations.len() <= steps
            && window.steps <= steps
            && losses.iter().all(|point| point.step <= steps)
            && evaluations
                .iter()
                .all(|evaluation| evaluation.step <= steps)
    }

    /// Takes note of an event; losses become a point every `log_every` steps, and at the last.
    pub fn note(&mut self, event: &TrainEvent, log_every: usize) {
        match *event {
            TrainEvent::Begin { .. } => {}
            TrainEvent::Step {
                step,
                total,
                loss,
                learning_rate,
                ..
            } => {
                self.window.loss += loss;
                self.window.steps += 1;
                if step.is_multiple_of(log_every) || step == total {
                    self.losses.push(LossPoint {
                        step,
                        loss: self.window.loss / self.window.steps as f64,
                        learning_rate,
                    });
                    self.window = Window::default();
                }
            }
            TrainEvent::Evaluation { step, score, best } => {
                self.evaluations.push(Evaluation { step, score, best });
            }
        }
    }

    /// The point that ends with this step, if it has just been made.
    pub fn point_at(&self, step: usize) -> Option<&LossPoint> {
        self.losses.last().filter(|point| point.step == step)
    }

    /// Mean loss since the last point, or of it when it has just been made.
    pub fn loss(&self) -> Option<f64> {
        match self.window.steps {
            0 => self.losses.last().map(|point| point.loss),
            steps => Some(self.window.loss / steps as f64),
        }
    }

    /// Best score so far.
    pub fn best_score(&self) -> Option<f64> {
        let best = self.evaluations.iter().rfind(|e| e.best)?;
        Some(best.score)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal(losses: &[f64]) -> Journal {
        let mut journal = Journal::default();
        for (step, &loss) in (1..).zip(losses) {
            let step = TrainEvent::Step {
                step,
                total: 5,
                loss,
                learning_rate: 0.1 * step as f64,
                tokens: 10,
            };
            journal.note(&step, 2);
        }
        journal
    }

    fn evaluation(score: f64, best: bool) -> TrainEvent {
        let step = 3;
        TrainEvent::Evaluation { step, score, best }
    }

    #[test]
    fn points_are_means_over_their_steps_and_the_last_steps_are_not_lost() {
        assert_eq!(journal(&[]).loss(), None);
        let journal = journal(&[4.0, 2.0, 1.0, 2.0, 7.0]);
        let points: Vec<_> = journal.losses.iter().map(|p| (p.step, p.loss)).collect();
        assert_eq!(points, [(2, 3.0), (4, 1.5), (5, 7.0)]);
        assert_eq!(journal.loss(), Some(7.0));
        assert!(journal.point_at(5).is_some() && journal.point_at(4).is_none());
    }

    #[test]
    fn as_text_it_keeps_every_bit() {
        let mut journal = journal(&[1.0, 1.0 / 2.0, 1.0 / 3.0]);
        journal.note(&evaluation(1.0 / 3.0, true), 2);
        let text = serde_json::to_string(&journal).unwrap();
        assert_eq!(serde_json::from_str::<Journal>(&text).unwrap(), journal);
    }

    #[test]
    fn the_best_score_is_the_last_one_called_best() {
        let mut journal = journal(&[]);
        for (score, best) in [(0.5, true), (0.7, true), (0.6, false)] {
            journal.note(&evaluation(score, best), 2);
        }
        assert_eq!(journal.best_score(), Some(0.7));
    }
}
