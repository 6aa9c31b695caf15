//! The course of a training: mean losses at regular steps and every evaluation, for the log, the
//! report and the bar. Deterministic; knows no clock.

use serde::Serialize;

use super::TrainEvent;

/// Mean loss of the steps up to `step` since the point before.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LossPoint {
    /// 1-based step.
    pub step: usize,
    /// Mean loss.
    pub loss: f64,
    /// Learning rate of that step.
    pub learning_rate: f64,
}

/// One evaluation on the validation examples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Evaluation {
    /// Steps done.
    pub step: usize,
    /// Share of right answers.
    pub accuracy: f64,
    /// True if it is the best so far.
    pub best: bool,
}

/// Losses and evaluations so far.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Journal {
    /// One point every `logging_iter` steps.
    pub losses: Vec<LossPoint>,
    /// Every evaluation.
    pub evaluations: Vec<Evaluation>,
    #[serde(skip)]
    logging_iter: usize,
    #[serde(skip)]
    window: Window,
}

/// Steps since the last point.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Window {
    loss: f64,
    steps: usize,
}

impl Journal {
    /// An empty journal with a point every `logging_iter` steps.
    pub fn new(logging_iter: usize) -> Self {
        Self {
            losses: Vec::new(),
            evaluations: Vec::new(),
            logging_iter,
            window: Window::default(),
        }
    }

    /// Takes note of an event.
    pub fn note(&mut self, event: &TrainEvent) {
        match *event {
            TrainEvent::Step {
                step,
                total,
                loss,
                learning_rate,
                ..
            } => {
                self.window.loss += loss;
                self.window.steps += 1;
                if step % self.logging_iter == 0 || step == total {
                    self.losses.push(LossPoint {
                        step,
                        loss: self.window.loss / self.window.steps as f64,
                        learning_rate,
                    });
                    self.window = Window::default();
                }
            }
            TrainEvent::Evaluation {
                step,
                accuracy,
                best,
            } => self.evaluations.push(Evaluation {
                step,
                accuracy,
                best,
            }),
        }
    }

    /// The journal as lines of text that [`Journal::restore`] reads back to the last bit.
    pub fn notes(&self) -> Vec<String> {
        let loss = |p: &LossPoint| format!("loss {} {:?} {:?}", p.step, p.loss, p.learning_rate);
        let evaluation =
            |e: &Evaluation| format!("accuracy {} {:?} {}", e.step, e.accuracy, e.best);
        let mut notes: Vec<String> = self.losses.iter().map(loss).collect();
        notes.extend(self.evaluations.iter().map(evaluation));
        notes.push(format!(
            "window {} {:?}",
            self.window.steps, self.window.loss
        ));
        notes
    }

    /// Takes over what a checkpoint has kept; `None` if it is no journal's.
    pub fn restore(&mut self, notes: &[String]) -> Option<()> {
        let mut journal = Self::new(self.logging_iter);
        for note in notes {
            let words: Vec<&str> = note.split(' ').collect();
            match words[..] {
                ["loss", step, loss, learning_rate] => journal.losses.push(LossPoint {
                    step: step.parse().ok()?,
                    loss: loss.parse().ok()?,
                    learning_rate: learning_rate.parse().ok()?,
                }),
                ["accuracy", step, accuracy, best] => journal.evaluations.push(Evaluation {
                    step: step.parse().ok()?,
                    accuracy: accuracy.parse().ok()?,
                    best: best.parse().ok()?,
                }),
                ["window", steps, loss] => {
                    journal.window = Window {
                        steps: steps.parse().ok()?,
                        loss: loss.parse().ok()?,
                    }
                }
                _ => return None,
            }
        }
        *self = journal;
        Some(())
    }

    /// Mean loss since the last point, or of it when it has just been made.
    pub fn loss(&self) -> Option<f64> {
        match self.window.steps {
            0 => self.losses.last().map(|point| point.loss),
            steps => Some(self.window.loss / steps as f64),
        }
    }

    /// Best accuracy so far.
    pub fn best_accuracy(&self) -> Option<f64> {
        let best = self.evaluations.iter().rfind(|e| e.best)?;
        Some(best.accuracy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(step: usize, loss: f64) -> TrainEvent {
        TrainEvent::Step {
            step,
            total: 5,
            loss,
            learning_rate: 0.1 * step as f64,
            tokens: 10,
        }
    }

    #[test]
    fn points_are_means_over_their_steps_and_the_last_steps_are_not_lost() {
        let mut journal = Journal::new(2);
        assert_eq!(journal.loss(), None);
        for (n, loss) in [(1, 4.0), (2, 2.0), (3, 1.0), (4, 2.0), (5, 7.0)] {
            journal.note(&step(n, loss));
        }
        let points: Vec<_> = journal.losses.iter().map(|p| (p.step, p.loss)).collect();
        assert_eq!(points, [(2, 3.0), (4, 1.5), (5, 7.0)]);
        assert_eq!(journal.loss(), Some(7.0));
    }

    #[test]
    fn notes_restore_every_bit() {
        let mut journal = Journal::new(2);
        for n in 1..=3 {
            journal.note(&step(n, 1.0 / n as f64));
        }
        journal.note(&TrainEvent::Evaluation {
            step: 3,
            accuracy: 1.0 / 3.0,
            best: true,
        });
        let mut restored = Journal::new(2);
        restored.restore(&journal.notes()).unwrap();
        assert_eq!(restored, journal);
        assert!(restored.restore(&["loss 1 x 0.1".into()]).is_none());
        assert_eq!(restored, journal, "what is no journal changes nothing");
    }

    #[test]
    fn the_best_accuracy_is_the_last_one_called_best() {
        let mut journal = Journal::new(2);
        for (accuracy, best) in [(0.5, true), (0.7, true), (0.6, false)] {
            journal.note(&TrainEvent::Evaluation {
                step: 1,
                accuracy,
                best,
            });
        }
        assert_eq!(journal.best_accuracy(), Some(0.7));
    }
}
