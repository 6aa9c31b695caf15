//! The engine's exponential, for training.

use act_core::arithmetic::elementary::exp_up_to_88;

/// `e^x` for `x <= 0`, as act-infer has it. NaN gives NaN here, so that a training that diverges is seen to.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    let power = exp_up_to_88(x);
    if x.is_nan() { x } else { power }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_number_stays_none() {
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert!(exp(f32::NAN).is_nan());
    }
}
