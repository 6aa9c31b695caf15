//! What teams cost on this machine: the first layer, tried a few times.

use std::time::{Duration, Instant};

use act_core::{Batch, Result};

use super::Pool;
use crate::costs::{Cost, Costs, TRIALS};
use crate::encoder;
use crate::sequences::Sequences;
use crate::session::{Errand, Session};

impl Pool {
    /// What teams cost; measured when first asked, by who alone may have a team.
    pub(super) fn costs(&self, session: &mut Session) -> Result<&Costs> {
        if let Some(costs) = self.costs.get() {
            return Ok(costs);
        }
        let mut costs = Costs::default();
        let doubled = std::iter::successors(Some(1), |size| Some(2 * size));
        let sizes = doubled.take_while(|&size| size < self.threads);
        for size in sizes.chain([self.threads]) {
            costs.0.push(self.cost(size, session)?);
        }
        for cost in &costs.0 {
            log::debug!("{cost:?}");
        }
        Ok(self.costs.get_or_init(|| costs))
    }

    fn cost(&self, size: usize, session: &mut Session) -> Result<Cost> {
        // Nothing to compute: to start the threads, and to see how long they take to wake.
        let none = Batch::default();
        self.trial(size, &none, session)?;
        let (start, _) = self.trial(size, &none, session)?;
        let tokens = TRIALS.iter().sum();
        let trials = Batch {
            input_ids: vec![self.model.pad_id; tokens],
            token_type_ids: vec![0; tokens],
            lengths: TRIALS.to_vec(),
        };
        let (_, layers) = self.trial(size, &trials, session)?;
        let layer = |trial| layers.get(trial).copied().unwrap_or_default();
        let layers = self.model.layers.len();
        Ok(Cost::new(size, start, [layer(0), layer(1)], layers))
    }

    /// How long it takes until a team is there, and then what a layer takes it for each sequence.
    fn trial(
        &self,
        size: usize,
        batch: &Batch,
        session: &mut Session,
    ) -> Result<(Duration, Vec<Duration>)> {
        let (start, sequences) = (Instant::now(), Sequences::of(batch));
        self.gather(sequences, size, session, &Errand::Trial)?;
        let trial = session.finish(size - 1, &mut [], |memory, _| {
            encoder::trial(&self.model, sequences, memory)
        })?;
        Ok((trial.met - start, trial.layers))
    }
}
