//! What a plan costs: time, parameters or bytes, predicted block by block and then measured.

use std::path::Path;
use std::time::Duration;

use act_core::{Artifact, Plan, Result};

use super::target::Target;
use crate::latency::cache::{default_path, load_or_measure};
use crate::latency::{Fingerprint, Precision, Setting, Table, deployed_quant, race};
use crate::{Options, Scored};

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
    fn setting(&self) -> Option<&Setting> {
        None
    }
}

/// The cost that a target is about, for a scored model and what `options` say will be served.
/// Times rest on the latency table at `table`, or in the user's cache, which is measured if it is
/// not there; `stop` is asked meanwhile (error: interrupted).
pub fn of<'a>(
    target: Target,
    options: &Options,
    scored: &Scored<'_>,
    table: Option<&Path>,
    stop: &'a dyn Fn() -> bool,
) -> Result<Box<dyn Cost + 'a>> {
    Ok(match target {
        Target::Parameters(_) => Box::new(Parameters),
        Target::Bytes(_) => Box::new(FileSize::new(scored.model(), options.precision)?),
        Target::Speedup(_) | Target::Latency(_) => {
            let setting = Setting::new(
                options.precision,
                options.latency_batch,
                options.latency_threads,
                &scored.calibration().encodings,
            )?;
            let reference = scored.origin().reference_plan().clone();
            let absolute = matches!(target, Target::Latency(_));
            Box::new(Time::new(reference, &setting, absolute, table, stop)?)
        }
    })
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
    table: Table,
    /// What speed-ups are over.
    reference: Plan,
    /// For budgets in milliseconds.
    absolute: bool,
    /// Asked between rounds.
    stop: &'a dyn Fn() -> bool,
}

impl<'a> Time<'a> {
    /// Time of measuring one side of a table, and of one measurement of a network.
    const TABLE_RACE: Duration = Duration::from_secs(5);
    const RACE: Duration = Duration::from_secs(3);

    /// Loads or measures the table for the reference's shape.
    ///
    /// # Errors
    /// Those of [`Table::measure`].
    pub fn new(
        reference: Plan,
        setting: &Setting,
        absolute: bool,
        table: Option<&Path>,
        stop: &'a dyn Fn() -> bool,
    ) -> Result<Self> {
        let fingerprint = Fingerprint::new(&reference, setting)?;
        let cached = default_path(&fingerprint);
        let table = load_or_measure(table.or(cached.as_deref()), fingerprint, &mut |f| {
            let mut stopwatch = |plans: &[Plan]| race(plans, setting, Self::TABLE_RACE, stop);
            Table::measure(f, &reference, &mut stopwatch)
        })?;
        Ok(Self {
            table,
            reference,
            absolute,
            stop,
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
        let timed = race(&plans, setting, Self::RACE, self.stop)?;
        Ok(match self.absolute {
            true => timed[1].ms,
            false => self.predict(&self.reference) / timed[1].speedup,
        })
    }

    fn tolerance(&self) -> Tolerance {
        Tolerance {
            noise: 0.01,
            miss: 0.05,
        }
    }

    fn setting(&self) -> Option<&Setting> {
        Some(&self.table.fingerprint.setting)
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

const EXACT: Tolerance = Tolerance {
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
            let bytes = t.shape.iter().product::<usize>() * t.dtype.size();
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
