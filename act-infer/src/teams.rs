//! Whether a call gets a team.
//!
//! To measure once is not enough: the cores may have other work later, or have had it then. So teams
//! that waited more than they computed are followed by calls without one, and costs that speak against
//! teams are measured again, both less and less often while nothing changes.

use std::time::{Duration, Instant};

use act_core::Result;

use crate::costs::Costs;
use crate::sequences::Sequences;

/// Calls without a team, at most, before the next is tried.
const LONGEST_REST: u32 = 128;

/// What is known of teams.
pub(crate) struct Teams {
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

    /// The size of the team that is to compute `sequences`, of at most so many threads, if one is.
    /// `measure` tells what teams cost.
    pub fn size(
        &mut self,
        sequences: Sequences<'_>,
        threads: usize,
        measure: impl FnOnce(&mut Costs) -> Result<()>,
    ) -> Result<Option<usize>> {
        if self.rest > 0 {
            self.rest -= 1;
            return Ok(None);
        }
        let size = self.costs.team(sequences, threads);
        let now = Instant::now();
        if size.is_some() || self.due.is_none_or(|due| now < due) {
            return Ok(size);
        }
        measure(&mut self.costs)?;
        self.due = Some(now + self.interval);
        self.interval *= 2;
        Ok(self.costs.team(sequences, threads))
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
