//! Reads splits to their ends, whatever is wrong with single lines.

use std::collections::BTreeSet;

use act_core::{Error, Result};

use crate::dataset::{Dataset, RowReader};
use crate::folder::Folder;
use crate::read::Record;
use crate::split::Split;
use crate::split_from_train::HeldOut;
use crate::task::Task;

/// Wrong lines of a split that are told one by one.
const TOLD: usize = 5;

/// What was seen of all splits so far.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// What a stage would refuse.
    pub(crate) errors: Vec<String>,
    /// What a stage would do without.
    pub(crate) warnings: Vec<String>,
    columns: BTreeSet<String>,
    /// The columns that mean something, as each file has them.
    used: BTreeSet<String>,
    /// Wrong lines of this split.
    wrong: usize,
}

impl Survey {
    /// Every split that is there or held out, as far as its lines are sound, with the number of those that
    /// are not.
    pub(crate) fn read_all(
        &mut self,
        folder: &Folder,
        labels: Option<&[String]>,
    ) -> Vec<(Dataset, usize)> {
        let held_out = HeldOut::of(folder);
        let mut sets = Vec::new();
        for split in Split::ALL {
            if folder.find_split(split).is_none() {
                continue;
            }
            let Some((whole, wrong)) = self.read(folder, split, labels) else {
                continue;
            };
            if split != Split::Train || !held_out.concerns(split) {
                sets.push((whole, wrong));
                continue;
            }
            for part in Split::ALL.into_iter().filter(|s| held_out.concerns(*s)) {
                match held_out.part(&whole, part) {
                    Ok(set) => sets.push((set, if part == split { wrong } else { 0 })),
                    Err(e) => self.warnings.push(e.to_string()),
                }
            }
        }
        sets.sort_by_key(|(set, _)| Split::ALL.into_iter().position(|s| s == set.split));
        sets
    }

    /// The lines of a split that are sound, if there is any, and the number of those that are not.
    fn read(
        &mut self,
        folder: &Folder,
        split: Split,
        labels: Option<&[String]>,
    ) -> Option<(Dataset, usize)> {
        self.wrong = 0;
        let read = Dataset::read_file(folder, split, labels, self);
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
        let own = task.text_columns();
        let own = |name: &str| own.contains(&name) || name == task.label_field();
        let used = |name: &str| own(name) || self.used.contains(name);
        let unused = self.columns.iter().filter(|name| !used(name));
        unused.filter(|name| !name.is_empty()).cloned().collect()
    }
}

impl RowReader for Survey {
    fn task(&mut self, task: &Task) {
        let used = task.text_columns().into_iter().chain([task.label_field()]);
        self.used.extend(used.map(str::to_string));
    }

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
