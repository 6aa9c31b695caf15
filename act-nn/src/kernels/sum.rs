//! Sums in a fixed order: eight lanes side by side, folded pairwise at the end.

const LANES: usize = 8;

#[inline(always)]
fn fold(lanes: [f32; LANES]) -> f32 {
    let [a, b, c, d, e, f, g, h] = lanes;
    ((a + e) + (c + g)) + ((b + f) + (d + h))
}

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
    fold(lanes)
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
