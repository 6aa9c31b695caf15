//! What a data folder seems to hold, looked at without a description, and the `act-dataset.json` that says
//! so. Whatever is guessed is shown, and what may be guessed wrong is named.

mod columns;
mod files;
mod labels;
mod names;
mod roles;
mod sniff;
mod text;

use std::path::Path;

use act_core::{BuiltIn, Error, Result};
use serde::Serialize;

use crate::check::{LabelCount, Survey};
use crate::columns::Columns;
use crate::dataset::Dataset;
use crate::description::{DESCRIPTION, Description, FileFormat, FileSpec, Files};
use crate::folder::Folder;
use crate::split::Split;
use crate::split_from_train::HeldOut;
use crate::target::ProblemKind;
use crate::task::Task;
use files::Found;
use sniff::Sniffed;

/// What a folder seems to hold.
#[derive(Debug, Serialize)]
pub struct Proposal {
    /// The description to write.
    pub description: Description,
    /// The splits as they are read by it.
    pub splits: Vec<SplitSeen>,
    /// Which columns hold what, as the train file has them.
    pub columns: Columns,
    /// What the labels are.
    pub problem: ProblemKind,
    /// The first few rows of train: texts and labels.
    pub rows: Vec<RowSeen>,
    /// Files that look like data and are not used.
    pub not_used: Vec<String>,
    /// What may be guessed wrong.
    pub doubts: Vec<String>,
    /// What is wrong with the files as they would be read.
    pub errors: Vec<String>,
}

/// A split as it is read.
#[derive(Debug, Serialize)]
pub struct SplitSeen {
    /// Its name.
    pub split: String,
    /// Its file and how that is written, or how it is held out.
    pub source: String,
    /// Number of examples.
    pub examples: usize,
    /// How many have each label, in the order of the labels.
    pub labels: Vec<LabelCount>,
}

/// A row of train.
#[derive(Debug, Serialize)]
pub struct RowSeen {
    /// The text.
    pub text: String,
    /// The second of a pair.
    pub pair: Option<String>,
    /// Names of its labels, or its score.
    pub labels: Vec<String>,
}

/// Looks at a folder. `task` names it; else the folder's own name does.
///
/// # Errors
/// Usage: no folder, no data file in it, or a train file whose columns tell nothing apart.
pub fn describe(dir: &Path, task: Option<&str>) -> Result<Proposal> {
    let name = names::task(dir, task);
    if let Some(built_in) = built_in(dir, &name) {
        return Ok(built_in);
    }
    let Found { files, mut doubts } = files::find(dir)?;
    let Some(train) = files.train.clone() else {
        return Err(Error::usage(format!(
            "{}: no file is called like a train file; rename one, or name it: \"files\": {{\"train\": ..}} \
             in {DESCRIPTION}",
            dir.display()
        )));
    };
    let sniffed = sniff::sniff(&dir.join(&train))?;
    let roles =
        roles::find(&sniffed, &mut doubts).map_err(|e| e.context(dir.join(&train).display()))?;
    let mut seen = vec![roles::labels_of(&sniffed, &roles.label)];
    let mut specs = Files::default();
    let style = sniffed.style();
    for (split, name) in files.others() {
        let other = match sniff::sniff(&dir.join(&name)) {
            Ok(other) => other,
            Err(e) => {
                doubts.push(e.to_string());
                continue;
            }
        };
        let spec = roles::spec(&name, &other, &sniffed, &roles, split, &mut doubts);
        let label = spec.columns.as_ref().map_or(&roles.label, |own| &own.label);
        seen.push(roles::labels_of(&other, label));
        set(&mut specs, split, spec);
    }
    let named = FileSpec {
        name: train.clone(),
        ..FileSpec::default()
    };
    set(&mut specs, Split::Train, named);
    let labels = labels::find(dir, &roles, &seen, &mut doubts);
    let format = format(&files, &sniffed);
    let columns = Columns {
        text: roles.text,
        pair: roles.pair,
        label: roles.label,
    };
    let description = Description {
        task: Some(name.clone()),
        problem: (roles.problem != ProblemKind::SingleLabel).then_some(roles.problem),
        columns: Some(columns),
        separator: roles.separator.filter(|separator| separator != ","),
        labels: labels.names,
        label_numbers: labels.numbered,
        files: if files.are_usual(format) {
            own_columns(specs)
        } else {
            specs
        },
        format,
        header: style.header,
        delimiter: style.delimiter,
        quotes: style.quotes,
        ragged: style.ragged,
        ..Description::default()
    };
    proposal(dir, &name, description, doubts)
}

/// The built-in task of a folder whose files are that task's own.
fn built_in(dir: &Path, name: &str) -> Option<Proposal> {
    BuiltIn::named(name)?;
    let description = Description {
        task: Some(Task::canonical(name).into()),
        ..Description::default()
    };
    let proposal = proposal(dir, name, description, Vec::new()).ok()?;
    let read = |split: Split| {
        proposal
            .splits
            .iter()
            .any(|seen| seen.split == split.to_string())
    };
    (read(Split::Train) && proposal.errors.is_empty()).then_some(proposal)
}

fn proposal(
    dir: &Path,
    name: &str,
    description: Description,
    mut doubts: Vec<String>,
) -> Result<Proposal> {
    let folder = Folder::described(dir, name, description.clone())?;
    let mut survey = Survey::default();
    let sets = survey.read_all(&folder, None);
    let sets: Vec<Dataset> = sets.into_iter().map(|(set, _)| set).collect();
    let held_out = HeldOut::of(&folder);
    doubts.append(&mut survey.warnings);
    let missing = folder.split(Split::Train).err().map(|e| e.to_string());
    let errors = missing.into_iter().chain(survey.errors).collect();
    doubts.extend(labels::judge(&sets));
    let rows = sets.iter().find(|set| set.split == Split::Train);
    let rows = rows.map_or(Vec::new(), |train| {
        let rows = train.examples.iter().take(3);
        rows.map(|example| RowSeen {
            text: example.text.clone(),
            pair: example.pair.clone(),
            labels: labels::of(example, &train.labels),
        })
        .collect()
    });
    let splits = sets.iter().map(|set| SplitSeen {
        split: set.split.to_string(),
        source: match held_out
            .note(set.split)
            .filter(|_| set.split != Split::Train)
        {
            Some(note) => note,
            None => folder.source(set.split),
        },
        examples: set.examples.len(),
        labels: crate::check::label_counts(set),
    });
    Ok(Proposal {
        splits: splits.collect(),
        columns: folder.columns(),
        problem: folder.task.problem(),
        rows,
        not_used: folder.not_read(),
        doubts,
        errors,
        description,
    })
}

/// The format to read all files by, where their endings do not say it.
fn format(files: &files::Splits, train: &Sniffed) -> Option<FileFormat> {
    let tabs = train.delimiter() == Some(b'\t');
    if !files
        .names()
        .all(|name| FileFormat::of_name(&name).is_some())
    {
        return Some(match (train.is_json(), tabs) {
            (true, _) => FileFormat::Jsonl,
            (_, true) => FileFormat::Tsv,
            _ => FileFormat::Csv,
        });
    }
    let name = files.train.as_deref().and_then(FileFormat::of_name);
    let comma = name.and_then(FileFormat::delimiter) == Some(b',');
    (tabs && comma).then_some(FileFormat::Tsv)
}

fn set(files: &mut Files, split: Split, spec: FileSpec) {
    match split {
        Split::Train => files.train = Some(spec),
        Split::Dev => files.dev = Some(spec),
        Split::Test => files.test = Some(spec),
        Split::DevMismatched => {}
    }
}

/// Only files with columns or a style of their own: the others have the usual names.
fn own_columns(files: Files) -> Files {
    let plain = |spec: &FileSpec| spec.columns.is_none() && spec.style == Default::default();
    let own = |spec: Option<FileSpec>| spec.filter(|spec| !plain(spec));
    Files {
        train: own(files.train),
        dev: own(files.dev),
        test: own(files.test),
    }
}

impl Proposal {
    /// The text of the `act-dataset.json`.
    ///
    /// # Errors
    /// None that is known: everything in it can be written as JSON.
    pub fn json(&self) -> Result<String> {
        let text = serde_json::to_string_pretty(&self.description);
        text.map(|text| text + "\n")
            .map_err(|e| Error::failed(e.to_string()))
    }

    /// An error that names the first thing that is wrong with the files, if anything is.
    ///
    /// # Errors
    /// Usage.
    pub fn verdict(&self) -> Result<()> {
        match self.errors.as_slice() {
            [] => Ok(()),
            [first, ..] => Err(Error::usage(format!(
                "{first} (act-data check tells everything)"
            ))),
        }
    }
}
