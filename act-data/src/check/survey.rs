//! Reads splits to their ends, whatever is wrong with single lines.

use std::collections::BTreeSet;

use act_core::{Error, Result};

use crate::dataset::{Dataset, RowReader};
use crate::folder::Folder;
use crate::record::Record;
use crate::split::Split;
use crate::task::Task;

/// Wrong lines of a split that are told one by one.
const TOLD: usize = 5;

/// What was seen of all splits so far.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// What a stage would refuse.
    pub errors: Vec<String>,
    columns: BTreeSet<String>,
    /// Wrong lines of this split.
    wrong: usize,
}

impl Survey {
    /// The lines of a split that are sound, if there is any, and the number of those that are not.
    pub(super) fn read(
        &mut self,
        folder: &Folder,
        split: Split,
        labels: Option<&[String]>,
    ) -> Option<(Dataset, usize)> {
        self.wrong = 0;
        let read = Dataset::read(folder, split, labels, self);
        if let Some(more) = self.wrong.checked_sub(TOLD).filter(|more| *more > 0) {
            let errors = &mut self.errors;
            errors.push(format!("{split}: {more} more lines are wrong"));
        }
        match read {
            Ok(set) => Some((set, self.wrong)),
            Err(error) => {
                self.errors.push(error.to_string());
                None
            }
        }
    }

    /// Columns of the files that the task does not read.
    pub(super) fn unused(&self, task: &Task) -> Vec<String> {
        let used = task.text_columns();
        let used = |name: &str| used.contains(&name) || name == task.label_field();
        let unused = self.columns.iter().filter(|name| !used(name));
        unused.filter(|name| !name.is_empty()).cloned().collect()
    }
}

impl RowReader for Survey {
    fn row(&mut self, row: &Record) {
        for name in row.names() {
            if !self.columns.contains(name) {
                self.columns.insert(name.into());
            }
        }
    }

    fn wrong(&mut self, error: Error) -> Result<()> {
        self.wrong += 1;
        if self.wrong <= TOLD {
            self.errors.push(error.to_string());
        }
        Ok(())
    }
}
