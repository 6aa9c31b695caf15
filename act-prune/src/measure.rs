//! What a measurement of importance stands on.

use act_core::Progress;
use act_nn::Device;

use crate::calibration::Calibration;

/// On what importance is measured, and with what.
#[derive(Clone, Copy)]
pub struct Measure<'a> {
    /// Training examples.
    pub calibration: &'a Calibration,
    /// Examples a batch. It matters to `first_order` alone, which sums absolute values.
    pub batch_size: usize,
    /// Where gradients are computed.
    pub device: Device,
    /// Threads; results do not depend on it.
    pub threads: usize,
    /// Told of every batch, and asked whether to go on.
    pub progress: &'a dyn Progress,
}

impl Measure<'_> {
    /// Begins a pass over all examples, batch by batch.
    pub(crate) fn begin(&self, what: &str) {
        let examples = self.calibration.len();
        let batches = examples.div_ceil(self.batch_size.max(1));
        self.progress.begin(what, batches);
    }
}
