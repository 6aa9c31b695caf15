//! Where a split's file is and what its lines mean: a folder of data, with or without a
//! description, or a root with one folder per task.
//!
//! `act-dataset.json` in the folder describes data of one's own; every key is optional where the
//! task is a built-in one:
//! ```json
//! {"task": "reviews", "format": "tsv", "labels": ["bad", "good"],
//!  "columns": {"text": "review", "label": "stars"}, "synthetic": false}
//! ```

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use act_core::{BuiltIn, Error, Result};
use serde::{Deserialize, Serialize};

use crate::split::Split;
use crate::task::{Columns, Task};

/// Name of the description inside a data folder.
pub const DESCRIPTION: &str = "act-dataset.json";

/// Longest description in bytes; thousands of labels fit.
const LONGEST: u64 = 1 << 20;

/// A data folder's own description.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Description {
    /// Name of the task; a built-in name brings its fields and labels.
    pub task: Option<String>,
    /// Names of the columns (TSV) or fields (JSON lines).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Columns>,
    /// Label names; the index is the class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<Vec<String>>,
    /// How a line holds its fields; by the file's ending where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<FileFormat>,
    /// True for the bundled generator's corpus.
    pub synthetic: bool,
}

/// How a line holds its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileFormat {
    /// One JSON object a line; `.json` or `.jsonl`.
    Jsonl,
    /// Tab-separated values under a header line, without quoting; `.tsv`.
    Tsv,
}

impl FileFormat {
    fn extensions(self) -> &'static [&'static str] {
        match self {
            FileFormat::Jsonl => &["json", "jsonl"],
            FileFormat::Tsv => &["tsv"],
        }
    }
}

/// A folder of one task's data.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    path: PathBuf,
    pub(crate) task: Task,
    format: Option<FileFormat>,
    pub(crate) synthetic: bool,
}

impl Folder {
    /// Finds the folder of `task` (or of what the folder says it holds) at or below `dir`.
    pub(crate) fn open(dir: &Path, task: Option<&str>) -> Result<Self> {
        let meta = std::fs::metadata(dir).map_err(|e| Error::io(dir, e).context("data folder"))?;
        if !meta.is_dir() {
            let dir = dir.display();
            return Err(Error::usage(format!(
                "{dir} is not a folder; give the task's data folder"
            )));
        }
        let path = Self::find(dir, task)?;
        let description = Description::read(&path)?.unwrap_or_default();
        let name = task_name(&path, task, &description)?;
        let task = resolve(&path, &name, &description)?;
        Ok(Self {
            path,
            task,
            format: description.format,
            synthetic: description.synthetic,
        })
    }

    /// `dir` itself if it looks like a task's folder, otherwise `dir/TASK`.
    fn find(dir: &Path, task: Option<&str>) -> Result<PathBuf> {
        let holds = |split| file(dir, split, None).is_some();
        if dir.join(DESCRIPTION).exists() || Split::ALL.into_iter().any(holds) {
            return Ok(dir.to_path_buf());
        }
        let name = task.map(Task::canonical);
        let below = name
            .into_iter()
            .flat_map(|n| [n.to_string(), format!("{n}_public")]);
        let below = below.chain(task.map(str::to_string));
        let found = below.map(|n| dir.join(n)).find(|p| p.is_dir());
        found.ok_or_else(|| {
            let or = name.map_or(String::new(), |n| format!(", and no folder {n}"));
            Error::usage(format!(
                "{} holds no train, dev or test file (.json, .jsonl, .tsv){or}",
                dir.display()
            ))
        })
    }

    /// A split's file, and how its lines hold their fields.
    pub(crate) fn split(&self, split: Split) -> Result<(PathBuf, FileFormat)> {
        self.find_split(split).ok_or_else(|| {
            let endings = match self.format {
                Some(FileFormat::Tsv) => ".tsv",
                Some(FileFormat::Jsonl) => ".json or .jsonl",
                None => ".json, .jsonl or .tsv",
            };
            let path = self.path.display();
            Error::usage(format!("{path} has no {split} file ({split}{endings})"))
        })
    }

    /// The same, `None` where there is no such file.
    pub(crate) fn find_split(&self, split: Split) -> Option<(PathBuf, FileFormat)> {
        file(&self.path, split, self.format)
    }
}

fn file(dir: &Path, split: Split, format: Option<FileFormat>) -> Option<(PathBuf, FileFormat)> {
    let formats = [FileFormat::Jsonl, FileFormat::Tsv];
    let formats = formats
        .into_iter()
        .filter(|f| format.is_none_or(|wanted| *f == wanted));
    let mut candidates = formats.flat_map(|f| {
        let stems = split.stems().iter();
        stems.flat_map(move |s| f.extensions().iter().map(move |e| (format!("{s}.{e}"), f)))
    });
    let (name, format) = candidates.find(|(name, _)| dir.join(name).exists())?;
    Some((dir.join(name), format))
}

impl Description {
    /// The description in `dir`, if there is one.
    pub fn read(dir: &Path) -> Result<Option<Self>> {
        let path = dir.join(DESCRIPTION);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::io(&path, e)),
        };
        let mut bytes = Vec::new();
        file.take(LONGEST + 1)
            .read_to_end(&mut bytes)
            .map_err(|e| Error::io(&path, e))?;
        let wrong = |what: String| Error::usage(format!("{}: {what}", path.display()));
        if bytes.len() as u64 > LONGEST {
            return Err(wrong(format!(
                "longer than {LONGEST} bytes, no description"
            )));
        }
        // Bytes that are not UTF-8 are the user's to mend like any other mistake in it.
        let parsed = serde_json::from_slice(&bytes);
        parsed.map(Some).map_err(|e| wrong(e.to_string()))
    }
}

/// What to call the task: as asked for, as described, or as the folder is called.
fn task_name(path: &Path, asked: Option<&str>, description: &Description) -> Result<String> {
    let same = |a: &str, b: &str| Task::canonical(a) == Task::canonical(b);
    match (asked, description.task.as_deref()) {
        (Some(asked), Some(described)) if !same(asked, described) => Err(Error::usage(format!(
            "{} holds {described}, not {asked} (its {DESCRIPTION} says so)",
            path.display()
        ))),
        (Some(name), _) | (None, Some(name)) => Ok(name.to_string()),
        (None, None) => {
            let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
            let folder = absolute
                .file_name()
                .map(|n| n.to_string_lossy().into_owned());
            let known = folder.filter(|name| BuiltIn::named(name).is_some());
            known.ok_or_else(|| {
                Error::usage(format!(
                    "{}: of which task? Name it ({}) or describe the data in {DESCRIPTION}",
                    path.display(),
                    BuiltIn::list()
                ))
            })
        }
    }
}

/// The task that the description makes of the name.
fn resolve(path: &Path, name: &str, description: &Description) -> Result<Task> {
    let wrong =
        |what: String| Error::usage(format!("{}: {what}", path.join(DESCRIPTION).display()));
    let known = BuiltIn::named(name).map(Task::of);
    let labels = description.labels.clone();
    if let Some(labels) = &labels {
        let twice = labels
            .iter()
            .enumerate()
            .find(|(i, l)| labels[..*i].contains(l));
        if let Some((_, label)) = twice {
            return Err(wrong(format!("label {label:?} twice")));
        }
        if labels.len() < 2 {
            return Err(wrong("labels: at least two are needed".into()));
        }
    }
    match (known, &description.columns) {
        (Some(task), None) if labels.is_none() => Ok(task),
        (Some(_), None) => Err(wrong(format!(
            "labels without columns; {name}'s are built in"
        ))),
        (Some(task), Some(columns)) => {
            let labels = labels.unwrap_or_else(|| task.labels().to_vec());
            Ok(Task::own(task.name(), columns, labels))
        }
        (None, Some(columns)) => {
            let labels = labels.ok_or_else(|| wrong("no labels: list their names".into()))?;
            Ok(Task::own(name, columns, labels))
        }
        (None, None) => Task::builtin(name).map_err(|e| e.context(path.display())),
    }
}
