//! What the score of an evaluation measures, and so how it is told.

/// What the score of an evaluation measures; a larger score is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scored {
    /// The share of right answers on examples that are held out.
    Accuracy,
    /// The divergence from the teacher's answers there in nats an example; the score is its negative.
    Divergence,
}

impl Scored {
    /// The measure's name, in reports and metrics too.
    pub fn name(self) -> &'static str {
        match self {
            Scored::Accuracy => "accuracy",
            Scored::Divergence => "divergence",
        }
    }

    /// What was measured, of a score.
    pub fn value(self, score: f64) -> f64 {
        match self {
            Scored::Accuracy => score,
            Scored::Divergence => -score,
        }
    }

    /// `accuracy 0.7031`, `divergence 1.204e-3`.
    pub(crate) fn words(self, score: f64) -> String {
        let (name, value) = (self.name(), self.value(score));
        match self {
            Scored::Accuracy => format!("{name} {value:.4}"),
            Scored::Divergence => format!("{name} {value:.3e}"),
        }
    }
}
