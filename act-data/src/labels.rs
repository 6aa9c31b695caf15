//! A task's label names, and the class of what a line calls its label.

use std::collections::HashMap;

use act_core::artifact::limits;

use crate::read::quoted;
use act_core::{Error, Result};

/// Names of the classes; the index is the class.
#[derive(Debug, Clone)]
pub(crate) struct Labels {
    names: Vec<String>,
    classes: HashMap<String, usize>,
    /// Whether every name is a whole number, so that 1.0 can only mean 1.
    whole_numbers: bool,
    /// Rows say the class's number, from 0, instead of its name.
    numbered: bool,
}

impl Labels {
    /// Of names that are known to be sound, as a built-in task's are.
    pub(crate) fn new(names: Vec<String>) -> Self {
        let numbered = names.iter().enumerate();
        Self {
            classes: numbered.map(|(i, name)| (name.clone(), i)).collect(),
            whole_numbers: names.iter().all(|name| name.parse::<i64>().is_ok()),
            names,
            numbered: false,
        }
    }

    /// The same where rows say the class's number, from 0.
    pub(crate) fn by_number(mut self, numbered: bool) -> Self {
        self.numbered = numbered;
        self
    }

    /// Of names that a user gives.
    ///
    /// # Errors
    /// Usage: fewer than two, more than a model may have, one twice.
    pub(crate) fn given(names: Vec<String>) -> Result<Self> {
        let (count, most) = (names.len(), limits::LABELS);
        if count < 2 {
            return Err(Error::usage("labels: at least two are needed"));
        }
        if count > most {
            return Err(Error::usage(format!(
                "labels: {count} are too many; a model has at most {most}"
            )));
        }
        let labels = Self::new(names);
        // The index holds the last of equal names.
        let mut numbered = labels.names.iter().enumerate();
        match numbered.find(|(i, name)| labels.classes[*name] != *i) {
            Some((_, name)) => Err(Error::usage(format!("label {name:?} twice"))),
            None => Ok(labels),
        }
    }

    /// All names, in order.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// The class that a line's label names. Where all labels are whole numbers, 1.0 is 1: tables with
    /// gaps are written so.
    ///
    /// # Errors
    /// Usage: none of that name; the message has a near one, if there is.
    pub(crate) fn class(&self, given: &str, task: &str) -> Result<usize> {
        if self.numbered {
            return self.numbered_class(given, task);
        }
        if let Some(&class) = self.classes.get(given) {
            return Ok(class);
        }
        let number: Option<f64> = given.parse().ok().filter(|n: &f64| n.is_finite());
        if let (true, Some(number)) = (self.whole_numbers, number) {
            if number.fract() != 0.0 {
                return Err(Error::usage(format!(
                    "a label of {task} is a whole number, not {given}"
                )));
            }
            if let Some(&class) = self.classes.get(&format!("{number:.0}")) {
                return Ok(class);
            }
        }
        let plain = |name: &str| name.trim().to_lowercase();
        let near = self.names.iter().find(|name| plain(name) == plain(given));
        let near = near.map_or(String::new(), |name| format!("; is {name:?} meant?"));
        let known = list(&self.names);
        Err(Error::usage(format!(
            "label {} is not one of {task}'s: {known}{near}",
            quoted(given)
        )))
    }

    fn numbered_class(&self, given: &str, task: &str) -> Result<usize> {
        let class: Option<f64> = given.parse().ok();
        let class =
            class.filter(|n| n.fract() == 0.0 && (0.0..self.names.len() as f64).contains(n));
        class.map(|n| n as usize).ok_or_else(|| {
            Error::usage(format!(
                "label {} is no number of one of {task}'s {} labels, 0 to {}",
                quoted(given),
                self.names.len(),
                self.names.len() - 1
            ))
        })
    }

    /// Whether a name is one of them.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.classes.contains_key(name)
    }
}

/// The first few names of a list, for a message.
pub(crate) fn list(names: &[String]) -> String {
    const SHOWN: usize = 16;
    let mut text = names
        .iter()
        .take(SHOWN)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > SHOWN {
        text += &format!(" and {} more", names.len() - SHOWN);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(names: &[&str]) -> Labels {
        Labels::new(names.iter().map(|n| n.to_string()).collect())
    }

    fn error(labels: &Labels, given: &str) -> String {
        labels.class(given, "own").unwrap_err().to_string()
    }

    #[test]
    fn a_whole_number_may_be_written_as_a_float_where_all_labels_are_whole() {
        let whole = labels(&["0", "1", "-1", "118"]);
        let class = |given| whole.class(given, "own").unwrap();
        assert_eq!(["0.0", "1.0", "-1.0", "118.00"].map(class), [0, 1, 2, 3]);
        assert_eq!(
            error(&whole, "1.5"),
            "a label of own is a whole number, not 1.5"
        );
        assert_eq!(
            error(&whole, "2.0"),
            "label \"2.0\" is not one of own's: 0, 1, -1, 118"
        );
        assert!(error(&whole, "NaN").contains("\"NaN\" is not one of"));
        let mixed = labels(&["1", "many"]);
        assert!(error(&mixed, "1.0").contains("\"1.0\" is not one of own's: 1, many"));
        let floats = labels(&["0.5", "1.0"]);
        assert_eq!(floats.class("0.5", "own").unwrap(), 0);
    }

    #[test]
    fn rows_may_say_the_number_of_a_class() {
        let labels = labels(&["joy", "fear", "7"]).by_number(true);
        let class = |given| labels.class(given, "own").unwrap();
        assert_eq!(["0", "1", "2.0"].map(class), [0, 1, 2]);
        for wrong in ["3", "-1", "0.5", "joy", "7", "NaN"] {
            let error = error(&labels, wrong);
            assert!(
                error.contains("is no number of one of own's 3 labels, 0 to 2"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_label_of_another_case_is_named() {
        let error = error(&labels(&["Bad", "Good"]), "good ");
        assert!(error.ends_with("Bad, Good; is \"Good\" meant?"), "{error}");
    }

    #[test]
    fn names_are_counted_and_distinct() {
        let given = |n: usize, change: fn(&mut Vec<String>)| {
            let mut names = (0..n).map(|i| i.to_string()).collect();
            change(&mut names);
            Labels::given(names)
        };
        assert!(given(100_000, |_| ()).is_ok());
        let message = |labels: Result<Labels>| labels.unwrap_err().to_string();
        assert!(message(given(100_001, |_| ())).contains("100001 are too many"));
        assert!(message(given(1, |_| ())).contains("at least two"));
        assert_eq!(
            message(given(9, |names| names[7] = "3".into())),
            "label \"3\" twice"
        );
    }
}
