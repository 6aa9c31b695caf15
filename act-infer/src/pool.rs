//! Threads that outlive a call: they sleep until a share of a batch comes, compute it, and hand
//! it back.
//!
//! A share travels with all the memory it needs, so that nothing is borrowed across threads and
//! nothing is allocated once every buffer has grown. Nobody spins: a process that waits leaves the
//! cores to others. No result depends on who computes what.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, RecvError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use act_core::{Batch, Error, Result};

use crate::encoder;
use crate::model::Model;
use crate::sequences::Sequences;
use crate::workspace::Workspace;

/// Shares of a call, at most, so that finished ones always find room on the way back.
const MOST_SHARES: usize = 256;

/// The threads beside the caller's; started when first needed, ended with the pool.
pub(crate) struct Pool {
    model: Arc<Model>,
    /// `None` only while the pool is dropped.
    queue: Option<SyncSender<Box<Share>>>,
    waiting: Arc<Mutex<Receiver<Box<Share>>>>,
    workers: Mutex<Vec<JoinHandle<()>>>,
}

/// Memory of one call, kept for a later one.
pub(crate) struct Session {
    workspace: Workspace,
    /// Shares that are not on their way, in the boxes that they travel in.
    #[allow(clippy::vec_box)] // A share is sent as it lies here; only its pointer moves.
    shares: Vec<Box<Share>>,
    back: SyncSender<Box<Share>>,
    returned: Receiver<Box<Share>>,
}

/// Consecutive sequences of a batch, their scores, and what is needed in between.
struct Share {
    batch: Batch,
    workspace: Workspace,
    logits: Vec<f32>,
    /// Index of the first score in the whole batch's.
    first: usize,
    panic: Option<Box<dyn Any + Send>>,
    back: SyncSender<Box<Share>>,
}

impl Pool {
    /// No threads yet.
    pub fn new(model: Arc<Model>) -> Self {
        let (queue, waiting) = sync_channel(MOST_SHARES);
        Self {
            model,
            queue: Some(queue),
            waiting: Arc::new(Mutex::new(waiting)),
            workers: Mutex::new(Vec::new()),
        }
    }

    /// Class scores of `sequences` into `logits`, on at most `threads` threads, the caller's one
    /// of them.
    pub fn forward(
        &self,
        sequences: Sequences<'_>,
        threads: usize,
        session: &mut Session,
        logits: &mut [f32],
    ) -> Result<()> {
        let labels = self.model.classifier.outputs();
        let mut shares = sequences.shares(threads.min(MOST_SHARES));
        let Some(own) = shares.next() else {
            return Ok(());
        };
        let (mut first, mut sent) = (own.count() * labels, 0);
        for sequences in shares {
            self.start(sent + 1)?;
            let mut share = session.share(&self.model);
            share.fill(sequences, first, labels);
            first += share.logits.len();
            match &self.queue {
                Some(queue) if queue.send(share).is_ok() => sent += 1,
                // The pool itself keeps both ends of the queue.
                _ => return Err(Error::failed("the threads of the engine have ended")),
            }
        }
        let own_logits = &mut logits[..own.count() * labels];
        encoder::forward(&self.model, own, &mut session.workspace, None, own_logits);
        session.collect(sent, logits)
    }

    /// Makes sure that there are `count` threads.
    fn start(&self, count: usize) -> Result<()> {
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        while workers.len() < count {
            let (model, waiting) = (self.model.clone(), self.waiting.clone());
            let builder = thread::Builder::new().name("act-infer".into());
            let worker = builder
                .spawn(move || work(&model, &waiting))
                .map_err(|e| Error::failed(format!("starting a thread: {e}")))?;
            workers.push(worker);
        }
        Ok(())
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.queue = None; // Ends every worker's wait.
        let workers = self.workers.get_mut();
        for worker in workers.unwrap_or_else(PoisonError::into_inner).drain(..) {
            // A worker catches every panic of its work; there is nothing to pass on.
            let _ = worker.join();
        }
    }
}

/// What a thread does until its pool is gone.
fn work(model: &Model, waiting: &Mutex<Receiver<Box<Share>>>) {
    // The lock is let go before the share is computed.
    let next = || -> std::result::Result<Box<Share>, RecvError> {
        waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recv()
    };
    while let Ok(mut share) = next() {
        let compute = || {
            let Share {
                batch,
                workspace,
                logits,
                ..
            } = &mut *share;
            encoder::forward(model, Sequences::of(batch), workspace, None, logits);
        };
        // What a workspace holds does not matter, so a panic leaves nothing broken behind.
        share.panic = catch_unwind(AssertUnwindSafe(compute)).err();
        let back = share.back.clone();
        // If the caller has gone on with an error of its own, nobody wants the share.
        let _ = back.send(share);
    }
}

impl Session {
    /// With nothing in it yet.
    pub fn new(model: &Model) -> Self {
        let (back, returned) = sync_channel(MOST_SHARES);
        Self {
            workspace: Workspace::new(model.kernel),
            shares: Vec::new(),
            back,
            returned,
        }
    }

    /// The memory of the caller's own thread.
    pub fn workspace(&mut self) -> &mut Workspace {
        &mut self.workspace
    }

    fn share(&mut self, model: &Model) -> Box<Share> {
        let new = || Share {
            batch: Batch::default(),
            workspace: Workspace::new(model.kernel),
            logits: Vec::new(),
            first: 0,
            panic: None,
            back: self.back.clone(),
        };
        self.shares.pop().unwrap_or_else(|| Box::new(new()))
    }

    /// Waits for `count` shares and puts their scores in place.
    fn collect(&mut self, count: usize, logits: &mut [f32]) -> Result<()> {
        let mut panic = None;
        for _ in 0..count {
            let mut share = self
                .returned
                .recv()
                .map_err(|_| Error::failed("the threads of the engine have ended"))?;
            logits[share.first..][..share.logits.len()].copy_from_slice(&share.logits);
            panic = share.panic.take().or(panic);
            self.shares.push(share);
        }
        match panic {
            Some(panic) => resume_unwind(panic),
            None => Ok(()),
        }
    }
}

impl Share {
    fn fill(&mut self, sequences: Sequences<'_>, first: usize, labels: usize) {
        sequences.copy_to(&mut self.batch);
        self.logits.resize(sequences.count() * labels, 0.0);
        self.first = first;
    }
}
