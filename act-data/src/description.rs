//! `act-dataset.json`: what a data folder says of itself.
//!
//! Every key is optional where the task is a built-in one; docs/data.md explains them:
//! ```json
//! {"task": "reviews", "format": "tsv", "labels": ["bad", "good"],
//!  "columns": {"text": "review", "label": "stars"}, "synthetic": false}
//! ```

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use act_core::{BuiltIn, Error, Result};
use act_stage::config::nearest;
use serde::{Deserialize, Serialize};

use crate::labels::Labels;
use crate::task::{Columns, Task};

/// Name of the description inside a data folder.
pub const DESCRIPTION: &str = "act-dataset.json";

/// Longest description in bytes; as many labels fit as a model may have.
const LONGEST: u64 = 16 << 20;

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
    /// Endings of files that hold it.
    pub(crate) fn extensions(self) -> &'static [&'static str] {
        match self {
            FileFormat::Jsonl => &["json", "jsonl"],
            FileFormat::Tsv => &["tsv"],
        }
    }
}

/// The key that an unknown one most likely means, for the end of a message.
fn meant_key(message: &str) -> String {
    const KEYS: [&str; 8] = [
        "task",
        "columns",
        "labels",
        "format",
        "synthetic",
        "text",
        "pair",
        "label",
    ];
    let unknown = message.strip_prefix("unknown field `");
    let unknown = unknown.and_then(|rest| rest.split('`').next());
    // `labels` is no column, and `label` no key beside them.
    let others = KEYS.into_iter().filter(|key| Some(*key) != unknown);
    let others: Vec<&str> = others.collect();
    let near = unknown.and_then(|name| nearest(name, &others));
    near.map_or(String::new(), |key| format!("; is {key:?} meant?"))
}

impl Description {
    /// The description in `dir`, if there is one.
    ///
    /// # Errors
    /// Usage: it is too long, no JSON, or has a key that is unknown or there twice.
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
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
        // Bytes that are not UTF-8 are the user's to mend like any other mistake in it.
        let parsed = serde_json::from_slice(bytes);
        parsed.map(Some).map_err(|e| {
            let what = e.to_string();
            let meant = meant_key(&what);
            wrong(what + &meant)
        })
    }

    /// What the task of the folder `path` is called: as asked for, as described, or as the folder is.
    pub(crate) fn task_name(&self, path: &Path, asked: Option<&str>) -> Result<String> {
        let same = |a: &str, b: &str| Task::canonical(a) == Task::canonical(b);
        match (asked, self.task.as_deref()) {
            (Some(asked), Some(described)) if !same(asked, described) => {
                Err(Error::usage(format!(
                    "{} holds {described}, not {asked} (its {DESCRIPTION} says so)",
                    path.display()
                )))
            }
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

    /// The task that it makes of a name.
    pub(crate) fn resolve(self, name: &str) -> Result<Task> {
        let known = BuiltIn::named(name).map(Task::of);
        let labels = self.labels.map(Labels::given).transpose()?;
        if let Some(columns) = &self.columns {
            columns.check()?;
        }
        match (known, &self.columns) {
            (Some(task), None) if labels.is_none() => Ok(task),
            (Some(_), None) => Err(Error::usage(format!(
                "labels without columns; {name}'s are built in"
            ))),
            (Some(task), Some(columns)) => {
                let labels = labels.unwrap_or_else(|| Labels::new(task.labels().to_vec()));
                Ok(Task::own(task.name(), columns, labels))
            }
            (None, Some(columns)) => {
                let missing = || Error::usage("no labels: list their names");
                Ok(Task::own(name, columns, labels.ok_or_else(missing)?))
            }
            (None, None) => Err(Error::usage(format!(
                "no columns: {name:?} is no built-in task ({}), so name the columns of its files, as \
                 in \"columns\": {{\"text\": \"sentence\", \"label\": \"label\"}}",
                BuiltIn::list()
            ))),
        }
    }
}
