//! The registry of tasks: which fields of a line are the text, the pair and the label, and the
//! labels in their canonical order.
//!
//! A model without a label map of its own (a Paddle export) numbers its classes as PaddleNLP's
//! loader does, so each task's order here is that of `paddlenlp/datasets/clue.py` and `glue.py`.
//! The orders differ between tasks, OCNLI's and CMNLI's too: do not tidy them.

use act_core::{BuiltIn, Error, Result, TaskInfo};

use crate::columns::{self, Columns};
use crate::labels::Labels;
use crate::read::{Record, position, quoted};
use crate::target::{ProblemKind, Target};
use crate::{csl, glue, wsc};

/// What a line's fields mean.
#[derive(Debug, Clone)]
pub struct Task {
    name: String,
    labels: Labels,
    texts: Texts,
    /// The columns that a user named; a built-in task has its own.
    columns: Option<Columns>,
    label: String,
    /// A label that means "the annotators did not agree": such lines are left out.
    undecided: Option<&'static str>,
    problem: ProblemKind,
    /// What stands between the labels of a multi-label row of a table.
    separator: String,
    /// The built-in task whose files may name their columns in more than one way.
    published: Option<BuiltIn>,
}

#[derive(Debug, Clone)]
enum Texts {
    Single(String),
    Pair(String, String),
    Wsc,
    Csl,
}

/// What a line says about its label; classes are the task's.
#[derive(Debug, PartialEq)]
pub(crate) enum Label {
    Given(Target),
    Undecided,
    Absent,
}

const TNEWS: [&str; 15] = [
    "100", "101", "102", "103", "104", "106", "107", "108", "109", "110", "112", "113", "114",
    "115", "116",
];

impl Task {
    /// The name used here for a task: a built-in one's own, any other as it is.
    pub fn canonical(name: &str) -> &str {
        BuiltIn::named(name).map_or(name, |task| task.name())
    }

    /// A built-in task by name.
    ///
    /// # Errors
    /// Usage: there is none of that name; the message lists them.
    pub fn builtin(name: &str) -> Result<Self> {
        known(name).map(Self::of)
    }

    /// A built-in task.
    pub fn of(task: BuiltIn) -> Self {
        let single = || Texts::Single("sentence".into());
        let pair = || Texts::Pair("sentence1".into(), "sentence2".into());
        let (texts, labels): (Texts, &[&str]) = match task {
            BuiltIn::Tnews => (single(), &TNEWS),
            BuiltIn::Iflytek => (single(), &[]),
            BuiltIn::Cola | BuiltIn::Sst2 => (single(), &["0", "1"]),
            BuiltIn::Afqmc | BuiltIn::Mrpc | BuiltIn::Qqp | BuiltIn::Wnli => (pair(), &["0", "1"]),
            BuiltIn::Stsb => (pair(), &["score"]),
            BuiltIn::Ocnli => (pair(), &["entailment", "contradiction", "neutral"]),
            BuiltIn::Cmnli | BuiltIn::Mnli => (pair(), &["contradiction", "entailment", "neutral"]),
            BuiltIn::Rte | BuiltIn::Qnli => (pair(), &["entailment", "not_entailment"]),
            BuiltIn::Cluewsc2020 => (Texts::Wsc, &["true", "false"]),
            BuiltIn::Csl => (Texts::Csl, &["0", "1"]),
        };
        let labels = if task == BuiltIn::Iflytek {
            (0..119).map(|i| i.to_string()).collect()
        } else {
            labels.iter().map(|l| l.to_string()).collect()
        };
        let undecided = matches!(task, BuiltIn::Ocnli | BuiltIn::Cmnli | BuiltIn::Mnli);
        Self {
            name: task.name().into(),
            labels: Labels::new(labels),
            texts,
            columns: None,
            label: columns::label(),
            undecided: undecided.then_some("-"),
            problem: match task {
                BuiltIn::Stsb => ProblemKind::Regression,
                _ => ProblemKind::SingleLabel,
            },
            separator: ",".into(),
            published: (!task.is_clue()).then_some(task),
        }
    }

    /// What a model's lines are, to be read for their texts alone: by the columns that it was made for,
    /// or as those of its built-in task; `None` where nobody has recorded it.
    pub fn of_model(task: &TaskInfo) -> Option<Self> {
        match &task.columns {
            Some(columns) => Some(Self::unlabelled(&task.name, &Columns::from(columns))),
            None => Self::builtin(&task.name).ok(),
        }
    }

    /// A task of the user's own whose lines are read for their texts alone: it has no labels.
    pub fn unlabelled(name: &str, columns: &Columns) -> Self {
        Self::own(name, columns, Labels::new(Vec::new()))
    }

    /// A task of the user's own, from named columns.
    pub(crate) fn own(name: &str, columns: &Columns, labels: Labels) -> Self {
        let text = columns.text.clone();
        Self {
            name: name.into(),
            labels,
            texts: match &columns.pair {
                Some(pair) => Texts::Pair(text, pair.clone()),
                None => Texts::Single(text),
            },
            columns: Some(columns.clone()),
            label: columns.label.clone(),
            undecided: None,
            problem: ProblemKind::SingleLabel,
            separator: ",".into(),
            published: None,
        }
    }

    pub(crate) fn with_problem(self, problem: ProblemKind) -> Self {
        Self { problem, ..self }
    }

    pub(crate) fn with_separator(self, separator: &str) -> Self {
        Self {
            separator: separator.into(),
            ..self
        }
    }

    /// The same task in other columns.
    pub(crate) fn with_columns(&self, columns: &Columns) -> Self {
        let own = Self::own(&self.name, columns, self.labels.clone());
        Self {
            texts: own.texts,
            label: own.label,
            ..self.clone()
        }
    }

    /// The task as a file has it whose first row has these cells, or whose objects these fields: a
    /// published one in the columns that are there; and whether its table has a header, where that is
    /// known.
    pub fn of_file(&self, first: &[String], table: bool) -> (Self, Option<bool>) {
        let Some(layout) = self
            .published
            .and_then(|task| glue::layout(task, first, table))
        else {
            return (self.clone(), None);
        };
        let header = position(&layout.text).is_none();
        (self.with_columns(&layout), Some(header))
    }

    /// Whether rows that were cut short are left out, and others may be longer than the first.
    pub(crate) fn is_ragged(&self) -> bool {
        self.published == Some(BuiltIn::Qqp)
    }

    /// What the labels are.
    pub fn problem(&self) -> ProblemKind {
        self.problem
    }

    /// The task's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Label names in canonical order; the index is the class.
    pub fn labels(&self) -> &[String] {
        self.labels.names()
    }

    /// The columns that a user named for it; `None` of a built-in task with its own fields.
    pub fn columns(&self) -> Option<&Columns> {
        self.columns.as_ref()
    }

    /// Whether an example has two texts.
    pub fn is_pair(&self) -> bool {
        matches!(self.texts, Texts::Pair(..) | Texts::Csl)
    }

    /// Names of the columns that hold the texts.
    pub fn text_columns(&self) -> Vec<&str> {
        match &self.texts {
            Texts::Single(text) => vec![text],
            Texts::Pair(a, b) => vec![a, b],
            Texts::Wsc => vec!["text", "target"],
            Texts::Csl => vec!["keyword", "abst"],
        }
    }

    /// The text and the pair of one line in the task's own columns; a label is not needed, and is never
    /// part of a text.
    ///
    /// # Errors
    /// Usage: a field is missing or of another kind.
    pub fn texts(&self, record: &Record) -> Result<(String, Option<String>)> {
        Ok(match &self.texts {
            Texts::Single(text) => (record.text(text)?.into(), None),
            Texts::Pair(a, b) => (record.text(a)?.into(), Some(record.text(b)?.into())),
            Texts::Wsc => (wsc::text(record)?, None),
            Texts::Csl => {
                let (keywords, abstract_) = csl::texts(record)?;
                (keywords, Some(abstract_))
            }
        })
    }

    pub(crate) fn label(&self, record: &Record) -> Result<Label> {
        let target = match self.problem {
            ProblemKind::MultiLabel => self.classes(record)?,
            ProblemKind::SingleLabel => {
                let Some(name) = self.one_label(record)? else {
                    return Ok(Label::Absent);
                };
                if self.undecided == Some(&name) {
                    return Ok(Label::Undecided);
                }
                Some(Target::Class(self.class(&name)?))
            }
            ProblemKind::Regression => match self.one_label(record)? {
                Some(score) => Some(self.score(&score)?),
                None => None,
            },
        };
        Ok(target.map_or(Label::Absent, Label::Given))
    }

    /// A label that is there: an empty cell is none, unless a label is called so.
    fn one_label(&self, record: &Record) -> Result<Option<String>> {
        let name = record.label(&self.label)?;
        Ok(name.filter(|name| !name.is_empty() || self.labels.has("")))
    }

    /// The classes of a multi-label row. An empty cell and an empty list mean that none applies.
    fn classes(&self, record: &Record) -> Result<Option<Target>> {
        let Some(names) = record.labels(&self.label, &self.separator)? else {
            return Ok(None);
        };
        let classes = names.iter().map(|name| self.class(name));
        let mut classes: Vec<u32> = classes.collect::<Result<_>>()?;
        classes.sort_unstable();
        classes.dedup();
        Ok(Some(Target::Classes(classes)))
    }

    fn class(&self, name: &str) -> Result<u32> {
        let class = self.labels.class(name, &self.name)?;
        Ok(u32::try_from(class).expect("fewer labels than limits::LABELS"))
    }

    fn score(&self, given: &str) -> Result<Target> {
        let score: Option<f64> = given.trim().parse().ok();
        let score = score.filter(|score| score.is_finite());
        score.map(Target::Score).ok_or_else(|| {
            let (name, given) = (&self.name, quoted(given));
            Error::usage(format!("a label of {name} is a number, not {given}"))
        })
    }

    /// Name of the label's field.
    pub(crate) fn label_field(&self) -> &str {
        &self.label
    }
}

/// The built-in task of a name.
///
/// # Errors
/// As [`Task::builtin`].
pub(crate) fn known(name: &str) -> Result<BuiltIn> {
    BuiltIn::named(name).ok_or_else(|| {
        let known = BuiltIn::list();
        Error::usage(format!(
            "no built-in task is called {name:?} (there are {known}); describe your own data in \
             act-dataset.json"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_and_the_reader_agree_on_what_is_a_pair() {
        for task in BuiltIn::ALL {
            assert_eq!(Task::of(task).is_pair(), task.is_pair(), "{}", task.name());
        }
    }

    #[test]
    fn a_built_in_task_has_one_name_and_any_other_keeps_its_own() {
        for task in BuiltIn::ALL {
            assert_eq!(Task::builtin(task.name()).unwrap().name(), task.name());
        }
        assert_eq!(Task::canonical("SST-2"), "sst2");
        assert_eq!(Task::canonical("My-Own"), "My-Own");
        let error = Task::builtin("boolq").unwrap_err().to_string();
        assert!(
            error.contains("afqmc, tnews") && !error.contains('\n'),
            "{error}"
        );
    }

    #[test]
    fn labels_stand_in_the_order_of_the_published_loaders() {
        let labels = |t: &str| Task::builtin(t).unwrap().labels().to_vec();
        assert_eq!(labels("tnews").len(), 15);
        assert_eq!(labels("iflytek").len(), 119);
        assert_eq!(labels("iflytek")[118], "118");
        assert_eq!(labels("ocnli")[0], "entailment");
        assert_eq!(labels("cmnli")[0], "contradiction");
        assert_eq!(labels("cluewsc2020"), ["true", "false"]);
    }

    #[test]
    fn texts_of_each_family() {
        let parse = |t: &str, line: &str| {
            let record = Record::from_json(line).unwrap();
            Task::builtin(t).unwrap().texts(&record).unwrap()
        };
        let (text, pair) = parse("tnews", r#"{"sentence":"标题","keywords":"不用"}"#);
        assert_eq!((text.as_str(), pair), ("标题", None));
        let (text, pair) = parse("afqmc", r#"{"sentence1":"a","sentence2":"b"}"#);
        assert_eq!((text.as_str(), pair.as_deref()), ("a", Some("b")));
    }
}
