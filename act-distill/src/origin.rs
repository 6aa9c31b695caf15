//! `TrainConfig.origin_metric`: does the model that everything starts from do what its owner says?
//!
//! PaddleSlim evaluates each stage's input on dev and stops when it is more than 0.05 away, in
//! either direction. Two things differ here. Dev stays unread until the final report, so the check
//! is on the validation slice of *train*; a model fine-tuned on that very text scores higher there
//! than on dev, so only a shortfall counts. And it is the teacher that is checked, since the
//! student comes out of pruning and is expected to be damaged; without a teacher the input is about
//! to be trained, and a shortfall is a warning.

use act_core::metrics::Accuracy;
use act_core::{Error, Result};

/// Absolute shortfall of accuracy that is allowed, as in PaddleSlim.
pub const TOLERANCE: f64 = 0.05;

/// Error if the teacher falls short of `stated`.
pub fn check_teacher(stated: f64, measured: Accuracy) -> Result<()> {
    match shortfall("the teacher", stated, measured) {
        Some(message) => Err(Error::usage(format!(
            "{message}: wrong labels, text or model? (leave the key out to skip this check)"
        ))),
        None => Ok(()),
    }
}

/// Warns if the model that is about to be trained falls short of `stated`.
pub fn note_input(stated: f64, measured: Accuracy) {
    if let Some(message) = shortfall("the input model", stated, measured) {
        log::warn!("{message}: training goes on");
    }
}

fn shortfall(whose: &str, stated: f64, measured: Accuracy) -> Option<String> {
    (measured.value < stated - TOLERANCE).then(|| {
        format!(
            "{whose} is right on {:.4} of {} validation examples (a slice of train), \
             TrainConfig.origin_metric says {stated} (tolerance {TOLERANCE})",
            measured.value, measured.n
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_shortfall_beyond_the_tolerance_counts() {
        let check = |correct| check_teacher(0.80, Accuracy::new(correct, 100));
        assert!(check(80).is_ok());
        assert!(check(75).is_ok());
        assert!(check(100).is_ok());
        let error = check(74).unwrap_err();
        assert_eq!(error.kind(), act_core::ErrorKind::Usage);
        assert!(error.to_string().contains("origin_metric says 0.8"));
        assert!(error.to_string().contains("slice of train"));
    }
}
