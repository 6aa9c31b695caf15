//! Where the threads of a team wait for each other.
//!
//! Threads that share a layer meet every hundred microseconds or so, and to wake one takes tens of
//! them. So whoever waits looks for the others a while before it sleeps, and only then: where their
//! processor has other work, it gets this one too, and between passes nobody waits here.

use std::hint;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long a thread looks before it lets others compute in between: about what waking it costs.
const SPIN: Duration = Duration::from_micros(50);

/// How long it looks before it sleeps. A thread that shares its core with the one it waits for must be
/// seen by the scheduler as one too many there: while either sleeps, it leaves both where they are.
const PATIENCE: Duration = Duration::from_millis(1);

/// A barrier that can be waited at again and again.
pub(crate) struct Meeting {
    members: usize,
    /// Members that are here.
    arrived: AtomicUsize,
    /// Meetings that are over.
    over: AtomicUsize,
    /// A member has panicked and will not come.
    broken: AtomicBool,
    /// Members that sleep, or are about to.
    asleep: AtomicUsize,
    lock: Mutex<()>,
    bell: Condvar,
}

/// What those panic with who have waited for a thread that panicked.
pub(crate) struct Broken;

impl Meeting {
    /// For so many members.
    pub fn new(members: usize) -> Self {
        Self {
            members,
            arrived: AtomicUsize::new(0),
            over: AtomicUsize::new(0),
            broken: AtomicBool::new(false),
            asleep: AtomicUsize::new(0),
            lock: Mutex::new(()),
            bell: Condvar::new(),
        }
    }

    /// Returns when all members are here, and tells how long that took; what they wrote before is seen
    /// by all afterwards. Panics, with [`Broken`], if one of them has panicked.
    pub fn wait(&self) -> Duration {
        let start = Instant::now();
        // Without this member no meeting ends, so the number stands.
        let here = self.over.load(SeqCst);
        if self.arrived.fetch_add(1, SeqCst) + 1 == self.members {
            self.arrived.store(0, SeqCst);
            self.over.store(here + 1, SeqCst);
            self.wake();
        } else if !self.look(here, start) {
            self.sleep(here);
        }
        if self.broken.load(SeqCst) {
            resume_unwind(Box::new(Broken));
        }
        start.elapsed()
    }

    /// Ends this and every later meeting.
    pub fn break_up(&self) {
        self.broken.store(true, SeqCst);
        self.wake();
    }

    fn ended(&self, here: usize) -> bool {
        self.over.load(SeqCst) != here || self.broken.load(SeqCst)
    }

    /// Looks for the end of the meeting for a while; false if it has not come.
    fn look(&self, here: usize, start: Instant) -> bool {
        loop {
            for _ in 0..16 {
                if self.ended(here) {
                    return true;
                }
                hint::spin_loop();
            }
            match start.elapsed() {
                waited if waited < SPIN => {}
                waited if waited < PATIENCE => thread::yield_now(),
                _ => return false,
            }
        }
    }

    fn sleep(&self, here: usize) {
        let mut guard = self.lock();
        // First this and then a look, there first the end and then a look at this: one sees the other.
        self.asleep.fetch_add(1, SeqCst);
        while !self.ended(here) {
            guard = self
                .bell
                .wait(guard)
                .unwrap_or_else(PoisonError::into_inner);
        }
        self.asleep.fetch_sub(1, SeqCst);
    }

    fn wake(&self) {
        if self.asleep.load(SeqCst) > 0 {
            // Whoever held the lock has looked once more or sleeps by now.
            drop(self.lock());
            self.bell.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    /// Nobody is a meeting ahead or behind, however long the others take; late ones are slept for.
    #[test]
    fn all_members_leave_a_meeting_together() {
        for members in [2, 3, 5] {
            let (meeting, count) = (Meeting::new(members), AtomicUsize::new(0));
            thread::scope(|scope| {
                for m in 0..members {
                    let (meeting, count) = (&meeting, &count);
                    scope.spawn(move || {
                        for round in 1..100 {
                            if (round * 31 + m) % 47 == 0 {
                                thread::sleep(2 * PATIENCE);
                            }
                            count.fetch_add(1, SeqCst);
                            meeting.wait();
                            assert_eq!(count.load(SeqCst), round * members);
                            meeting.wait();
                        }
                    });
                }
            });
            assert_eq!(meeting.asleep.load(SeqCst), 0);
        }
    }

    #[test]
    fn nobody_waits_for_a_member_that_panicked() {
        for pause in [Duration::ZERO, 4 * PATIENCE] {
            let meeting = Meeting::new(3);
            thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| {
                        let waited = catch_unwind(AssertUnwindSafe(|| meeting.wait()));
                        assert!(waited.unwrap_err().is::<Broken>());
                    });
                }
                thread::sleep(pause);
                meeting.break_up();
            });
        }
    }
}
