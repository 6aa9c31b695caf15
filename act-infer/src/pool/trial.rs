//! What teams cost on this machine: the first layer, tried a few times.

use std::time::{Duration, Instant};

use act_core::{Batch, Result};

use super::Pool;
use crate::costs::{Cost, Costs, TRIALS};
use crate::encoder;
use crate::sequences::Sequences;
use crate::session::{Errand, Session};

impl Pool {
    /// Measures what teams cost. For who alone may have one.
    pub(super) fn measure(&self, costs: &mut Costs, session: &mut Session) -> Result<()> {
        costs.0.clear();
        let largest = self.threads.min(self.cores);
        let doubled = std::iter::successors(Some(1), |size| Some(2 * size));
        let sizes = doubled.take_while(|&size| size < largest);
        for size in sizes.chain([largest]) {
            let cost = self.cost(size, session)?;
            log::debug!("{cost:?}");
            costs.0.push(cost);
        }
        Ok(())
    }

    /// What a team of this size costs.
    fn cost(&self, size: usize, session: &mut Session) -> Result<Cost> {
        // Nothing to compute: to start the threads, and to see how long they take to wake.
        let none = Batch::default();
        self.trial(size, &none, session)?;
        let (start, _) = self.trial(size, &none, session)?;
        let (_, trials) = self.trial(size, &self.trials, session)?;
        Ok(Cost::new(size, start, trials, self.model.layers.len()))
    }

    /// How long it takes until a team is there, and then what a layer takes it for each sequence.
    fn trial(
        &self,
        size: usize,
        batch: &Batch,
        session: &mut Session,
    ) -> Result<(Duration, [Duration; TRIALS.len()])> {
        let (start, sequences) = (Instant::now(), Sequences::of(batch));
        self.gather(sequences, size, session, &Errand::Trial)?;
        let trial = session.finish(size - 1, &mut [], |memory, _| {
            encoder::trial(&self.model, sequences, memory)
        })?;
        Ok((trial.met - start, trial.layers))
    }
}
