//! `act-dataset.json`: what a data folder says of itself.
//!
//! Every key is optional where the task is a built-in one; docs/data.md explains them:
//! ```json
//! {"task": "reviews", "columns": {"text": 2, "label": 1}, "labels": ["bad", "good"],
//!  "files": {"train": "reviews-train.csv", "dev": "reviews-dev.csv"}}
//! ```

mod files;
mod mistakes;

use std::path::Path;

use act_core::json::check_weight;
use act_core::{BuiltIn, Error, Result};
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
        let description: Self = parsed.map_err(|e| wrong(mistakes::of_json(bytes, &e)))?;
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

    /// Each way in which no file could be read by it, or no task made of it under that name.
    fn checks(&self, name: &str, labels: &Result<Option<Labels>>) -> Vec<Result<()>> {
        let specs = [&self.files.train, &self.files.dev, &self.files.test];
        let own = || specs.into_iter().flatten();
        let columns = own().filter_map(|spec| spec.columns.as_ref());
        let delimiters = own().map(|spec| spec.style.delimiter);
        let separator = match self.separator.as_deref() {
            Some("") => Err(Error::usage("separator: it is at least one character")),
            _ => Ok(()),
        };
        let labels = labels.as_ref().map(|_| ());
        let mut checks = vec![
            self.files.check(),
            self.hold_out.unwrap_or_default().check(),
            separator,
            labels.map_err(|e| Error::usage(e.to_string())),
            self.is_complete(name),
        ];
        checks.extend(columns.chain(&self.columns).map(Columns::check));
        let given = delimiters.chain([self.delimiter]).flatten();
        checks.extend(given.map(check_delimiter));
        checks
    }

    /// Says no where neither the built-in task of that name nor the description has what a task is made of.
    fn is_complete(&self, name: &str) -> Result<()> {
        let known = BuiltIn::named(name).is_some();
        let scores = self.problem == Some(ProblemKind::Regression);
        let told = match (&self.columns, &self.labels) {
            (None, Some(_)) if known => format!("labels without columns; {name}'s are built in"),
            (None, _) if !known => no_columns(name),
            (Some(_), None) if !known && !scores => {
                "no labels: list their names (act-data describe lists them)".into()
            }
            _ => return Ok(()),
        };
        Err(Error::usage(told))
    }

    /// The task that it makes of a name.
    pub(crate) fn resolve(&self, name: &str) -> Result<Task> {
        let labels = self.labels.clone().map(|names| self.given_labels(names));
        let labels = labels.transpose();
        mistakes::all(self.checks(name, &labels))?;
        let labels = labels?;
        let known = BuiltIn::named(name).map(Task::of);
        let task = match (known, &self.columns) {
            (Some(task), Some(columns)) => {
                let labels = labels.unwrap_or_else(|| Labels::new(task.labels().to_vec()));
                let problem = self.problem.unwrap_or(task.problem());
                Task::own(task.name(), columns, labels).with_problem(problem)
            }
            (None, Some(columns)) => {
                let labels = labels.unwrap_or_else(|| Labels::new(vec!["score".into()]));
                Task::own(name, columns, labels).with_problem(self.problem.unwrap_or_default())
            }
            (known, None) => known.ok_or_else(|| Error::usage(no_columns(name)))?,
        };
        let separator = self.separator.as_deref().unwrap_or(",");
        Ok(task.with_separator(separator))
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

fn check_delimiter(given: char) -> Result<()> {
    if given.is_ascii() && !['"', '\n', '\r'].contains(&given) {
        return Ok(());
    }
    Err(Error::usage(format!(
        "delimiter: {given:?} is none; it is one ASCII character, no quote and no line end"
    )))
}

fn no_columns(name: &str) -> String {
    format!(
        "no columns: {name:?} is no built-in task ({}), so name the columns of its files, as in \
         \"columns\": {{\"text\": \"sentence\", \"label\": \"label\"}}",
        BuiltIn::list()
    )
}
