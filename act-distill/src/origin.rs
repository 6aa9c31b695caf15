//! `TrainConfig.origin_metric`: does the model that everything starts from do what its owner says?
//!
//! PaddleSlim evaluates each stage's input on dev and stops when it is more than 0.05 away, in
//! either direction. Two things differ here. Dev stays unread until the final report, so the check
//! is on the validation slice of *train*; a model fine-tuned on that very text scores higher there
//! than on dev, so only a shortfall counts. And it is the teacher that is checked, since the
//! student comes out of pruning and is expected to be damaged; without a teacher the input is about
//! to be trained, and a shortfall is a warning.

use act_core::metrics::Metric;
use act_core::{Error, Result};

use crate::judged::Judged;

/// Absolute shortfall that is allowed, as in PaddleSlim.
pub const TOLERANCE: f64 = 0.05;

/// Error if the teacher falls short of `stated`.
pub fn check_teacher(stated: f64, measured: &Judged) -> Result<()> {
    match shortfall("the teacher", stated, measured) {
        Some(message) => Err(Error::usage(format!(
            "{message}: wrong labels, text or model? (leave the key out to skip this check)"
        ))),
        None => Ok(()),
    }
}

/// Warns if the model that is about to be trained falls short of `stated`.
pub fn note_input(stated: f64, measured: &Judged) {
    if let Some(message) = shortfall("the input model", stated, measured) {
        log::warn!("{message}: training goes on");
    }
}

fn shortfall(whose: &str, stated: f64, measured: &Judged) -> Option<String> {
    let (score, n) = (measured.score, measured.accuracy.n);
    let found = match measured.metric {
        Metric::Accuracy => format!("is right on {score:.4} of"),
        metric => format!("has {} {score:.4} on", metric.title()),
    };
    (score < stated - TOLERANCE).then(|| {
        format!(
            "{whose} {found} {n} validation examples (a slice of train), TrainConfig.origin_metric \
             says {stated} (tolerance {TOLERANCE})"
        )
    })
}

#[cfg(test)]
mod tests {
    use act_core::metrics::Accuracy;

    use super::*;

    fn judged(metric: Metric, correct: usize, score: f64) -> Judged {
        Judged {
            accuracy: Accuracy::new(correct, 100),
            metric,
            score,
        }
    }

    #[test]
    fn only_a_shortfall_beyond_the_tolerance_counts() {
        let right = |n: usize| judged(Metric::Accuracy, n, n as f64 / 100.0);
        let check = |correct| check_teacher(0.80, &right(correct));
        assert!(check(80).is_ok());
        assert!(check(75).is_ok());
        assert!(check(100).is_ok());
        let error = check(74).unwrap_err();
        assert_eq!(error.kind(), act_core::ErrorKind::Usage);
        assert!(error.to_string().contains("is right on 0.7400 of 100"));
        assert!(error.to_string().contains("origin_metric says 0.8"));
        assert!(error.to_string().contains("slice of train"));
    }

    #[test]
    fn what_is_stated_is_of_the_metric() {
        let macro_f1 = judged(Metric::MacroF1, 95, 0.4);
        assert!(check_teacher(0.45, &macro_f1).is_ok());
        let error = check_teacher(0.8, &macro_f1).unwrap_err().to_string();
        assert!(
            error.contains("has macro-F1 0.4000 on 100 validation"),
            "{error}"
        );
    }
}
