//! What calibration remembers of a site channel by channel: each channel's range and mean, and a
//! sample of whole rows. Bias correction needs the means, shifting and smoothing the ranges, and the
//! estimate of a layer's error the rows; none of them has to run the model again. Chooses nothing.

/// Rows kept of a site, about.
pub const ROWS: usize = 128;

/// The channels of one site over all calibration batches.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Channels {
    /// Least value of each channel.
    pub low: Vec<f32>,
    /// Largest value of each channel.
    pub high: Vec<f32>,
    /// Mean of each channel.
    pub mean: Vec<f32>,
    /// Sampled rows, `[rows, channels]`.
    pub rows: Vec<f32>,
}

/// [`Channels`] that are still being gathered.
#[derive(Debug, Default)]
pub(crate) struct Gathering {
    sum: Vec<f64>,
    count: usize,
    rows: Vec<f32>,
}

impl Gathering {
    /// Takes in `[rows, columns]` values and keeps at most `keep` rows of them, evenly spaced.
    pub fn add(&mut self, values: &[f32], columns: usize, keep: usize) {
        self.sum.resize(columns, 0.0);
        let rows = values.len() / columns;
        self.count += rows;
        for row in values.chunks_exact(columns) {
            for (sum, &v) in self.sum.iter_mut().zip(row) {
                *sum += f64::from(v);
            }
        }
        for row in values
            .chunks_exact(columns)
            .step_by(rows.div_ceil(keep).max(1))
        {
            self.rows.extend_from_slice(row);
        }
    }

    /// All that was taken in, of channels within these ranges.
    pub fn finish(self, low: Vec<f32>, high: Vec<f32>) -> Channels {
        let count = self.count.max(1) as f64;
        Channels {
            low,
            high,
            mean: self.sum.iter().map(|sum| (sum / count) as f32).collect(),
            rows: self.rows,
        }
    }
}

impl Channels {
    /// Number of channels.
    pub fn len(&self) -> usize {
        self.low.len()
    }

    /// True before anything was seen.
    pub fn is_empty(&self) -> bool {
        self.low.is_empty()
    }

    /// Largest magnitude of each channel.
    pub fn peaks(&self) -> Vec<f32> {
        let ranges = self.low.iter().zip(&self.high);
        ranges
            .map(|(low, high)| low.abs().max(high.abs()))
            .collect()
    }

    /// Least and largest value of all channels.
    pub fn range(&self) -> (f32, f32) {
        let low = self.low.iter().copied().fold(f32::INFINITY, f32::min);
        let high = self.high.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        (low, high)
    }

    /// Middle of each channel's range.
    pub fn middle(&self) -> Vec<f32> {
        let ranges = self.low.iter().zip(&self.high);
        ranges.map(|(low, high)| 0.5 * low + 0.5 * high).collect()
    }

    /// The channels after `shift[j]` has been taken off channel `j`.
    pub fn shifted(&self, shift: &[f32]) -> Self {
        self.map(shift, |v, shift| v - shift)
    }

    /// The channels after channel `j` has been divided by `factors[j]`, a positive number.
    pub fn divided(&self, factors: &[f32]) -> Self {
        self.map(factors, |v, factor| v / factor)
    }

    fn map(&self, by: &[f32], f: impl Fn(f32, f32) -> f32) -> Self {
        let map = |values: &[f32]| -> Vec<f32> {
            let by = by.iter().cycle();
            values.iter().zip(by).map(|(&v, &by)| f(v, by)).collect()
        };
        Self {
            low: map(&self.low),
            high: map(&self.high),
            mean: map(&self.mean),
            rows: map(&self.rows),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_means_and_rows_of_two_batches() {
        let mut gathering = Gathering::default();
        gathering.add(&[1.0, -4.0, 3.0, 2.0, 5.0, 0.0], 2, 2);
        gathering.add(&[-7.0, 6.0], 2, 2);
        let channels = gathering.finish(vec![-7.0, -4.0], vec![5.0, 6.0]);
        assert_eq!(channels.peaks(), [7.0, 6.0]);
        assert_eq!(channels.range(), (-7.0, 6.0));
        assert_eq!(channels.middle(), [-1.0, 1.0]);
        assert_eq!(channels.mean, [0.5, 1.0]);
        assert_eq!(channels.rows, [1.0, -4.0, 5.0, 0.0, -7.0, 6.0]);
        let divided = channels.divided(&[2.0, 4.0]);
        assert_eq!(divided.peaks(), [3.5, 1.5]);
        assert_eq!(divided.rows[4..], [-3.5, 1.5]);
        let shifted = channels.shifted(&channels.middle());
        assert_eq!(shifted.peaks(), [6.0, 5.0]);
        assert_eq!(shifted.mean, [1.5, 0.0]);
        assert_eq!(shifted.rows[4..], [-6.0, 5.0]);
    }
}
