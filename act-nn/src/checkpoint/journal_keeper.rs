//! A stage's keeper: files, with the journal of the training in their notes. Knows nothing of where
//! they are or whose.

use std::cell::RefCell;

use super::store::Checkpoints;
use super::{Keeper, Resumed, Snapshot};
use crate::train::Journal;

/// The loop's keeper: the checkpoints, with the journal in them; without checkpoints it keeps nothing.
pub struct JournalKeeper<'a> {
    checkpoints: Option<&'a mut Checkpoints>,
    journal: &'a RefCell<Journal>,
}

impl<'a> JournalKeeper<'a> {
    /// The journal is read when a checkpoint is written, and must not be borrowed then.
    pub fn new(checkpoints: Option<&'a mut Checkpoints>, journal: &'a RefCell<Journal>) -> Self {
        Self {
            checkpoints,
            journal,
        }
    }

    /// Looks for a checkpoint and restores the journal; the steps done.
    pub fn find(&mut self) -> usize {
        let Some(checkpoints) = &mut self.checkpoints else {
            return 0;
        };
        let Some((position, notes)) = checkpoints.find() else {
            return 0;
        };
        match self.journal.borrow_mut().restore(&notes) {
            Some(()) => position.step,
            None => {
                log::warn!("the checkpoint has no journal: starting anew");
                checkpoints.forget();
                0
            }
        }
    }
}

impl Keeper for JournalKeeper<'_> {
    fn resume(&mut self) -> Option<Resumed> {
        self.checkpoints.as_mut()?.take()
    }

    fn due(&mut self, step: usize) -> bool {
        step > 0 && self.checkpoints.as_ref().is_some_and(|c| c.due())
    }

    fn save(&mut self, snapshot: &Snapshot<'_>) {
        if let Some(checkpoints) = &mut self.checkpoints {
            checkpoints.save(snapshot, self.journal.borrow().notes());
        }
    }
}
