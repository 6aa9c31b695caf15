//! What the score of an evaluation measures, and so how it is told.

use act_core::metrics::Metric;

/// What the score of an evaluation measures; a larger score is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scored {
    /// A metric of the answers to examples that are held out.
    Metric(Metric),
    /// The divergence from the teacher's answers there in nats an example; the score is its negative.
    Divergence,
}

impl Scored {
    /// The measure's name, in reports and metrics too.
    pub fn name(self) -> &'static str {
        match self {
            Scored::Metric(metric) => metric.name(),
            Scored::Divergence => "divergence",
        }
    }

    /// What was measured, of a score.
    pub fn value(self, score: f64) -> f64 {
        match self {
            Scored::Metric(_) => score,
            Scored::Divergence => -score,
        }
    }

    /// `accuracy 0.7031`, `macro-F1 0.6120`, `divergence 1.204e-3`.
    pub(crate) fn words(self, score: f64) -> String {
        match self {
            Scored::Metric(metric) => format!("{} {score:.4}", metric.title()),
            Scored::Divergence => format!("divergence {:.3e}", self.value(score)),
        }
    }
}
