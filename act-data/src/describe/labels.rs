//! The names of the labels, and their order.

use std::collections::BTreeMap;
use std::path::Path;

use act_core::json::check_weight;

use super::columns::Column;
use super::files::label_lists;
use super::roles::Roles;
use crate::dataset::{Dataset, Example};
use crate::read::read_bounded;
use crate::split::Split;
use crate::target::{ProblemKind, Target};

/// Names, in the order of the classes.
pub(super) struct Found {
    pub(super) names: Option<Vec<String>>,
    /// Rows say the number of a name.
    pub(super) numbered: bool,
}

/// The labels that the files use, train's first, in the order of a list of labels if one lies there, else
/// sorted: numbers by size, names by letters.
pub(super) fn find(dir: &Path, roles: &Roles, files: &[Column], doubts: &mut Vec<String>) -> Found {
    if roles.problem == ProblemKind::Regression {
        return Found {
            names: None,
            numbered: false,
        };
    }
    let mut used: BTreeMap<String, bool> = BTreeMap::new();
    for (i, file) in files.iter().enumerate() {
        for value in file.values.keys() {
            for label in parts(value, roles) {
                *used.entry(label).or_default() |= i == 0;
            }
        }
    }
    let strange: Vec<&String> = used
        .iter()
        .filter(|(_, train)| !**train)
        .map(|(label, _)| label)
        .collect();
    if !strange.is_empty() {
        let strange: Vec<&str> = strange.iter().take(8).map(|label| label.as_str()).collect();
        doubts.push(format!(
            "labels that train has no example of: {}",
            strange.join(", ")
        ));
    }
    for list in label_lists(dir) {
        let Some(names) = read(&dir.join(&list)) else {
            continue;
        };
        if used.keys().all(|label| names.contains(label)) {
            doubts.push(format!("the order of the labels is that of {list}"));
            return Found {
                names: Some(names),
                numbered: false,
            };
        }
        let number = |label: &String| label.parse::<usize>().is_ok_and(|n| n < names.len());
        if used.keys().all(number) {
            doubts.push(format!(
                "the labels' numbers are taken for places in {list}, from 0"
            ));
            return Found {
                names: Some(names),
                numbered: true,
            };
        }
        doubts.push(format!(
            "{list} does not list the labels that the files have, and is not used"
        ));
    }
    let mut names: Vec<String> = used.into_keys().filter(|label| !label.is_empty()).collect();
    if names.iter().all(|name| name.parse::<f64>().is_ok()) {
        let number = |name: &String| name.parse::<f64>().expect("it was parsed before");
        names.sort_by(|a, b| number(a).total_cmp(&number(b)));
        whole(&mut names);
    }
    Found {
        names: Some(names),
        numbered: false,
    }
}

/// 1.0 is 1 where all are whole: tables with gaps are written so.
fn whole(names: &mut Vec<String>) {
    let number = |name: &String| {
        name.parse::<f64>()
            .ok()
            .filter(|n| n.fract() == 0.0 && n.abs() < 1e15)
    };
    let numbers: Option<Vec<f64>> = names.iter().map(number).collect();
    if let Some(numbers) = numbers.filter(|_| names.iter().any(|name| name.contains('.'))) {
        *names = numbers.iter().map(|n| format!("{n:.0}")).collect();
        names.dedup();
    }
}

fn parts(value: &str, roles: &Roles) -> Vec<String> {
    match &roles.separator {
        Some(separator) => value
            .split(separator.as_str())
            .map(|part| part.trim().to_string())
            .collect(),
        None => vec![value.to_string()],
    }
}

/// The names in a list of labels: lines, or a JSON list.
fn read(path: &Path) -> Option<Vec<String>> {
    const LONGEST: u64 = 4 << 20;
    let bytes = read_bounded(path, LONGEST, "no list of labels").ok()?;
    check_weight(&bytes, 8 * LONGEST as usize).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    if text.trim_start().starts_with('[') {
        return serde_json::from_str(text).ok();
    }
    let lines = text
        .split('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line));
    let names: Vec<String> = lines
        .filter(|line| !line.is_empty())
        .map(str::to_string)
        .collect();
    (!names.is_empty()).then_some(names)
}

/// What an example's label says, in words.
pub(super) fn of(example: &Example, labels: &[String]) -> Vec<String> {
    match &example.target {
        None => Vec::new(),
        Some(Target::Score(score)) => vec![score.to_string()],
        Some(target) => target
            .classes()
            .iter()
            .map(|&class| labels[class as usize].clone())
            .collect(),
    }
}

/// What is odd about the labels as they are read.
pub(super) fn judge(sets: &[Dataset]) -> Vec<String> {
    let Some(train) = sets.iter().find(|set| set.split == Split::Train) else {
        return Vec::new();
    };
    let mut doubts = Vec::new();
    let (labels, examples) = (train.labels.len(), train.examples.len());
    if labels > 20 && 4 * labels > examples {
        doubts.push(format!(
            "{labels} labels for {examples} examples: is the column one of labels?"
        ));
    }
    let counts = crate::check::label_counts(train);
    let none = counts.iter().filter(|label| label.examples == 0).count();
    if none > 0 {
        doubts.push(format!(
            "{none} of the {labels} labels have no example in train"
        ));
    }
    doubts
}
