//! Sums in a fixed order: as many lanes side by side as act-infer has, combined in halves at the end.

use act_core::arithmetic::lanes::{LANES, combine_lanes};

/// Sum of `f(i)` over `0..n`.
#[inline(always)]
pub(crate) fn sum(n: usize, f: impl Fn(usize) -> f32) -> f32 {
    let mut lanes = [0f32; LANES];
    let whole = n - n % LANES;
    let mut i = 0;
    while i < whole {
        for (j, lane) in lanes.iter_mut().enumerate() {
            *lane += f(i + j);
        }
        i += LANES;
    }
    for (j, lane) in lanes.iter_mut().enumerate().take(n - whole) {
        *lane += f(whole + j);
    }
    combine_lanes(lanes, |a, b| a + b)
}

super::simd::simd_fn! {
    /// Sum of squares in `f64`.
    pub(crate) fn squares(x: &[f32]) -> f64 {
        let mut lanes = [0f64; LANES];
        let (whole, rest) = x.as_chunks::<LANES>();
        for chunk in whole {
            for (lane, v) in lanes.iter_mut().zip(chunk) {
                *lane += f64::from(*v) * f64::from(*v);
            }
        }
        for (lane, v) in lanes.iter_mut().zip(rest) {
            *lane += f64::from(*v) * f64::from(*v);
        }
        lanes.iter().sum()
    }
}

super::simd::simd_fn! {
    /// `acc[i] += x[i]`.
    pub(crate) fn add_to(acc: &mut [f32], x: &[f32]) {
        for (a, v) in acc.iter_mut().zip(x) {
            *a += v;
        }
    }
}
