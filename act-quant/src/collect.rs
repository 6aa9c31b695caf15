//! Runs the float model over the calibration batches and gathers the statistics of every site.
//!
//! Two passes over the same batches: the first finds the ranges, the second counts into histograms
//! that the ranges have laid out. (PaddlePaddle's passes see differently shuffled data, so values
//! can fall out of its histograms.) Chooses nothing.

use std::collections::BTreeMap;

use act_core::{Batch, Error, Linear, Result, Site};
use act_infer::Observer;

use crate::channels::{Channels, Gathering, ROWS};
use crate::statistics::{BINS, Sites, Statistics};

/// Runs the float model on a batch and lets an observer look.
pub type Forward<'a> = dyn FnMut(&Batch, &mut dyn Observer) -> Result<()> + 'a;

/// Statistics of the input of each of `linears`. Query, key and value share theirs, so that their
/// common input is quantised once.
///
/// # Errors
/// Those of `forward`; rejected: values that are not finite; failed: a site that saw only zeros, or
/// one value only, or nothing.
pub fn collect(linears: &[Linear], batches: &[Batch], forward: &mut Forward<'_>) -> Result<Sites> {
    let mut ranges = Ranges::default();
    for batch in batches {
        ranges.lengths.clone_from(&batch.lengths);
        forward(batch, &mut ranges)?;
        if let Some(site) = ranges.not_finite {
            return Err(Error::rejected(format!(
                "activations at {site} are not finite: the model is damaged or its training diverged"
            )));
        }
    }
    let mut histograms = Histograms::new(ranges.sites, ROWS.div_ceil(batches.len().max(1)))?;
    for batch in batches {
        forward(batch, &mut histograms)?;
    }
    let sites = histograms.finish();
    linears
        .iter()
        .map(|&linear| {
            let mut statistics = shared(&sites, linear)?.clone();
            // A layer's own error depends on the rows that it computes itself.
            if let Some(own) = sites.get(&linear) {
                statistics.channels.clone_from(&own.channels);
            }
            Ok((linear, statistics))
        })
        .collect()
}

/// The statistics that `linear` uses: of query, key and value those of the one that saw most (in the
/// last layer an engine may compute the query of the classified token only).
fn shared(sites: &Sites, linear: Linear) -> Result<&Statistics> {
    let same_input = match linear {
        Linear::Query(l) | Linear::Key(l) | Linear::Value(l) => {
            vec![Linear::Query(l), Linear::Key(l), Linear::Value(l)]
        }
        other => vec![other],
    };
    same_input
        .iter()
        .filter_map(|l| sites.get(l))
        .reduce(|most, s| if s.count() > most.count() { s } else { most })
        .ok_or_else(|| {
            Error::failed(format!(
                "calibration saw no values at {}",
                Site::Input(linear)
            ))
        })
}

/// First pass: least and largest value and the sequences' peaks.
#[derive(Default)]
struct Ranges {
    sites: BTreeMap<Linear, Range>,
    /// Tokens of each sequence of the batch that is running.
    lengths: Vec<usize>,
    not_finite: Option<Site>,
}

/// What the first pass knows of a site.
struct Range {
    min: f32,
    max: f32,
    /// Sum over batches of the mean over sequences of the peak.
    peaks: f64,
    batches: usize,
}

impl Observer for Ranges {
    fn observe(&mut self, site: Site, values: &[f32], columns: usize) {
        let Site::Input(linear) = site else { return };
        if values.is_empty() || columns == 0 {
            return;
        }
        if !values.iter().all(|v| v.is_finite()) {
            self.not_finite.get_or_insert(site);
            return;
        }
        let range = self.sites.entry(linear).or_insert(Range {
            min: f32::INFINITY,
            max: f32::NEG_INFINITY,
            peaks: 0.0,
            batches: 0,
        });
        let rows = values.len() / columns;
        // One row a token, or one a sequence where only the classified token is computed.
        let by_sequence = self.lengths.iter().sum::<usize>() == rows;
        let (mut rest, mut sum, mut sequences) = (values, 0.0, 0);
        while !rest.is_empty() {
            let rows = if by_sequence {
                self.lengths[sequences]
            } else {
                1
            };
            let (sequence, after) = rest.split_at(rows * columns);
            let (min, max) = sequence
                .iter()
                .fold((range.min, range.max), |(min, max), &v| {
                    (min.min(v), max.max(v))
                });
            let peak = sequence.iter().fold(0f32, |peak, v| peak.max(v.abs()));
            (range.min, range.max) = (min, max);
            sum += f64::from(peak);
            sequences += 1;
            rest = after;
        }
        range.peaks += sum / sequences as f64;
        range.batches += 1;
    }
}

/// Second pass: histograms over the ranges of the first, and the channels.
struct Histograms {
    sites: Sites,
    channels: BTreeMap<Linear, Gathering>,
    /// Rows to keep of each batch.
    rows: usize,
}

impl Histograms {
    /// Empty histograms.
    fn new(ranges: BTreeMap<Linear, Range>, rows: usize) -> Result<Self> {
        let sites = ranges.into_iter().map(|(linear, range)| {
            if range.min == range.max {
                return Err(Error::failed(format!(
                    "{} is {} for every calibration example: there is no range to quantise; is \
                     the model trained, and are the examples real?",
                    Site::Input(linear),
                    range.min
                )));
            }
            let statistics = Statistics {
                min: range.min,
                max: range.max,
                mean_peak: range.peaks / range.batches as f64,
                positive: vec![0; BINS],
                negative: vec![0; BINS],
                channels: Channels::default(),
            };
            Ok((linear, statistics))
        });
        Ok(Self {
            sites: sites.collect::<Result<_>>()?,
            channels: BTreeMap::new(),
            rows,
        })
    }

    fn finish(self) -> Sites {
        let mut sites = self.sites;
        for (linear, gathering) in self.channels {
            if let Some(statistics) = sites.get_mut(&linear) {
                statistics.channels = gathering.finish();
            }
        }
        sites
    }
}

impl Observer for Histograms {
    fn observe(&mut self, site: Site, values: &[f32], columns: usize) {
        let Site::Input(linear) = site else { return };
        if values.is_empty() || columns == 0 {
            return;
        }
        if let Some(statistics) = self.sites.get_mut(&linear) {
            statistics.count_values(values);
            let channels = self.channels.entry(linear).or_default();
            channels.add(values, columns, self.rows);
        }
    }
}
