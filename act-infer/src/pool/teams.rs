//! Whether a call gets a team.
//!
//! To measure once is not enough: the cores may have other work later, or have had it then. So teams
//! that waited more than they computed are followed by calls without one, and costs that speak against
//! teams are measured again, both less and less often while nothing changes.

use std::time::{Duration, Instant};

use act_core::{Batch, Result};

use super::Pool;
use crate::costs::{Cost, Costs, TRIALS};
use crate::encoder;
use crate::sequences::Sequences;
use crate::session::{Errand, Session};

/// Calls without a team, at most, before the next is tried.
const LONGEST_REST: u32 = 128;

/// What is known of teams.
pub(super) struct Teams {
    costs: Costs,
    /// When costs that allow no team are measured, the next time; `None`: never.
    due: Option<Instant>,
    /// From then to the time after it.
    interval: Duration,
    /// Calls that do without.
    rest: u32,
    /// The same after the next team in vain.
    next_rest: u32,
}

impl Teams {
    /// Nothing is known yet.
    pub fn new() -> Self {
        Self {
            costs: Costs::default(),
            due: Some(Instant::now()),
            interval: Duration::from_secs(1),
            rest: 0,
            next_rest: 1,
        }
    }

    /// As if teams of so many threads cost nothing, for ever.
    pub fn free(threads: usize) -> Self {
        Self {
            costs: Costs::none(threads),
            due: None,
            ..Self::new()
        }
    }

    /// Learns from a call that a team of `size` took so long for, a member of which waited so long.
    pub fn judge(&mut self, size: usize, took: Duration, longest_wait: Duration) {
        // One thread would have computed what all have, about as fast as the one that waited most.
        let alone = took.saturating_sub(longest_wait) * size as u32;
        if took < alone || self.due.is_none() {
            self.next_rest = 1;
        } else {
            self.rest = self.next_rest;
            self.next_rest = (2 * self.next_rest).min(LONGEST_REST);
        }
    }
}

impl Pool {
    /// The size of the team that is to compute `sequences`, if one is.
    pub(super) fn team_size(
        &self,
        teams: &mut Teams,
        sequences: Sequences<'_>,
        session: &mut Session,
    ) -> Result<Option<usize>> {
        if teams.rest > 0 {
            teams.rest -= 1;
            return Ok(None);
        }
        let size = teams.costs.team(sequences, self.threads);
        let now = Instant::now();
        if size.is_some() || teams.due.is_none_or(|due| now < due) {
            return Ok(size);
        }
        self.measure(&mut teams.costs, session)?;
        teams.due = Some(now + teams.interval);
        teams.interval *= 2;
        Ok(teams.costs.team(sequences, self.threads))
    }

    fn measure(&self, costs: &mut Costs, session: &mut Session) -> Result<()> {
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

    /// What a team of this size costs: the first layer, tried a few times.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn teams_in_vain_are_followed_by_longer_and_longer_rests() {
        let mut teams = Teams::new();
        for rest in [1, 2, 4, 8, 16, 32, 64, 128, 128] {
            teams.judge(2, ms(10), ms(6));
            assert_eq!(teams.rest, rest);
        }
        teams.rest = 0;
        teams.judge(2, ms(10), ms(1));
        assert_eq!((teams.rest, teams.next_rest), (0, 1));
        // Of three, one may wait longer.
        teams.judge(3, ms(10), ms(6));
        assert_eq!(teams.rest, 0);
    }
}
