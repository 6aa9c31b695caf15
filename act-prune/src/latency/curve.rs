//! Cost by size, measured at some sizes and interpolated between them.

use serde::{Deserialize, Serialize};

/// A piecewise linear function through measured points; 0 at size 0.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CostCurve(Vec<(usize, f64)>);

impl CostCurve {
    /// Through points of rising size. Noise may make a point negative; time is not.
    pub fn new(points: Vec<(usize, f64)>) -> Self {
        let points = points.into_iter().map(|(size, cost)| (size, cost.max(0.0)));
        Self(points.collect())
    }

    /// The cost at a size; beyond the last point in proportion to it.
    pub fn at(&self, size: usize) -> f64 {
        let after = self.0.partition_point(|(s, _)| *s < size);
        let before = after.checked_sub(1).map_or((0, 0.0), |i| self.0[i]);
        match self.0.get(after) {
            Some(&(s, cost)) => {
                let share = (size - before.0) as f64 / (s - before.0).max(1) as f64;
                before.1 + share * (cost - before.1)
            }
            None if before.0 > 0 => before.1 * size as f64 / before.0 as f64,
            None => 0.0,
        }
    }

    /// True if costs can be told: finite points of rising size.
    pub fn is_sound(&self) -> bool {
        let rising = self.0.is_sorted_by(|a, b| a.0 < b.0);
        rising
            && self
                .0
                .iter()
                .all(|(s, c)| *s > 0 && c.is_finite() && *c >= 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_through_its_points_and_straight_between() {
        let curve = CostCurve::new(vec![(2, 4.0), (4, 5.0)]);
        let at = [0, 1, 2, 3, 4, 8].map(|size| curve.at(size));
        assert_eq!(at, [0.0, 2.0, 4.0, 4.5, 5.0, 10.0]);
        assert_eq!(CostCurve::default().at(7), 0.0);
        assert_eq!(CostCurve::new(vec![(1, -1.0)]).at(1), 0.0);
    }

    #[test]
    fn unsound_points_are_seen() {
        assert!(CostCurve::new(vec![(1, 1.0), (2, 0.5)]).is_sound());
        assert!(!CostCurve(vec![(2, 1.0), (1, 0.5)]).is_sound());
        assert!(!CostCurve(vec![(1, f64::NAN)]).is_sound());
        assert!(!CostCurve(vec![(0, 1.0)]).is_sound());
    }
}
