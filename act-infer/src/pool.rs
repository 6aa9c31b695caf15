//! Threads that outlive a call: they sleep until a share of a call comes, compute it, and hand it back.
//!
//! A share travels with all the memory it needs, so that nothing is borrowed across threads and nothing
//! is allocated once every buffer has grown. Between calls nobody spins: a process that waits leaves
//! the cores to others. No result depends on who computes what.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use act_core::{Batch, Error, Result};

use crate::costs::{TRIALS, is_even};
use crate::encoder;
use crate::model::Model;
use crate::sequences::Sequences;
use crate::session::{Errand, MOST_THREADS, Session, Share};
use crate::team::{Member, Team};
use crate::teams::Teams;

#[cfg(test)]
mod tests;
mod trial;

/// The threads beside the caller's; started when first needed, ended with the pool.
pub(crate) struct Pool {
    model: Arc<Model>,
    /// Threads of a call, the caller's among them.
    threads: usize,
    /// A larger team would wait for itself.
    cores: usize,
    queue: Arc<Queue>,
    workers: Mutex<Vec<JoinHandle<()>>>,
    /// Held while a team is at work: of two, each could wait for threads that the other has.
    teams: Mutex<Teams>,
    /// What teams are tried with.
    trials: Batch,
}

/// Shares that no thread has taken yet; first come, first served.
#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    bell: Condvar,
}

#[derive(Default)]
struct Waiting {
    #[allow(clippy::vec_box)] // A share is sent as it lies here; only its pointer moves.
    shares: VecDeque<Box<Share>>,
    closed: bool,
}

impl Pool {
    /// No threads yet.
    pub fn new(model: Arc<Model>, threads: usize) -> Self {
        let tokens = TRIALS.iter().sum();
        Self {
            threads: threads.min(MOST_THREADS),
            cores: thread::available_parallelism().map_or(1, usize::from),
            queue: Arc::default(),
            workers: Mutex::default(),
            teams: Mutex::new(Teams::new()),
            trials: Batch {
                input_ids: vec![model.pad_id; tokens],
                token_type_ids: vec![0; tokens],
                lengths: TRIALS.to_vec(),
            },
            model,
        }
    }

    /// Threads of a call.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Takes it that teams cost nothing.
    pub fn assume_free_teams(&mut self) {
        self.teams = Mutex::new(Teams::free(self.threads));
    }

    /// Class scores of `sequences` into `logits`.
    pub fn forward(
        &self,
        sequences: Sequences<'_>,
        session: &mut Session,
        logits: &mut [f32],
    ) -> Result<()> {
        // While another call has a team, this one does without.
        if !is_even(sequences, self.threads)
            && let Some(mut teams) = self.free_teams()
            && let Some(size) = teams.size(sequences, self.threads, |costs| {
                self.measure(costs, session)
            })?
        {
            let start = Instant::now();
            let longest_wait = self.together(sequences, size, session, logits)?;
            teams.judge(size, start.elapsed(), longest_wait);
            return Ok(());
        }
        self.apart(sequences, session, logits)
    }

    /// Each thread takes sequences of its own.
    fn apart(
        &self,
        sequences: Sequences<'_>,
        session: &mut Session,
        logits: &mut [f32],
    ) -> Result<()> {
        let labels = self.model.classifier.outputs();
        let mut shares = sequences.shares(self.threads);
        let Some(own) = shares.next() else {
            return Ok(());
        };
        let own_scores = own.count() * labels;
        let (mut first, mut sent) = (own_scores, 0);
        for sequences in shares {
            self.start(sent + 1)?;
            let scores = first..first + sequences.count() * labels;
            first = scores.end;
            let share = session.share(&self.model, sequences, Errand::Answer(scores));
            self.queue.push(share);
            sent += 1;
        }
        session.finish(sent, logits, |memory, logits| {
            encoder::forward(&self.model, own, memory, None, &mut logits[..own_scores]);
        })
    }

    /// Every member of a team of this size computes its part of every sequence. Returns the longest
    /// that one has waited for others.
    fn together(
        &self,
        sequences: Sequences<'_>,
        size: usize,
        session: &mut Session,
        logits: &mut [f32],
    ) -> Result<Duration> {
        let errand = Errand::Answer(0..logits.len());
        let team = self.gather(sequences, size, session, &errand)?;
        session.finish(size - 1, logits, |memory, logits| {
            encoder::forward(&self.model, sequences, memory, None, logits);
        })?;
        Ok(team.longest_wait())
    }

    /// Sends a team of this size for `errand`; the caller's thread becomes its first member.
    fn gather(
        &self,
        sequences: Sequences<'_>,
        size: usize,
        session: &mut Session,
        errand: &Errand,
    ) -> Result<Arc<Team>> {
        // First all the threads: if one cannot be had, none waits for it.
        self.start(size - 1)?;
        let team = session.team(size);
        for index in 1..size {
            let mut share = session.share(&self.model, sequences, errand.clone());
            share.workspace.member = Member::of(team.clone(), index);
            self.queue.push(share);
        }
        session.workspace().member = Member::of(team.clone(), 0);
        Ok(team)
    }

    fn free_teams(&self) -> Option<MutexGuard<'_, Teams>> {
        match self.teams.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(guard)) => Some(guard.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Makes sure that there are `count` threads.
    fn start(&self, count: usize) -> Result<()> {
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        while workers.len() < count {
            let (model, queue) = (self.model.clone(), self.queue.clone());
            let builder = thread::Builder::new().name("act-infer".into());
            let worker = builder
                .spawn(move || work(&model, &queue))
                .map_err(|e| Error::failed(format!("starting a thread: {e}")))?;
            workers.push(worker);
        }
        Ok(())
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.queue.close();
        let workers = self.workers.get_mut();
        for worker in workers.unwrap_or_else(PoisonError::into_inner).drain(..) {
            // A worker catches every panic of its work; there is nothing to pass on.
            let _ = worker.join();
        }
    }
}

impl Queue {
    fn push(&self, share: Box<Share>) {
        self.lock().shares.push_back(share);
        self.bell.notify_one();
    }

    /// Waits for a share; `None` once the pool is gone.
    fn next(&self) -> Option<Box<Share>> {
        let mut waiting = self.lock();
        while waiting.shares.is_empty() && !waiting.closed {
            waiting = (self.bell.wait(waiting)).unwrap_or_else(PoisonError::into_inner);
        }
        waiting.shares.pop_front()
    }

    fn close(&self) {
        self.lock().closed = true;
        self.bell.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a thread does until its pool is gone.
fn work(model: &Model, queue: &Queue) {
    while let Some(share) = queue.next() {
        share.compute(model);
    }
}
