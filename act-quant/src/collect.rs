//! Runs the float model over the calibration batches and gathers the statistics of every site.
//!
//! Two passes over the same batches: the first finds each channel's range, the second takes the shift
//! off and counts into histograms that the ranges have laid out. (PaddlePaddle's passes see differently shuffled data, so values
//! can fall out of its histograms.) Chooses nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use act_core::{Batch, Error, Linear, Result, Site};
use act_infer::Observer;

use crate::channels::{Channels, Gathering, ROWS};
use crate::moments;
use crate::statistics::{BINS, Shift, Sites, Statistics};

/// Runs the float model on a batch and lets an observer look.
pub type Forward<'a> = dyn FnMut(&Batch, &mut dyn Observer) -> Result<()> + 'a;

/// What is gathered beside what every search needs.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted {
    /// Second moments, for rounding with compensation: the products of all channels, about as much work as
    /// the forward passes.
    pub moments: bool,
    /// Threads for them; 0 counts as 1.
    pub threads: usize,
}

/// Statistics of the input of each of `linears`, shifted where `can_shift` says that they can be.
/// Query, key and value share theirs, so that their common input is quantised once.
///
/// An input that never changes is told, since the examples or the model are rarely meant so, and
/// quantised like any other.
///
/// # Errors
/// Those of `forward`; rejected: values that are not finite; failed: no input changes from one token
/// to another, or one saw nothing.
pub fn collect(
    linears: &[Linear],
    can_shift: &dyn Fn(Linear) -> bool,
    wanted: Wanted,
    batches: &[Batch],
    forward: &mut Forward<'_>,
) -> Result<Sites> {
    let mut ranges = Ranges::default();
    for batch in batches {
        forward(batch, &mut ranges)?;
        if let Some(site) = ranges.not_finite {
            return Err(Error::rejected(format!(
                "activations at {site} are not finite: the model is damaged or its training diverged"
            )));
        }
    }
    ranges.note_constants()?;
    let rows = ROWS.div_ceil(batches.len().max(1));
    let counts = std::mem::take(&mut ranges.rows);
    let mut histograms = Histograms::new(ranges.sites, can_shift, rows);
    if wanted.moments {
        histograms.gather_moments(&counts, wanted.threads);
    }
    for batch in batches {
        histograms.lengths.clone_from(&batch.lengths);
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
            let owner = sites.get(&owner(linear, &counts));
            statistics.moments = owner.and_then(|owner| owner.moments.clone());
            Ok((linear, statistics))
        })
        .collect()
}

/// The statistics that `linear` uses: of query, key and value those of the one that saw most (in the
/// last layer an engine may compute the query of the classified token only).
fn shared(sites: &Sites, linear: Linear) -> Result<&Statistics> {
    linear
        .readers()
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

/// Whose moments `linear` uses: of query, key and value the first that sees as many rows.
fn owner(linear: Linear, counts: &BTreeMap<Linear, usize>) -> Linear {
    let as_many = |other: &Linear| counts.get(other) == counts.get(&linear);
    linear.readers().into_iter().find(as_many).unwrap_or(linear)
}

/// First pass: least and largest value of every channel.
#[derive(Default)]
struct Ranges {
    rows: BTreeMap<Linear, usize>,
    sites: BTreeMap<Linear, (Vec<f32>, Vec<f32>)>,
    not_finite: Option<Site>,
}

impl Ranges {
    /// Warns of inputs that are the same for every token of every example.
    fn note_constants(&self) -> Result<()> {
        let sites = self.sites.iter();
        let constant: Vec<Linear> = sites
            .filter(|(_, (low, high))| low == high)
            .map(|(linear, _)| *linear)
            .collect();
        let Some(first) = constant.first().map(|linear| Site::Input(*linear)) else {
            return Ok(());
        };
        if constant.len() == self.sites.len() {
            return Err(Error::failed(
                "no activation differs from one token to another: there is nothing to calibrate; is \
                 the model trained, and are the examples real?",
            ));
        }
        log::warn!(
            "{} of {} linear layers read the same for every token of every calibration example, \
             {first} the first; is the model trained, and are the examples real?",
            constant.len(),
            self.sites.len()
        );
        Ok(())
    }
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
        *self.rows.entry(linear).or_default() += values.len() / columns;
        let (low, high) = self.sites.entry(linear).or_default();
        low.resize(columns, f32::INFINITY);
        high.resize(columns, f32::NEG_INFINITY);
        for row in values.chunks_exact(columns) {
            for ((low, high), &v) in low.iter_mut().zip(high.iter_mut()).zip(row) {
                (*low, *high) = (low.min(v), high.max(v));
            }
        }
    }
}

/// Second pass: histograms over the ranges of the first, peaks of sequences, and the channels.
struct Histograms {
    sites: BTreeMap<Linear, Counting>,
    /// Tokens of each sequence of the batch that is running.
    lengths: Vec<usize>,
    /// Rows to keep of each batch.
    rows: usize,
}

/// What the second pass knows of a site.
struct Counting {
    statistics: Statistics,
    channels: Gathering,
    moments: Option<moments::Gathering>,
    low: Vec<f32>,
    high: Vec<f32>,
    /// Sum over batches of the mean over sequences of the peak.
    peaks: f64,
    batches: usize,
}

impl Histograms {
    /// Empty histograms.
    fn new(
        ranges: BTreeMap<Linear, (Vec<f32>, Vec<f32>)>,
        can_shift: &dyn Fn(Linear) -> bool,
        rows: usize,
    ) -> Self {
        let counting =
            |(linear, (low, high))| (linear, Counting::new(low, high, can_shift(linear)));
        Self {
            sites: ranges.into_iter().map(counting).collect(),
            lengths: Vec::new(),
            rows,
        }
    }

    /// Has second moments gathered too, once of what several linears read.
    fn gather_moments(&mut self, counts: &BTreeMap<Linear, usize>, threads: usize) {
        for (&linear, site) in &mut self.sites {
            if owner(linear, counts) == linear {
                let ranges = site.low.iter().zip(&site.high);
                let middle = ranges.map(|(low, high)| 0.5 * low + 0.5 * high).collect();
                site.moments = Some(moments::Gathering::new(middle, threads));
            }
        }
    }

    fn finish(self) -> Sites {
        let finish = |(linear, site): (Linear, Counting)| (linear, site.finish());
        self.sites.into_iter().map(finish).collect()
    }
}

impl Counting {
    fn new(low: Vec<f32>, high: Vec<f32>, can_shift: bool) -> Self {
        let channels = Channels {
            low,
            high,
            ..Channels::default()
        };
        let (min, max) = channels.range();
        let middle = channels.middle();
        let shifted = channels.shifted(&middle).range();
        // Where no channel ever changes, nothing would be left to quantise.
        let shifts = can_shift && shifted.0 < shifted.1;
        let (min, max) = if shifts { shifted } else { (min, max) };
        let shift = shifts.then(|| Shift {
            middle,
            mean: Vec::new(),
        });
        let Channels { low, high, .. } = channels;
        Self {
            statistics: Statistics {
                min,
                max,
                mean_peak: 0.0,
                positive: vec![0; BINS],
                negative: vec![0; BINS],
                shift,
                channels: Channels::default(),
                moments: None,
            },
            channels: Gathering::default(),
            moments: None,
            low,
            high,
            peaks: 0.0,
            batches: 0,
        }
    }

    /// Takes in a batch of sequences of `lengths` rows.
    fn add(&mut self, values: &[f32], columns: usize, lengths: &[usize], keep: usize) {
        self.channels.add(values, columns, keep);
        if let Some(moments) = &mut self.moments {
            moments.add(values);
        }
        let mut shifted = Vec::new();
        let values = match &self.statistics.shift {
            None => values,
            Some(shift) => {
                let shifts = shift.middle.iter().cycle();
                shifted.extend(values.iter().zip(shifts).map(|(v, shift)| v - shift));
                &shifted
            }
        };
        self.statistics.count_values(values);
        // One row a token, or one a sequence where only the classified token is computed.
        let rows = values.len() / columns;
        let by_sequence = lengths.iter().sum::<usize>() == rows;
        let sequences = if by_sequence { lengths } else { &vec![1; rows] };
        let (mut rest, mut sum) = (values, 0.0);
        for rows in sequences {
            let (sequence, after) = rest.split_at(rows * columns);
            sum += f64::from(sequence.iter().fold(0f32, |peak, v| peak.max(v.abs())));
            rest = after;
        }
        self.peaks += sum / sequences.len() as f64;
        self.batches += 1;
    }

    fn finish(self) -> Statistics {
        let mut statistics = self.statistics;
        statistics.mean_peak = self.peaks / self.batches.max(1) as f64;
        statistics.channels = self.channels.finish(self.low, self.high);
        statistics.moments = self.moments.map(|moments| Arc::new(moments.finish()));
        if let Some(shift) = &mut statistics.shift {
            shift.mean.clone_from(&statistics.channels.mean);
        }
        statistics
    }
}

impl Observer for Histograms {
    fn observe(&mut self, site: Site, values: &[f32], columns: usize) {
        let Site::Input(linear) = site else { return };
        if values.is_empty() || columns == 0 {
            return;
        }
        if let Some(counting) = self.sites.get_mut(&linear) {
            counting.add(values, columns, &self.lengths, self.rows);
        }
    }
}
