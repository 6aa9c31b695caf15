//! `act-dataset.json`: what a data folder says of itself.
//!
//! Every key is optional where the task is a built-in one; docs/data.md explains them:
//! ```json
//! {"task": "reviews", "columns": {"text": 2, "label": 1}, "labels": ["bad", "good"],
//!  "files": {"train": "reviews-train.csv", "dev": "reviews-dev.csv"}}
//! ```

mod files;

use std::path::Path;

use act_core::json::check_weight;
use act_core::{BuiltIn, Error, Result};
use act_stage::config::nearest;
use serde::{Deserialize, Serialize};

use crate::columns::Columns;
use crate::labels::Labels;
use crate::read::read_bounded;
use crate::target::ProblemKind;
use crate::task::Task;

pub use files::{FileFormat, FileSpec, Files, HoldOut, Style};

/// Name of the description inside a data folder.
pub const DESCRIPTION: &str = "act-dataset.json";

/// Longest description in bytes; as many labels fit as a model may have.
const LONGEST: u64 = 4 << 20;
/// Most memory of what it says.
const MOST: usize = 32 << 20;

/// A data folder's own description.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Description {
    /// Name of the task; a built-in name brings its fields and labels.
    pub task: Option<String>,
    /// Names or numbers of the columns (tables), or names of the fields (JSON).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Columns>,
    /// What the labels are; one a text where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<ProblemKind>,
    /// Label names; the index is the class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<Vec<String>>,
    /// True where rows say the number of a class, from 0, instead of its name.
    #[serde(skip_serializing_if = "is_false")]
    pub label_numbers: bool,
    /// What stands between the labels of a multi-label row of a table; a comma where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub separator: Option<String>,
    /// Names of the splits' files; the usual ones where absent.
    #[serde(skip_serializing_if = "Files::is_empty")]
    pub files: Files,
    /// How files hold their rows; by their endings where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<FileFormat>,
    /// Whether the first line of a table is its header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<bool>,
    /// What stands between the cells of a table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<char>,
    /// Whether a table's cells may stand between quotes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quotes: Option<bool>,
    /// Whether a table's rows may have more or fewer cells than the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ragged: Option<bool>,
    /// What is held out of train where there is no file of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold_out: Option<HoldOut>,
    /// True for the bundled generator's corpus.
    #[serde(skip_serializing_if = "is_false")]
    pub synthetic: bool,
}

fn is_false(value: &bool) -> bool {
    !value
}

/// The key that an unknown one most likely means, for the end of a message.
fn meant_key(message: &str) -> String {
    const KEYS: [&str; 22] = [
        "task",
        "columns",
        "problem",
        "labels",
        "label_numbers",
        "separator",
        "files",
        "format",
        "header",
        "delimiter",
        "quotes",
        "ragged",
        "hold_out",
        "synthetic",
        "text",
        "pair",
        "label",
        "train",
        "dev",
        "test",
        "name",
        "seed",
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
        if !path.try_exists().map_err(|e| Error::io(&path, e))? {
            return Ok(None);
        }
        let wrong = |what: String| Error::usage(format!("{}: {what}", path.display()));
        let bytes = read_bounded(&path, LONGEST, "no description")?;
        check_weight(&bytes, MOST).map_err(|e| wrong(e.to_string()))?;
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
        // Bytes that are not UTF-8 are the user's to mend like any other mistake in it.
        let parsed = serde_json::from_slice(bytes);
        let description: Self = parsed.map_err(|e| {
            let what = e.to_string();
            let meant = meant_key(&what);
            wrong(what + &meant)
        })?;
        let named = description.task.as_ref();
        if let Some(task) = named.filter(|task| task.chars().any(char::is_control)) {
            return Err(wrong(format!(
                "the task {task:?} has a control character in its name"
            )));
        }
        Ok(Some(description))
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
                        "{}: of which task? Name it ({}) or describe the data in {DESCRIPTION} (act-data \
                         describe DIR proposes one)",
                        path.display(),
                        BuiltIn::list()
                    ))
                })
            }
        }
    }

    /// How tables are written, as far as it is said of all of them.
    pub(crate) fn style(&self) -> Style {
        Style {
            header: self.header,
            delimiter: self.delimiter,
            quotes: self.quotes,
            ragged: self.ragged,
        }
    }

    /// Says no to what no file can be read by.
    fn check(&self) -> Result<()> {
        self.files.check()?;
        self.hold_out.unwrap_or_default().check()?;
        let specs = [&self.files.train, &self.files.dev, &self.files.test];
        let own = specs.into_iter().flatten();
        for columns in own.clone().filter_map(|spec| spec.columns.as_ref()) {
            columns.check()?;
        }
        let delimiters = own.map(|spec| spec.style.delimiter).chain([self.delimiter]);
        for given in delimiters.flatten() {
            if !given.is_ascii() || given == '"' || given == '\n' || given == '\r' {
                return Err(Error::usage(format!(
                    "delimiter: {given:?} is none; it is one ASCII character, no quote and no line end"
                )));
            }
        }
        if self.separator.as_deref() == Some("") {
            return Err(Error::usage("separator: it is at least one character"));
        }
        Ok(())
    }

    /// The task that it makes of a name.
    pub(crate) fn resolve(&self, name: &str) -> Result<Task> {
        self.check()?;
        let known = BuiltIn::named(name).map(Task::of);
        let labels = self.labels.clone().map(|names| self.given_labels(names));
        let labels = labels.transpose()?;
        if let Some(columns) = &self.columns {
            columns.check()?;
        }
        let task = match (known, &self.columns) {
            (Some(task), None) if labels.is_none() => Ok(task),
            (Some(_), None) => Err(Error::usage(format!(
                "labels without columns; {name}'s are built in"
            ))),
            (Some(task), Some(columns)) => {
                let labels = labels.unwrap_or_else(|| Labels::new(task.labels().to_vec()));
                let problem = self.problem.unwrap_or(task.problem());
                Ok(Task::own(task.name(), columns, labels).with_problem(problem))
            }
            (None, Some(columns)) => {
                let problem = self.problem.unwrap_or_default();
                let labels = match (labels, problem) {
                    (Some(labels), _) => labels,
                    (None, ProblemKind::Regression) => Labels::new(vec!["score".into()]),
                    (None, _) => {
                        return Err(Error::usage(
                            "no labels: list their names (act-data describe lists them)",
                        ));
                    }
                };
                Ok(Task::own(name, columns, labels).with_problem(problem))
            }
            (None, None) => Err(Error::usage(format!(
                "no columns: {name:?} is no built-in task ({}), so name the columns of its files, as \
                 in \"columns\": {{\"text\": \"sentence\", \"label\": \"label\"}}",
                BuiltIn::list()
            ))),
        };
        let separator = self.separator.as_deref().unwrap_or(",");
        Ok(task?.with_separator(separator))
    }

    fn given_labels(&self, names: Vec<String>) -> Result<Labels> {
        if self.problem == Some(ProblemKind::Regression) {
            return match names.len() {
                1 => Ok(Labels::new(names)),
                n => Err(Error::usage(format!(
                    "labels: a regression has one name, that of its score, not {n}"
                ))),
            };
        }
        let labels = Labels::given(names)?;
        let names = labels.names().iter();
        let separator = self.separator.as_deref().unwrap_or(",");
        let multi = self.problem == Some(ProblemKind::MultiLabel) && !self.label_numbers;
        if let Some(name) = names.clone().find(|name| multi && name.contains(separator)) {
            log::warn!(
                "label {name:?} holds the separator {separator:?}: only JSON lists can name it"
            );
        }
        Ok(labels.by_number(self.label_numbers))
    }
}
