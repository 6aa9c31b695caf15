//! Which columns hold the text, the pair and the label, and what the labels are.

use act_core::{Error, Result};

use super::columns::Column;
use super::names;
use super::sniff::Sniffed;
use crate::columns::{self, Columns};
use crate::description::FileSpec;
use crate::split::Split;
use crate::target::ProblemKind;

/// What the columns of a file hold.
#[derive(Debug, Clone)]
pub(super) struct Roles {
    pub(super) text: String,
    pub(super) pair: Option<String>,
    pub(super) label: String,
    pub(super) problem: ProblemKind,
    /// What stands between the labels of a multi-label row.
    pub(super) separator: Option<String>,
}

/// Finds them in train; what else they could be is named.
///
/// # Errors
/// Usage: no column could be the label, or none the text.
pub(super) fn find(train: &Sniffed, doubts: &mut Vec<String>) -> Result<Roles> {
    if train.odd > 0 {
        doubts.push(format!(
            "{} of {} rows have another number of columns than most",
            train.odd, train.rows
        ));
    }
    let label = label(train, doubts)?;
    let separator = separator(label);
    let problem = match (label.is_score(), label.lists > 0 || separator.is_some()) {
        (true, _) => ProblemKind::Regression,
        (_, true) => ProblemKind::MultiLabel,
        _ => ProblemKind::SingleLabel,
    };
    let (text, pair) = texts(train, Some(&label.name), doubts)?;
    Ok(Roles {
        text,
        pair,
        label: label.name.clone(),
        problem,
        separator,
    })
}

fn label<'a>(train: &'a Sniffed, doubts: &mut Vec<String>) -> Result<&'a Column> {
    let there = train.names();
    let named = names::LABELS
        .iter()
        .filter_map(|name| names::column(&there, name));
    let mut named = named.filter_map(|name| train.column(name));
    if let Some(first) = named.next() {
        if let Some(other) = named.next() {
            let (first, other) = (&first.name, &other.name);
            doubts.push(format!(
                "the label is taken from {first:?}, not from {other:?}"
            ));
        }
        return Ok(first);
    }
    let complete = |column: &&Column| column.rows == train.rows;
    let scores = train
        .columns
        .iter()
        .filter(complete)
        .find(|column| column.is_score());
    if let Some(score) = scores {
        return Ok(score);
    }
    let mut candidates: Vec<&Column> = train.columns.iter().filter(complete).collect();
    candidates.retain(|column| column.is_label());
    // Whole numbers before names, few before many: 0 and 1 are labels before sources are.
    candidates.sort_by_key(|column| {
        let parts = separator(column).is_some();
        (column.whole < column.rows && !parts, column.values.len())
    });
    let Some((first, others)) = candidates.split_first() else {
        let columns = train.columns.iter().map(|column| column.name.as_str());
        let columns = columns.collect::<Vec<_>>().join(", ");
        return Err(Error::usage(format!(
            "no column looks like labels (columns {columns}): none repeats its values; name it in \"columns\""
        )));
    };
    for other in others.iter().filter(|other| other.values.len() <= 100) {
        doubts.push(format!(
            "the label is taken from column {}, which has {} values; column {} has {}",
            first.name,
            first.values.len(),
            other.name,
            other.values.len()
        ));
    }
    Ok(first)
}

/// What stands between the labels of a row, if most of the parts are labels of their own.
fn separator(column: &Column) -> Option<String> {
    let separators = [",", ";", "|"];
    let found = separators.into_iter().find(|separator| {
        let joined: Vec<&String> = column
            .values
            .keys()
            .filter(|v| v.contains(separator))
            .collect();
        let mut parts: Vec<&str> = joined
            .iter()
            .flat_map(|v| v.split(separator))
            .map(str::trim)
            .collect();
        parts.sort_unstable();
        parts.dedup();
        let alone = parts
            .iter()
            .filter(|part| column.values.contains_key(**part))
            .count();
        !joined.is_empty() && 5 * alone >= 4 * parts.len() && !parts.contains(&"")
    });
    found.map(str::to_string)
}

/// The text, and the second of a pair.
fn texts(
    file: &Sniffed,
    label: Option<&str>,
    doubts: &mut Vec<String>,
) -> Result<(String, Option<String>)> {
    let there: Vec<String> = file
        .names()
        .into_iter()
        .filter(|name| Some(name.as_str()) != label)
        .collect();
    for [first, second] in names::PAIRS {
        if let (Some(first), Some(second)) =
            (names::column(&there, first), names::column(&there, second))
        {
            return Ok((first.clone(), Some(second.clone())));
        }
    }
    let mut texts: Vec<&Column> = file
        .columns
        .iter()
        .filter(|c| there.contains(&c.name))
        .collect();
    texts.retain(|column| column.rows == file.rows && column.is_text());
    let named = names::TEXTS
        .iter()
        .find_map(|name| names::column(&there, name));
    if let Some(named) = named {
        let others = texts.iter().filter(|column| column.name != *named);
        for other in others {
            doubts.push(format!(
                "one text is read, {named:?}; {:?} holds texts too (a pair is \"columns\": {{\"text\": .., \
                 \"pair\": ..}})",
                other.name
            ));
        }
        return Ok((named.clone(), None));
    }
    texts.sort_by(|a, b| b.mean_width().total_cmp(&a.mean_width()));
    let Some(longest) = texts.first() else {
        return Err(Error::usage(format!(
            "no column looks like texts (columns {}); name it in \"columns\"",
            there.join(", ")
        )));
    };
    let like = |other: &&&Column| 0.4 * longest.mean_width() <= other.mean_width();
    match texts[1..].iter().find(like) {
        None => Ok((longest.name.clone(), None)),
        Some(other) => {
            // In the order of the columns.
            let mut pair = [&longest.name, &other.name];
            pair.sort_by_key(|name| there.iter().position(|there| there == *name));
            doubts.push(format!(
                "columns {} and {} are read as a pair of texts; take out \"pair\" if one is none",
                pair[0], pair[1]
            ));
            Ok((pair[0].clone(), Some(pair[1].clone())))
        }
    }
}

/// A column of a file, or an empty one.
pub(super) fn labels_of(file: &Sniffed, label: &str) -> Column {
    file.column(label).cloned().unwrap_or_default()
}

/// What is otherwise in another split's file than in train.
pub(super) fn spec(
    name: &str,
    other: &Sniffed,
    train: &Sniffed,
    roles: &Roles,
    split: Split,
    doubts: &mut Vec<String>,
) -> FileSpec {
    let mut spec = FileSpec {
        name: name.into(),
        ..FileSpec::default()
    };
    let has = |column: &str| other.column(column).is_some();
    spec.style = other.style_beside(train);
    let fits = other.header == train.header
        && has(&roles.text)
        && roles.pair.as_deref().is_none_or(has)
        && (has(&roles.label) || split == Split::Test);
    if fits {
        return spec;
    }
    let label = names::LABELS
        .iter()
        .find_map(|name| names::column(&other.names(), name).cloned());
    let label = label
        .filter(|_| other.header)
        .unwrap_or_else(columns::label);
    match texts(other, Some(&label), &mut Vec::new()) {
        Ok((text, pair)) if pair.is_some() == roles.pair.is_some() => {
            doubts.push(format!(
                "{name} has other columns than train: its text is taken from {text:?}"
            ));
            spec.columns = Some(Columns { text, pair, label });
        }
        _ => doubts.push(format!(
            "{name} has other columns than train, and they tell nothing"
        )),
    }
    spec
}
