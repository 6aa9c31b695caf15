//! Reductions in lanes.

/// Lanes of every reduction, whatever the width of the machine's registers.
pub const LANES: usize = 16;

/// `combine` over `map` of all `values` from `neutral`, which changes nothing, mapped or not:
/// number `i` goes to lane `i % LANES`, then the lanes are combined in halves.
#[inline(always)]
pub fn reduce(
    values: &[f32],
    neutral: f32,
    map: impl Fn(f32) -> f32 + Copy,
    combine: impl Fn(f32, f32) -> f32 + Copy,
) -> f32 {
    let mut lanes = [neutral; LANES];
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for i in 0..LANES {
            lanes[i] = combine(lanes[i], map(chunk[i]));
        }
    }
    if !rest.is_empty() {
        let mut line = [neutral; LANES];
        line[..rest.len()].copy_from_slice(rest);
        for i in 0..LANES {
            lanes[i] = combine(lanes[i], map(line[i]));
        }
    }
    combine_lanes(lanes, combine)
}

/// The lanes of a reduction, combined in halves.
#[inline(always)]
pub fn combine_lanes(mut lanes: [f32; LANES], combine: impl Fn(f32, f32) -> f32) -> f32 {
    let mut half = LANES / 2;
    while half > 0 {
        for i in 0..half {
            lanes[i] = combine(lanes[i], lanes[i + half]);
        }
        half /= 2;
    }
    lanes[0]
}

/// The larger; the first if `b` is not a number. (`f32::max` leaves the sign of zero open.)
#[inline(always)]
pub fn larger(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}
