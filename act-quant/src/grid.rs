//! The grid of a static scale: from a calibrator's threshold, which knows magnitudes only, to the
//! step and the zero point. Chooses no threshold.

use crate::calibrate::Method;
use crate::statistics::Statistics;

/// The byte that stands for 0.0 where both sides get as many integers.
const MIDDLE: u8 = 128;

/// Bytes at most `activation_max` from 128 stand for `(byte - zero_point) * scale`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grid {
    /// One step.
    pub scale: f32,
    /// The byte that stands for 0.0.
    pub zero_point: u8,
}

/// As many integers on either side of zero, as PaddleSlim has it.
pub fn symmetric(method: Method, statistics: &Statistics, activation_max: u8) -> Grid {
    let threshold = method.threshold(statistics, activation_max);
    grid(threshold, activation_max, MIDDLE)
}

/// The side that reaches less far gets only the integers it needs, the other one the rest: the
/// neurons behind a GELU, all above -0.17, have nearly twice as many. What lies to both sides alike
/// has the grid of [`symmetric`].
pub fn spanning(method: Method, statistics: &Statistics, activation_max: u8) -> Grid {
    let (below, above) = (f64::from(-statistics.min), f64::from(statistics.max));
    let (less, more) = (below.min(above).max(0.0), below.max(above));
    let all = 2.0 * f64::from(activation_max);
    let needed = |threshold: f64| {
        let less = less.min(threshold);
        (all * less / (less + threshold)).round() as u8
    };
    let most = 2 * activation_max;
    let threshold = method.threshold(statistics, most - needed(more));
    let needed = needed(threshold);
    let zero_point = if above >= below {
        MIDDLE - activation_max + needed
    } else {
        MIDDLE + activation_max - needed
    };
    grid(threshold, most - needed, zero_point)
}

fn grid(threshold: f64, levels: u8, zero_point: u8) -> Grid {
    let threshold = match threshold {
        // Nothing but zeros was seen: any scale is exact.
        0.0 => 1.0,
        threshold => threshold,
    };
    let scale = (threshold / f64::from(levels)) as f32;
    Grid {
        scale: scale.max(f32::MIN_POSITIVE),
        zero_point,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channels::Channels;
    use crate::statistics::BINS;
    use act_core::quant::Calibrator;

    fn statistics(min: f32, max: f32) -> Statistics {
        let mut statistics = Statistics {
            min,
            max,
            mean_peak: 1.0,
            positive: vec![0; BINS],
            negative: vec![0; BINS],
            shift: None,
            channels: Channels::default(),
            moments: None,
        };
        let values = (0..=1000).map(|i| min + (max - min) * i as f32 / 1000.0);
        statistics.count_values(&values.collect::<Vec<_>>());
        statistics
    }

    /// What the least and the largest byte stand for.
    fn ends(grid: Grid, activation_max: u8) -> [f32; 2] {
        let end = |byte: i32| (byte - i32::from(grid.zero_point)) as f32 * grid.scale;
        let reach = i32::from(activation_max);
        [end(128 - reach), end(128 + reach)]
    }

    #[test]
    fn all_integers_lie_within_the_range() {
        for (min, max) in [
            (-0.17, 8.0),
            (-8.0, 0.17),
            (0.0, 3.0),
            (-3.0, 0.0),
            (1.0, 3.0),
            (-2.0, 3.0),
        ] {
            for activation_max in [1, 15, 63, 127] {
                let grid = spanning(
                    Method::new(Calibrator::AbsMax, 0.0),
                    &statistics(min, max),
                    activation_max,
                );
                let [low, high] = ends(grid, activation_max);
                let (near, far) = (grid.scale * 1.0001, 1e-5);
                // To the far side exact, to the other within a step.
                let (to_low, to_high) = if max >= -min {
                    (near, far)
                } else {
                    (far, near)
                };
                assert!(
                    (low - min.min(0.0)).abs() <= to_low,
                    "{low} for {min}..{max}"
                );
                assert!(
                    (high - max.max(0.0)).abs() <= to_high,
                    "{high} for {min}..{max}"
                );
            }
        }
    }

    #[test]
    fn what_lies_to_both_sides_alike_is_symmetric() {
        for method in [
            Method::new(Calibrator::AbsMax, 0.0),
            Method::new(Calibrator::Mse, 0.0),
            Method::new(Calibrator::Hist, 0.9),
            Method::new(Calibrator::Kl, 0.0),
        ] {
            let even = statistics(-5.0, 5.0);
            assert_eq!(spanning(method, &even, 127), symmetric(method, &even, 127));
        }
    }

    #[test]
    fn what_is_clipped_is_clipped_on_the_far_side() {
        let grid = spanning(
            Method::new(Calibrator::Hist, 0.5),
            &statistics(-0.2, 8.0),
            127,
        );
        let [low, high] = ends(grid, 127);
        assert!((low + 0.2).abs() <= grid.scale, "{low}");
        assert!((3.8..4.2).contains(&high), "{high}");
        assert!(grid.scale < 4.3 / 254.0);
    }
}
