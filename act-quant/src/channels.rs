//! What calibration remembers of a site channel by channel: each channel's peak and mean, and a
//! sample of whole rows. Bias correction needs the means, smoothing the peaks, and the estimate of a
//! layer's error the rows; none of them has to run the model again. Chooses nothing.

/// Rows kept of a site, about.
pub const ROWS: usize = 128;

/// The channels of one site over all calibration batches.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Channels {
    /// Largest magnitude of each channel.
    pub peak: Vec<f32>,
    /// Mean of each channel.
    pub mean: Vec<f32>,
    /// Sampled rows, `[rows, channels]`.
    pub rows: Vec<f32>,
}

/// [`Channels`] that are still being gathered.
#[derive(Debug, Default)]
pub(crate) struct Gathering {
    peak: Vec<f32>,
    sum: Vec<f64>,
    count: usize,
    rows: Vec<f32>,
}

impl Gathering {
    /// Takes in `[rows, columns]` values and keeps at most `keep` rows of them, evenly spaced.
    pub fn add(&mut self, values: &[f32], columns: usize, keep: usize) {
        self.peak.resize(columns, 0.0);
        self.sum.resize(columns, 0.0);
        let rows = values.len() / columns;
        self.count += rows;
        for row in values.chunks_exact(columns) {
            for ((peak, sum), &v) in self.peak.iter_mut().zip(&mut self.sum).zip(row) {
                *peak = peak.max(v.abs());
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

    /// All that was taken in.
    pub fn finish(self) -> Channels {
        let count = self.count.max(1) as f64;
        Channels {
            peak: self.peak,
            mean: self.sum.iter().map(|sum| (sum / count) as f32).collect(),
            rows: self.rows,
        }
    }
}

impl Channels {
    /// The channels after channel `j` has been divided by `factors[j]`.
    pub fn divided(&self, factors: &[f32]) -> Self {
        let divide = |values: &[f32]| -> Vec<f32> {
            let factors = factors.iter().cycle();
            values.iter().zip(factors).map(|(v, s)| v / s).collect()
        };
        Self {
            peak: divide(&self.peak),
            mean: divide(&self.mean),
            rows: divide(&self.rows),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peaks_means_and_rows_of_two_batches() {
        let mut gathering = Gathering::default();
        gathering.add(&[1.0, -4.0, 3.0, 2.0, 5.0, 0.0], 2, 2);
        gathering.add(&[-7.0, 6.0], 2, 2);
        let channels = gathering.finish();
        assert_eq!(channels.peak, [7.0, 6.0]);
        assert_eq!(channels.mean, [0.5, 1.0]);
        assert_eq!(channels.rows, [1.0, -4.0, 5.0, 0.0, -7.0, 6.0]);
        let divided = channels.divided(&[2.0, 4.0]);
        assert_eq!(divided.peak, [3.5, 1.5]);
        assert_eq!(divided.rows[4..], [-3.5, 1.5]);
    }
}
