//! A split of a folder as a stage reads it: of its file, or held out of train.

use std::path::Path;

use act_core::{Error, Result, TaskInfo};

use crate::dataset::{Dataset, RowReader};
use crate::description::Description;
use crate::folder::{Folder, Part};
use crate::read::Rows;
use crate::split::Split;
use crate::split_from_train::HeldOut;
use crate::task::Task;

/// For a stage: no row may be wrong.
struct Strict;

impl RowReader for Strict {
    fn wrong(&mut self, error: Error) -> Result<()> {
        Err(error)
    }
}

/// The rows of a data file as the `act-dataset.json` beside it says they are, and the task in the file's own
/// columns; `None` where there is none of that task, or it says nothing of such a file.
///
/// # Errors
/// Usage: those of the description and of the file's header. A label is not needed.
pub fn described_rows(file: &Path, task: &str) -> Result<Option<(Rows, Task)>> {
    let folder = file.parent().filter(|dir| !dir.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let of_task = |name: &str| Task::canonical(name) == Task::canonical(task);
    let Some(described) = Description::read(folder)? else {
        return Ok(None);
    };
    if !described.task.as_deref().is_some_and(of_task) {
        return Ok(None);
    }
    let folder = Folder::described(folder, task, described)?;
    let Some(part) = folder.part_of(file) else {
        return Ok(None);
    };
    part.open(&folder.task, false).map(Some)
}

impl Dataset {
    /// Reads a split of `task` from the task's folder, or from a root that holds one folder a
    /// task. Without `task` the folder's `act-dataset.json` decides, or else its name.
    ///
    /// With `labels` (a model's), classes are numbered as the model numbers them, by name, and a
    /// label the model lacks is an error. Without, the task's canonical order numbers them.
    ///
    /// Where there is no dev file, a share of train is dev, the same in every stage, and no more train
    /// ([`HoldOut`](crate::HoldOut)).
    ///
    /// # Errors
    /// One line with the file and the line: no such folder or file, invalid UTF-8, bad JSON, a
    /// missing field, an unknown label, a missing label outside the test split, no examples.
    pub fn open(
        dir: &Path,
        task: Option<&str>,
        split: Split,
        labels: Option<&[String]>,
    ) -> Result<Self> {
        let folder = Folder::open(dir, task)?;
        let found = Self::read(&folder, split, labels, &mut Strict)?;
        // Of a few examples nothing can be held out.
        let parted = found.record.name != format!("{}/{split}", found.task);
        if let Some(note) = HeldOut::of(&folder).note(split).filter(|_| parted) {
            log::info!("{}: {note}", dir.display());
        }
        Ok(found)
    }

    /// A split as the model of `task` reads it: of its task, with its labels.
    ///
    /// # Errors
    /// As [`Dataset::open`], labels of another kind than the model's, and data of pairs for a model of single texts, or the other way round.
    pub fn for_model(dir: &Path, split: Split, task: &TaskInfo) -> Result<Self> {
        let data = Self::open(dir, Some(&task.name), split, Some(&task.labels))?;
        let (ours, theirs) = (data.problem, task.problem.kind());
        if ours != theirs {
            return Err(Error::usage(format!(
                "{}: the labels are {ours}, and the model was made for {theirs} ones: give the data \
                 that it is for, or make a model for these (act-convert new or import --data)",
                data.record.name
            )));
        }
        let pairs = data.examples.iter().any(|example| example.pair.is_some());
        let texts = |two| if two { "two texts" } else { "one text" };
        match Task::of_model(task).map(|task| task.is_pair()) {
            Some(takes) if takes != pairs => Err(Error::usage(format!(
                "{}: an example has {}, and the model was made for {}",
                data.record.name,
                texts(pairs),
                texts(takes)
            ))),
            _ => Ok(data),
        }
    }

    /// The whole of a file that is written as a split of an opened folder, in which no row may be wrong.
    pub(crate) fn read_part(
        folder: &Folder,
        part: &Part,
        split: Split,
        labels: Option<&[String]>,
    ) -> Result<Self> {
        Self::read_rows(folder, part, split, labels, &mut Strict)
    }

    /// A split of an opened folder; `reader` hears of every row, and decides whether one that is wrong
    /// ends the reading.
    pub(crate) fn read(
        folder: &Folder,
        split: Split,
        labels: Option<&[String]>,
        reader: &mut dyn RowReader,
    ) -> Result<Self> {
        let held_out = HeldOut::of(folder);
        if held_out.concerns(split) {
            let train = Self::read_file(folder, Split::Train, labels, reader)?;
            return held_out.part(&train, split);
        }
        Self::read_file(folder, split, labels, reader)
    }
}
