//! What calibration remembers of the values at one site: their range, the mean of the sequences'
//! peaks, a histogram, and its channels. Small enough to keep for every site of a model, and complete enough for
//! every calibrator, so that a search over calibrators runs the model once. Holds no thresholds.

use std::collections::BTreeMap;
use std::sync::Arc;

use act_core::Linear;

use crate::channels::Channels;
use crate::moments::Moments;

/// What calibration saw at the input of each linear.
pub type Sites = BTreeMap<Linear, Statistics>;

/// Bins of a histogram of magnitudes (PaddleSlim's number).
pub const BINS: usize = 2048;

/// Values of one site over all calibration batches.
///
/// Positive and negative values are counted apart, by magnitude: `emd` needs the signs, everybody
/// else adds the two up. Bin `i` holds the magnitudes from `i` to `i + 1` times [`bin_width`], the
/// largest one belongs to the last bin. (PaddlePaddle's bins start at the least magnitude and forget
/// it when they turn a bin back into a threshold; ours start at zero.)
///
/// [`bin_width`]: Statistics::bin_width
#[derive(Debug, Clone, PartialEq)]
pub struct Statistics {
    /// Least value.
    pub min: f32,
    /// Largest value.
    pub max: f32,
    /// Mean over batches of the mean over sequences of the largest magnitude in a sequence.
    pub mean_peak: f64,
    /// Values >= 0, [`BINS`] counts.
    pub positive: Vec<u64>,
    /// Values < 0, [`BINS`] counts.
    pub negative: Vec<u64>,
    /// What was taken off every channel before any of the above, if the site can be shifted.
    pub shift: Option<Shift>,
    /// The values as they are, channel by channel.
    pub channels: Channels,
    /// Second moments of the values as they are, if they were asked for; linears that read the same rows share
    /// them.
    pub moments: Option<Arc<Moments>>,
}

/// What may be taken off the channels of a site, one number each.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Shift {
    /// Middle of the range: for a static scale.
    pub middle: Vec<f32>,
    /// Mean: for a scale per token.
    pub mean: Vec<f32>,
}

impl Statistics {
    /// The statistics of a handful of rows, each taken as a sequence of its own.
    pub fn of_rows(channels: Channels) -> Self {
        let columns = channels.len().max(1);
        let rows = channels.rows.chunks_exact(columns);
        let peaks = rows
            .clone()
            .map(|row| f64::from(row.iter().fold(0f32, |peak, v| peak.max(v.abs()))));
        let mean_peak = peaks.sum::<f64>() / rows.len().max(1) as f64;
        // The channels know the range of all values, the rows only their own.
        let (min, max) = channels.range();
        let mut statistics = Self {
            min,
            max,
            mean_peak,
            positive: vec![0; BINS],
            negative: vec![0; BINS],
            shift: None,
            channels: Channels::default(),
            moments: None,
        };
        statistics.count_values(&channels.rows);
        statistics.channels = channels;
        statistics
    }

    /// Counts values into the histogram; those beyond the range go to the last bin.
    pub(crate) fn count_values(&mut self, values: &[f32]) {
        let bins_a_unit = BINS as f64 / self.abs_max();
        for &v in values {
            let bin = (f64::from(v.abs()) * bins_a_unit) as usize;
            let side = if v < 0.0 {
                &mut self.negative
            } else {
                &mut self.positive
            };
            side[bin.min(BINS - 1)] += 1;
        }
    }

    /// The largest magnitude.
    pub fn abs_max(&self) -> f64 {
        f64::from(self.max.max(-self.min))
    }

    /// Width of a bin of the histogram.
    pub fn bin_width(&self) -> f64 {
        self.abs_max() / BINS as f64
    }

    /// Number of values.
    pub fn count(&self) -> u64 {
        self.magnitudes().sum()
    }

    /// The histogram of magnitudes, signs forgotten.
    pub fn magnitudes(&self) -> impl Iterator<Item = u64> + '_ {
        self.positive
            .iter()
            .zip(&self.negative)
            .map(|(positive, negative)| positive + negative)
    }

    /// Middle of each bin with its counts: `(magnitude, positive, negative)`.
    pub fn bins(&self) -> impl Iterator<Item = (f64, u64, u64)> + '_ {
        let width = self.bin_width();
        self.positive
            .iter()
            .zip(&self.negative)
            .enumerate()
            .map(move |(i, (&positive, &negative))| ((i as f64 + 0.5) * width, positive, negative))
    }
}
