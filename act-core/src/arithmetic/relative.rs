//! Buckets of distances (Raffel et al. 2020, section 2.1), as MPNet has them in `transformers`: near keys have
//! one each, far ones share them logarithmically, those before and behind a query are told apart.

/// The bucket of every distance from a query to a key.
#[derive(Debug, Clone, PartialEq)]
pub struct Buckets {
    /// Of the distances `-furthest..=furthest`; those beyond are as those at the ends.
    of_distance: Vec<u16>,
    furthest: usize,
}

impl Buckets {
    /// Of at least [`Buckets::FEWEST`] buckets; distances from `max_distance` on share the last.
    pub fn new(buckets: usize, max_distance: usize) -> Self {
        let furthest = max_distance.max(buckets);
        let of = |place: usize| match place.checked_sub(furthest) {
            // Keys behind the query have the second half.
            Some(behind) if behind > 0 => buckets / 2 + near_or_far(behind, buckets, max_distance),
            _ => near_or_far(furthest - place, buckets, max_distance),
        };
        Self {
            of_distance: (0..=2 * furthest).map(|place| of(place) as u16).collect(),
            furthest,
        }
    }

    /// With fewer there are none for near keys.
    pub const FEWEST: usize = 4;

    /// The bucket of the key at place `key` for a query at place `query`.
    #[inline(always)]
    pub fn of(&self, query: usize, key: usize) -> usize {
        let place = (self.furthest + key)
            .saturating_sub(query)
            .min(2 * self.furthest);
        self.of_distance[place].into()
    }
}

/// The bucket of a distance in one direction. Rounded as PyTorch rounds: logarithm, quotient and product each to
/// single precision.
fn near_or_far(distance: usize, buckets: usize, max_distance: usize) -> usize {
    let half = buckets / 2;
    let exact = half / 2;
    if distance < exact {
        return distance;
    }
    let log = |x: f32| libm::log(f64::from(x)) as f32;
    let whole = libm::log(max_distance as f64 / exact as f64) as f32;
    let part = log(distance as f32 / exact as f32) / whole * (half - exact) as f32;
    // A cast cuts towards zero, and at the ends of what an integer holds.
    exact.saturating_add(part as usize).min(half - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_have_the_buckets_of_transformers() {
        // MPNetEncoder.relative_position_bucket(key - query) of transformers 5.24.0.
        let buckets = Buckets::new(32, 128);
        for (distance, bucket) in [
            (0, 0),
            (1, 17),
            (-1, 1),
            (7, 23),
            (8, 24),
            (-8, 8),
            (11, 24),
            (12, 25),
            (16, 26),
            (-16, 10),
            (22, 26),
            (23, 27),
            (31, 27),
            (32, 28),
            (-45, 12),
            (46, 29),
            (64, 30),
            (-90, 14),
            (91, 31),
            (127, 31),
            (128, 31),
            (-128, 15),
            (500, 31),
            (-500, 15),
        ] {
            let query = 1000;
            let key = (1000 + distance) as usize;
            assert_eq!(buckets.of(query, key), bucket, "{distance}");
        }
    }
}
