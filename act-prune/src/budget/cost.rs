//! What a plan costs: time, parameters or bytes, predicted block by block and then measured.

use std::path::Path;
use std::time::Duration;

use act_core::{Artifact, Plan, Progress, Result};
use act_stage::timing::Budget;

use crate::latency::cache::{default_path, load_or_measure};
use crate::latency::{Fingerprint, LatencySetting, LatencyTable, Precision, deployed_quant, race};

/// A cost that is a sum over blocks, and the truth about it.
pub trait Cost {
    /// What a plan is thought to cost.
    fn predict(&self, plan: &Plan) -> f64;

    /// What it does cost.
    fn measure(&mut self, plan: &Plan) -> Result<f64>;

    /// Relative error of a measurement that is to be expected, and by how much a promise may be
    /// missed; 0 if neither.
    fn tolerance(&self) -> Tolerance;

    /// In which setting times are taken, if this is one.
    fn setting(&self) -> Option<&LatencySetting> {
        None
    }
}

/// Relative, 0 for what is exact.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    /// Differences below this are noise.
    pub noise: f64,
    /// A promise missed by more is not kept.
    pub miss: f64,
}

/// Milliseconds a sequence. Measurements are speed-ups over the reference, put in the table's
/// milliseconds; with `absolute` they are what the clock says.
pub struct Time<'a> {
    /// Predictions.
    table: LatencyTable,
    /// What speed-ups are over.
    reference: Plan,
    /// For budgets in milliseconds.
    absolute: bool,
    /// Told of the rounds, and asked between them whether to go on.
    progress: &'a dyn Progress,
}

impl<'a> Time<'a> {
    /// Time of measuring one side of a table, and of one race of a network; see [`agreed`].
    const TABLE_RACE: Duration = Duration::from_secs(5);
    const RACE: Duration = Duration::from_millis(1500);

    /// Loads the table for the reference's shape from `table`, or from the user's cache; measures it
    /// if it is not there.
    ///
    /// # Errors
    /// Those of [`LatencyTable::measure`].
    pub fn new(
        reference: Plan,
        setting: &LatencySetting,
        absolute: bool,
        table: Option<&Path>,
        progress: &'a dyn Progress,
    ) -> Result<Self> {
        let fingerprint = Fingerprint::new(&reference, setting)?;
        let cached = default_path(&fingerprint);
        let table = load_or_measure(table.or(cached.as_deref()), fingerprint, &mut |f| {
            let mut stopwatch = |plans: &[Plan]| {
                progress.begin("latency table", Budget::UNITS);
                race(plans, setting, Self::TABLE_RACE, progress)
            };
            LatencyTable::measure(f, &reference, &mut stopwatch)
        })?;
        Ok(Self {
            table,
            reference,
            absolute,
            progress,
        })
    }
}

impl Cost for Time<'_> {
    fn predict(&self, plan: &Plan) -> f64 {
        self.table.predict(plan)
    }

    fn measure(&mut self, plan: &Plan) -> Result<f64> {
        let plans = [self.reference.clone(), plan.clone()];
        let setting = &self.table.fingerprint.setting;
        let whole = self.predict(&self.reference);
        agreed(&mut || {
            self.progress.begin("timing the cut", Budget::UNITS);
            let timed = race(&plans, setting, Self::RACE, self.progress)?;
            Ok(if self.absolute {
                timed[1].ms
            } else {
                whole / timed[1].speedup
            })
        })
    }

    fn tolerance(&self) -> Tolerance {
        Tolerance {
            noise: 0.01,
            miss: 0.05,
        }
    }

    fn setting(&self) -> Option<&LatencySetting> {
        Some(&self.table.fingerprint.setting)
    }
}

/// Measurements that have to agree before their median is believed, how far they may lie apart
/// relative to it, and how many are taken at most.
const AGREEING: usize = 3;
const APART: f64 = 0.05;
const MEASUREMENTS: usize = 9;

/// Measures until the middle [`AGREEING`] of all measurements agree, and gives their median: one
/// that was disturbed as a whole, which no median over its own rounds can mend, is outvoted.
fn agreed(measure: &mut dyn FnMut() -> Result<f64>) -> Result<f64> {
    let mut all: Vec<f64> = Vec::new();
    loop {
        all.push(measure()?);
        all.sort_by(f64::total_cmp);
        let first = all.len().saturating_sub(AGREEING) / 2;
        let middle = &all[first..all.len().min(first + AGREEING)];
        let median = middle[middle.len() / 2];
        let apart = middle[middle.len() - 1] - middle[0];
        if all.len() == MEASUREMENTS || middle.len() == AGREEING && apart <= APART * median {
            if apart > APART * median {
                log::warn!(
                    "the machine is busy: of {MEASUREMENTS} measurements the middle three lie \
                     {:.0} % apart",
                    100.0 * apart / median
                );
            }
            return Ok(median);
        }
    }
}

/// Number of parameters.
pub struct Parameters;

impl Cost for Parameters {
    fn predict(&self, plan: &Plan) -> f64 {
        plan.parameters() as f64
    }

    fn measure(&mut self, plan: &Plan) -> Result<f64> {
        Ok(self.predict(plan))
    }

    fn tolerance(&self) -> Tolerance {
        EXACT
    }
}

/// Of a cost that is counted, not timed.
pub(super) const EXACT: Tolerance = Tolerance {
    noise: 0.0,
    miss: 0.0,
};

/// Bytes of the artifact that will be served.
pub struct FileSize {
    /// Everything but tensors.
    frame: Artifact,
    /// Of the tensors.
    precision: Precision,
    /// Bytes that are no tensor's.
    overhead: f64,
}

impl FileSize {
    /// What the records of the stages to come may take in the file.
    const RECORDS: u64 = 16 << 10;

    /// For models that differ from `frame` in plan and precision only.
    ///
    /// # Errors
    /// Rejected: a description that cannot be written.
    pub fn new(frame: &Artifact, precision: Precision) -> Result<Self> {
        let mut size = Self {
            frame: Artifact {
                params: Default::default(),
                ..frame.clone()
            },
            precision,
            overhead: 0.0,
        };
        let tensors = size.predict(&frame.plan);
        size.overhead = size.measure(&frame.plan)? - tensors;
        Ok(size)
    }
}

impl Cost for FileSize {
    /// Tensors, each on its 64 bytes, and the rest as the whole model has it.
    fn predict(&self, plan: &Plan) -> f64 {
        let tensors = plan.expected_tensors(&deployed_quant(plan, self.precision));
        let bytes = tensors.iter().map(|t| {
            let bytes = t.dtype.bytes(&t.shape).unwrap_or(usize::MAX / 4096);
            bytes.next_multiple_of(64)
        });
        self.overhead + bytes.sum::<usize>() as f64
    }

    fn measure(&mut self, plan: &Plan) -> Result<f64> {
        self.frame.quant = deployed_quant(plan, self.precision);
        self.frame.plan = plan.clone();
        Ok((self.frame.file_len()? + Self::RECORDS) as f64)
    }

    fn tolerance(&self) -> Tolerance {
        EXACT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The result and how many measurements it took.
    fn agree(times: &[f64]) -> (f64, usize) {
        let mut taken = 0;
        let result = agreed(&mut || {
            taken += 1;
            Ok(times[(taken - 1) % times.len()])
        });
        (result.unwrap(), taken)
    }

    #[test]
    fn disturbed_measurements_are_outvoted() {
        assert_eq!(agree(&[1.0, 1.01, 1.02]), (1.01, 3));
        assert_eq!(agree(&[1.0, 5.0, 1.01, 1.02, 0.3]), (1.01, 4));
        assert_eq!(agree(&[5.0, 0.3, 1.01, 1.02, 1.03]), (1.02, 5));
        // A machine that never settles is believed in the middle.
        let (median, taken) = agree(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]);
        assert_eq!((median, taken), (5.0, MEASUREMENTS));
    }
}
