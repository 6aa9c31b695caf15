//! What a model takes, one text or two, and in which columns: from its built-in task, from the columns
//! that were recorded when it was made, or from the description beside the input.

use std::path::Path;

use act_core::{Error, Result, TaskInfo};
use act_data::{Description, Record, Task};

/// How many texts a model takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// One.
    One,
    /// A pair.
    Two,
    /// Nobody has recorded it.
    Unknown,
}

/// The texts of a task, with the columns that hold them, as far as they are known.
#[derive(Debug, Clone)]
pub struct TaskTexts(Option<Task>);

/// A text, and the second of a pair.
pub type Texts = (String, Option<String>);

/// Names in use for the columns of tasks that we do not know.
const FIRST: [&str; 3] = ["text", "sentence", "sentence1"];
const SECOND: [&str; 2] = ["text_pair", "sentence2"];

impl TaskTexts {
    /// Of a model.
    pub fn of(task: &TaskInfo) -> Self {
        Self(Task::of_model(task))
    }

    /// Of the model as the `act-dataset.json` beside `input` names its columns, if there is one, and it
    /// is of the same task.
    ///
    /// # Errors
    /// Usage: the description is wrong, or of pairs where the model takes one text, or the other way
    /// round.
    pub fn beside(self, input: &Path, task: &TaskInfo) -> Result<Self> {
        let folder = match input.parent() {
            Some(folder) if input.as_os_str() != "-" => folder,
            _ => return Ok(self),
        };
        let folder = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        let Some(description) = Description::read(folder)? else {
            return Ok(self);
        };
        let same = description.task.as_deref().map(Task::canonical) == Some(&*task.name);
        let Some(columns) = description.columns.filter(|_| same) else {
            return Ok(self);
        };
        let described = Self(Some(Task::unlabelled(&task.name, &columns)));
        match (self.takes(), described.takes()) {
            (ours, theirs) if ours == theirs || ours == Takes::Unknown => Ok(described),
            (ours, theirs) => Err(Error::usage(format!(
                "{}: the data are of {theirs}, and the model takes {ours}",
                folder.display()
            ))),
        }
    }

    /// Those of a task.
    pub fn of_task(task: Task) -> Self {
        Self(Some(task))
    }

    /// How many texts the model takes.
    pub fn takes(&self) -> Takes {
        match &self.0 {
            Some(task) if task.is_pair() => Takes::Two,
            Some(_) => Takes::One,
            None => Takes::Unknown,
        }
    }

    /// The columns that a table must have, if they are known.
    pub fn columns(&self) -> Option<Vec<&str>> {
        self.0.as_ref().map(Task::text_columns)
    }

    /// The same as a table has them whose first row has these cells, and whether that is a header, where
    /// it is known: not where columns are called by their numbers.
    pub fn of_table(&self, first: &[String]) -> (Self, Option<bool>) {
        let Some(task) = &self.0 else {
            return (self.clone(), None);
        };
        let (task, header) = task.of_file(first, true);
        let numbered = |name: &&str| name.parse::<usize>().is_ok();
        let by_number = task.text_columns().iter().all(numbered);
        (Self(Some(task)), header.or(by_number.then_some(false)))
    }

    /// The texts of a row, in the task's own columns or, where it is not built in, in those that are in
    /// use. No other column is read, a label least of all.
    ///
    /// # Errors
    /// Usage: a column is missing, or there are more or fewer texts than the model takes.
    pub fn read(&self, row: &Record) -> Result<Texts> {
        let own = self.0.as_ref().filter(|task| {
            let generic = task.columns().is_some() && FIRST.iter().any(|name| row.has(name));
            !generic || row.has(task.text_columns()[0])
        });
        let texts = match own {
            Some(task) => {
                let names: Vec<String> = row.names().map(str::to_string).collect();
                task.of_file(&names, row.has("1")).0.texts(row)?
            }
            None => generic(row)?,
        };
        match (self.takes(), &texts.1) {
            (Takes::One, Some(_)) => Err(Error::usage("the model takes one text, not two")),
            (Takes::Two, None) => Err(Error::usage("the model takes two texts, and there is one")),
            _ => Ok(texts),
        }
    }
}

/// The columns in use of a table's header, of a task that we do not know; at least the first.
pub fn columns_in(header: &[String]) -> Vec<&'static str> {
    let names = FIRST.into_iter().chain(SECOND);
    let there = |name: &&str| header.iter().any(|cell| cell == name);
    let found: Vec<&str> = names.filter(there).collect();
    if found.is_empty() {
        vec![FIRST[0]]
    } else {
        found
    }
}

fn generic(row: &Record) -> Result<Texts> {
    let first = FIRST.into_iter().find(|name| row.has(name));
    let second = SECOND.into_iter().find(|name| row.has(name));
    if first == Some("sentence1") && second.is_none() {
        row.text("sentence2")?;
    }
    let text = row.text(first.unwrap_or(FIRST[0]))?;
    let pair = second.map(|name| row.text(name)).transpose()?;
    Ok((text.into(), pair.map(str::to_string)))
}

/// `one text`
impl std::fmt::Display for Takes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Takes::One => "one text",
            Takes::Two => "two texts",
            Takes::Unknown => "one text or two",
        })
    }
}
