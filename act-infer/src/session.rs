//! The memory of a call, and what of it travels to other threads and back.

use std::any::Any;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use act_core::{Batch, Error, Result};

use crate::encoder;
use crate::meeting::Broken;
use crate::model::Model;
use crate::sequences::Sequences;
use crate::team::Team;
use crate::workspace::Workspace;

/// Threads of a call, at most, so that finished shares always find room on the way back.
pub(crate) const MOST_THREADS: usize = 256;

/// Memory of one call, kept for a later one.
pub(crate) struct Session {
    workspace: Workspace,
    /// Shares that are not on their way, in the boxes that they travel in.
    #[allow(clippy::vec_box)] // A share is sent as it lies here; only its pointer moves.
    shares: Vec<Box<Share>>,
    /// The last one.
    team: Option<Arc<Team>>,
    back: SyncSender<Box<Share>>,
    returned: Receiver<Box<Share>>,
}

/// Sequences, what is to be done with them, and what is needed for it.
pub(crate) struct Share {
    batch: Batch,
    errand: Errand,
    pub workspace: Workspace,
    logits: Vec<f32>,
    panic: Option<Panic>,
    back: SyncSender<Box<Share>>,
}

type Panic = Box<dyn Any + Send>;

/// What a thread does with a share.
#[derive(Clone)]
pub(crate) enum Errand {
    /// Computes these scores of all.
    Answer(Range<usize>),
    /// Takes part in a trial of what a team costs.
    Trial,
}

impl Session {
    /// With nothing in it yet.
    pub fn new(model: &Model) -> Self {
        let (back, returned) = sync_channel(MOST_THREADS);
        Self {
            workspace: Workspace::new(model.kernel),
            shares: Vec::new(),
            team: None,
            back,
            returned,
        }
    }

    /// The memory of the caller's own thread.
    pub fn workspace(&mut self) -> &mut Workspace {
        &mut self.workspace
    }

    /// A share with a copy of `sequences`.
    pub fn share(&mut self, model: &Model, sequences: Sequences<'_>, errand: Errand) -> Box<Share> {
        let new = || Share {
            batch: Batch::default(),
            errand: Errand::Trial,
            workspace: Workspace::new(model.kernel),
            logits: Vec::new(),
            panic: None,
            back: self.back.clone(),
        };
        let mut share = self.shares.pop().unwrap_or_else(|| Box::new(new()));
        sequences.copy_to(&mut share.batch);
        share.errand = errand;
        share
    }

    /// A team of this size, at no pass.
    pub fn team(&mut self, size: usize) -> Arc<Team> {
        let team = match self.team.take() {
            Some(team) if team.size() == size => team,
            _ => Arc::new(Team::new(size)),
        };
        team.forget();
        self.team.insert(team).clone()
    }

    /// Does the caller's own part, waits for `count` shares and puts their scores in place.
    pub fn finish<T>(
        &mut self,
        count: usize,
        logits: &mut [f32],
        own: impl FnOnce(&mut Workspace, &mut [f32]) -> T,
    ) -> Result<T> {
        let own = catch_unwind(AssertUnwindSafe(|| own(&mut self.workspace, logits)));
        let mut panic = None;
        for _ in 0..count {
            let mut share = self
                .returned
                .recv()
                .map_err(|_| Error::failed("the threads of the engine have ended"))?;
            if let Errand::Answer(scores) = &share.errand {
                logits[scores.clone()].copy_from_slice(&share.logits);
            }
            panic = cause(panic, share.panic.take());
            self.shares.push(share);
        }
        match own {
            Ok(own) if panic.is_none() => Ok(own),
            own => resume_unwind(cause(own.err(), panic).unwrap_or_else(|| Box::new(Broken))),
        }
    }
}

/// Of two panics the one that was not caused by another.
fn cause(a: Option<Panic>, b: Option<Panic>) -> Option<Panic> {
    match &a {
        Some(panic) if panic.is::<Broken>() => b.or(a),
        _ => a.or(b),
    }
}

impl Share {
    /// Does what it was sent for, and goes back.
    pub fn compute(mut self: Box<Self>, model: &Model) {
        // What a workspace holds does not matter, so a panic leaves nothing broken behind.
        self.panic = catch_unwind(AssertUnwindSafe(|| self.run(model))).err();
        let back = self.back.clone();
        // If the caller has gone on with an error of its own, nobody wants the share.
        let _ = back.send(self);
    }

    fn run(&mut self, model: &Model) {
        let (sequences, memory) = (Sequences::of(&self.batch), &mut self.workspace);
        match &self.errand {
            Errand::Answer(scores) => {
                self.logits.resize(scores.len(), 0.0);
                encoder::forward(model, sequences, memory, None, &mut self.logits);
            }
            Errand::Trial => drop(encoder::trial(model, sequences, memory)),
        }
    }
}
