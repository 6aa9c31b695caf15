//! Several threads at one pass.
//!
//! Every member of a team takes the same steps over the same sequences in memory of its own, so that
//! nothing is borrowed across threads. Of a product it computes some columns, of attention some heads;
//! then the members meet, and each copies what the others have computed. The little in between each
//! computes whole: that takes less than another meeting. No number is computed in another way than by
//! one thread alone.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;
use std::time::Duration;

use crate::aligned::Aligned;
use crate::gemm::Out;
use crate::meeting::Meeting;

/// What the members of a team share.
pub(crate) struct Team {
    meeting: Meeting,
    /// The longest that a member has waited in all its meetings, in nanoseconds.
    longest_wait: AtomicU64,
    /// Of each member two, in turn: one is read while the other is written.
    boards: Vec<[RwLock<Board>; 2]>,
}

/// Columns that a member has computed, for the others to copy: `[rows, its columns]`.
struct Board {
    floats: Aligned<f32>,
    bytes: Aligned<u8>,
}

/// A thread's part in a pass; by default all of it.
#[derive(Default)]
pub(crate) struct Member {
    index: usize,
    team: Option<Arc<Team>>,
    /// Boards it has written.
    written: usize,
    /// In all meetings.
    waited: Duration,
}

/// Columns that are divided among the members, `unit` at a time.
#[derive(Clone, Copy)]
pub(crate) struct Split {
    pub columns: usize,
    pub unit: usize,
}

impl Team {
    /// A team of so many.
    pub fn new(members: usize) -> Self {
        let board = || {
            RwLock::new(Board {
                floats: Aligned::zeroed(0),
                bytes: Aligned::zeroed(0),
            })
        };
        Self {
            meeting: Meeting::new(members),
            longest_wait: AtomicU64::new(0),
            boards: (0..members).map(|_| [board(), board()]).collect(),
        }
    }

    /// Number of members.
    pub fn size(&self) -> usize {
        self.boards.len()
    }

    /// The longest that a member has waited for others in all.
    pub fn longest_wait(&self) -> Duration {
        Duration::from_nanos(self.longest_wait.load(Ordering::Relaxed))
    }

    /// Nobody has waited yet.
    pub fn forget(&self) {
        self.longest_wait.store(0, Ordering::Relaxed);
    }
}

impl Member {
    /// Number `index` of a team that is at no pass.
    pub fn of(team: Arc<Team>, index: usize) -> Self {
        Self {
            index,
            team: Some(team),
            written: 0,
            waited: Duration::ZERO,
        }
    }

    /// The columns that this member computes.
    pub fn part(&self, split: Split) -> Range<usize> {
        match &self.team {
            Some(team) => split.part(self.index, team.size()),
            None => 0..split.columns,
        }
    }

    /// Waits for the others.
    pub fn meet(&mut self) {
        if let Some(team) = &self.team {
            self.waited += team.meeting.wait();
        }
    }

    /// Puts the others' columns into `out`, of which rows are `stride` apart and this member's columns
    /// are there.
    pub fn complete(&mut self, out: Out<'_>, stride: usize, split: Split) {
        let Some(team) = &self.team else {
            return;
        };
        let turn = self.written % 2;
        self.written += 1;
        self.waited += match out {
            Out::Floats(values)
            | Out::Activated(values, _)
            | Out::Added(values)
            | Out::Multiplied(values) => team.exchange(self.index, turn, values, stride, split),
            Out::Bytes(bytes, ..) => team.exchange(self.index, turn, bytes, stride, split),
        };
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let Some(team) = &self.team else {
            return;
        };
        if thread::panicking() {
            team.meeting.break_up();
        }
        let waited = self.waited.as_nanos() as u64;
        team.longest_wait.fetch_max(waited, Ordering::Relaxed);
    }
}

impl Split {
    /// Whole units, about as many for each of `size` members.
    fn part(self, index: usize, size: usize) -> Range<usize> {
        let units = self.columns.div_ceil(self.unit);
        let start = |index: usize| (units * index / size * self.unit).min(self.columns);
        start(index)..start(index + 1)
    }
}

impl Team {
    /// Shows the columns of a member and, when all have, copies the others'. Tells how long it took all.
    fn exchange<T: Shown>(
        &self,
        index: usize,
        turn: usize,
        values: &mut [T],
        stride: usize,
        split: Split,
    ) -> Duration {
        let own = split.part(index, self.size());
        let rows = values.len() / stride;
        if !own.is_empty() {
            let board = self.boards[index][turn].write();
            let mut board = board.unwrap_or_else(PoisonError::into_inner);
            let shown = T::of_mut(&mut board);
            shown.resize(rows * own.len());
            let lines = shown.chunks_exact_mut(own.len());
            for (line, row) in lines.zip(values.chunks_exact(stride)) {
                line.copy_from_slice(&row[own.clone()]);
            }
        }
        let waited = self.meeting.wait();
        for (other, boards) in self.boards.iter().enumerate() {
            let columns = split.part(other, self.size());
            if other == index || columns.is_empty() {
                continue;
            }
            let board = boards[turn].read();
            let board = board.unwrap_or_else(PoisonError::into_inner);
            let lines = T::of(&board).chunks_exact(columns.len());
            for (line, row) in lines.zip(values.chunks_exact_mut(stride)) {
                row[columns.clone()].copy_from_slice(line);
            }
        }
        waited
    }
}

/// What boards show.
trait Shown: Copy + Default {
    fn of(board: &Board) -> &Aligned<Self>;
    fn of_mut(board: &mut Board) -> &mut Aligned<Self>;
}

impl Shown for f32 {
    fn of(board: &Board) -> &Aligned<f32> {
        &board.floats
    }

    fn of_mut(board: &mut Board) -> &mut Aligned<f32> {
        &mut board.floats
    }
}

impl Shown for u8 {
    fn of(board: &Board) -> &Aligned<u8> {
        &board.bytes
    }

    fn of_mut(board: &mut Board) -> &mut Aligned<u8> {
        &mut board.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn members_have_every_column_once(columns in 0usize..200, unit in 1usize..40, size in 1usize..9) {
            let split = Split { columns, unit };
            let parts = (0..size).map(|index| split.part(index, size));
            let mut next = 0;
            for part in parts {
                prop_assert_eq!(part.start, next);
                prop_assert!(part.len() <= columns.div_ceil(unit).div_ceil(size) * unit);
                next = part.end;
            }
            prop_assert_eq!(next, columns);
        }
    }

    #[test]
    fn every_member_has_the_others_columns_after_an_exchange() {
        let (size, rows, stride) = (3, 4, 50);
        let split = Split {
            columns: 43,
            unit: 8,
        };
        let team = Arc::new(Team::new(size));
        thread::scope(|scope| {
            for index in 0..size {
                let mut member = Member::of(team.clone(), index);
                scope.spawn(move || {
                    for pass in 0..100 {
                        let mut values = vec![-1.0; rows * stride];
                        let mut bytes = vec![255; rows * stride];
                        for (i, value) in values.iter_mut().enumerate() {
                            if member.part(split).contains(&(i % stride)) {
                                (*value, bytes[i]) = ((i + pass) as f32, (i % 251) as u8);
                            }
                        }
                        member.complete(Out::Floats(&mut values), stride, split);
                        let quantizer = crate::gemm::ToBytes::new(1.0, 0.0, 1.0, 0);
                        let out = Out::Bytes(&mut bytes, act_core::Activation::Relu, quantizer);
                        member.complete(out, stride, split);
                        for i in 0..values.len() {
                            let there = i % stride < split.columns;
                            let value = if there { (i + pass) as f32 } else { -1.0 };
                            assert_eq!(values[i], value);
                            assert_eq!(bytes[i], if there { (i % 251) as u8 } else { 255 });
                        }
                    }
                });
            }
        });
    }
}
