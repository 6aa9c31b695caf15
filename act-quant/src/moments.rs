//! Second moments of a site's channels: what rounding with compensation needs to know of them, from all
//! tokens of calibration, in a memory that does not grow with them.

use act_nn::linalg::Gram;

/// Second moments that are still being gathered.
#[derive(Debug)]
pub(crate) struct Gathering {
    /// Of what is left when `middle` is taken off: sums of large numbers that differ little lose digits.
    gram: Gram,
    middle: Vec<f32>,
    sum: Vec<f64>,
    rows: usize,
    threads: usize,
}

/// Second moments of the channels of one site.
#[derive(Debug, PartialEq)]
pub struct Moments {
    gram: Gram,
    /// What was taken off each channel first.
    middle: Vec<f32>,
    /// Mean of each channel after that.
    mean: Vec<f64>,
    /// Rows (tokens) that they are of.
    rows: usize,
}

/// What moments are about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Origin<'a> {
    /// The means of the channels: what is left to weights where a bias takes up the rest.
    Mean,
    /// A number for each channel.
    At(&'a [f32]),
}

impl Gathering {
    /// Nothing yet of channels with these middles.
    pub fn new(middle: Vec<f32>, threads: usize) -> Self {
        Self {
            gram: Gram::new(middle.len()),
            sum: vec![0.0; middle.len()],
            middle,
            rows: 0,
            threads,
        }
    }

    /// Takes in `[rows, channels]` values.
    pub fn add(&mut self, values: &[f32]) {
        let columns = self.middle.len().max(1);
        let middles = self.middle.iter().cycle();
        let centred: Vec<f32> = values.iter().zip(middles).map(|(x, m)| x - m).collect();
        for row in centred.chunks_exact(columns) {
            let sums = self.sum.iter_mut().zip(row);
            sums.for_each(|(sum, &x)| *sum += f64::from(x));
        }
        self.gram.add(&centred, self.threads);
        self.rows += values.len() / columns;
    }

    /// All that was taken in.
    pub fn finish(self) -> Moments {
        let rows = self.rows.max(1) as f64;
        Moments {
            gram: self.gram,
            middle: self.middle,
            mean: self.sum.iter().map(|sum| sum / rows).collect(),
            rows: self.rows,
        }
    }
}

impl Moments {
    /// Number of channels.
    pub fn channels(&self) -> usize {
        self.mean.len()
    }

    /// Rows (tokens) that they are of.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// `E[(x - z) (x - z)ᵀ]` with the origin `z`, `[channels, channels]`, each channel divided by its factor
    /// if there are any.
    pub fn about(&self, origin: Origin<'_>, factors: Option<&[f32]>) -> Vec<f64> {
        let n = self.channels();
        let rows = self.rows.max(1) as f64;
        let shift: Vec<f64> = match origin {
            Origin::Mean => self.mean.clone(),
            Origin::At(z) => {
                let pairs = z.iter().zip(&self.middle);
                pairs.map(|(z, m)| f64::from(*z) - f64::from(*m)).collect()
            }
        };
        let factor = |i: usize| factors.map_or(1.0, |factors| 1.0 / f64::from(factors[i]));
        let mut all = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..=i {
                let off = self.mean[i] * shift[j] + shift[i] * (self.mean[j] - shift[j]);
                let moment = f64::from(self.gram.at(i, j)) / rows - off;
                let moment = moment * factor(i) * factor(j);
                (all[i * n + j], all[j * n + i]) = (moment, moment);
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_the_definition() {
        let columns = 5;
        let values: Vec<f32> = (0..columns * 70)
            .map(|i| ((i * 7919 % 101) as f32 - 50.0) / 25.0 + (i % columns) as f32 * 3.0)
            .collect();
        let mut gathering = Gathering::new(vec![0.0, 3.0, 6.5, 9.0, 11.0], 2);
        gathering.add(&values[..columns * 30]);
        gathering.add(&values[columns * 30..]);
        let moments = gathering.finish();
        assert_eq!((moments.channels(), moments.rows()), (5, 70));
        let mean = |j: usize| -> f64 {
            let channel = values.iter().skip(j).step_by(columns);
            channel.map(|&x| f64::from(x)).sum::<f64>() / 70.0
        };
        let means: Vec<f64> = (0..columns).map(mean).collect();
        let (at, factors) = ([0.5f32, 0.0, 6.0, 9.0, 2.0], [2.0f32, 1.0, 4.0, 0.5, 1.0]);
        let check = |found: Vec<f64>, z: &dyn Fn(usize) -> f64, factor: &dyn Fn(usize) -> f64| {
            for i in 0..columns {
                for j in 0..columns {
                    let term =
                        |row: &[f32]| (f64::from(row[i]) - z(i)) * (f64::from(row[j]) - z(j));
                    let sum: f64 = values.chunks_exact(columns).map(term).sum();
                    let expected = sum / 70.0 / factor(i) / factor(j);
                    let off = (found[i * columns + j] - expected).abs();
                    assert!(off < 1e-4 * expected.abs().max(1.0), "{i} {j} {off}");
                }
            }
        };
        check(moments.about(Origin::Mean, None), &|j| means[j], &|_| 1.0);
        check(
            moments.about(Origin::At(&at), Some(&factors)),
            &|j| f64::from(at[j]),
            &|j| f64::from(factors[j]),
        );
    }
}
