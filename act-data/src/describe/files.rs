//! Which file is which split's, by its name.

use std::path::Path;

use act_core::{Error, Result};

use crate::description::{DESCRIPTION, FileFormat};
use crate::folder::others;
use crate::split::Split;

/// The files of a folder.
pub(super) struct Found {
    pub(super) files: Splits,
    pub(super) doubts: Vec<String>,
}

/// A file each split, where there is one.
#[derive(Debug, Default, Clone)]
pub(super) struct Splits {
    pub(super) train: Option<String>,
    dev: Option<String>,
    test: Option<String>,
}

impl Splits {
    /// Those beside train.
    pub(super) fn others(&self) -> impl Iterator<Item = (Split, String)> {
        let others = [
            (Split::Dev, self.dev.clone()),
            (Split::Test, self.test.clone()),
        ];
        others
            .into_iter()
            .filter_map(|(split, name)| Some((split, name?)))
    }

    /// All names.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        self.train
            .clone()
            .into_iter()
            .chain(self.others().map(|(_, name)| name))
    }

    /// Whether they are found without being named, and no other before them.
    pub(super) fn are_usual(&self, format: Option<FileFormat>) -> bool {
        let usual = |(split, name): (Split, String)| {
            let stems = split.stems().iter();
            let stem = name.strip_suffix(".gz").unwrap_or(&name);
            let stem = stem.rsplit_once('.').map_or(stem, |(stem, _)| stem);
            stems.clone().any(|known| *known == stem)
                && (format.is_none() || FileFormat::of_name(&name) == format)
        };
        let train = self.train.clone().map(|name| (Split::Train, name));
        train.into_iter().chain(self.others()).all(usual)
    }
}

/// Finds the splits' files.
///
/// # Errors
/// Usage: there is no folder, or no file in it that could be data.
pub(super) fn find(dir: &Path) -> Result<Found> {
    let meta = std::fs::metadata(dir).map_err(|e| Error::io(dir, e).context("data folder"))?;
    if !meta.is_dir() {
        let file = dir.display();
        return Err(Error::usage(format!(
            "{file} is not a folder; give the folder it lies in"
        )));
    }
    let names: Vec<String> = others(dir, &[]);
    let tables = names
        .iter()
        .filter(|name| FileFormat::of_name(name).is_some());
    let tables: Vec<&String> = tables.filter(|name| !is_label_list(name)).collect();
    let mut doubts = Vec::new();
    let mut of = |split: Split| {
        let mut candidates: Vec<&&String> = tables
            .iter()
            .filter(|name| split_of(name) == Some(split))
            .collect();
        candidates.sort_by_key(|name| preference(split, name));
        if let [first, others @ ..] = &candidates[..]
            && !others.is_empty()
        {
            let others: Vec<&str> = others.iter().map(|name| name.as_str()).collect();
            doubts.push(format!(
                "{split} is read from {first}, not from {}",
                others.join(", ")
            ));
        }
        candidates.first().map(|name| name.to_string())
    };
    let mut files = Splits {
        train: of(Split::Train),
        dev: of(Split::Dev),
        test: of(Split::Test),
    };
    if let ([only], None, None, None) = (&tables[..], &files.train, &files.dev, &files.test) {
        doubts.push(format!("{only} is the only file, and is taken as train"));
        files.train = Some(only.to_string());
    }
    if names.is_empty() {
        return Err(Error::usage(format!(
            "{} holds no file that could be data (.csv, .tsv, .txt, .json, .jsonl, any of them .gz)",
            dir.display()
        )));
    }
    if tables.is_empty() {
        return Err(Error::usage(format!(
            "{} holds no file that is read ({}): write CSV, TSV or JSON lines",
            dir.display(),
            names.join(", ")
        )));
    }
    Ok(Found { files, doubts })
}

/// The usual names first, in the order in which they are looked for; then short ones.
fn preference(split: Split, name: &str) -> (usize, usize, String) {
    let stem = name.split('.').next().unwrap_or_default();
    let usual = split.stems().iter().position(|known| *known == stem);
    (usual.unwrap_or(usize::MAX), name.len(), name.into())
}

/// The split that a name's words say: `reviews-train.csv`.
fn split_of(name: &str) -> Option<Split> {
    let lower = name.to_lowercase();
    let mut words = lower.split(|c: char| !c.is_alphanumeric());
    words.find_map(|word| match word {
        "train" | "training" | "trn" => Some(Split::Train),
        "dev" | "valid" | "validation" | "val" | "eval" | "development" => Some(Split::Dev),
        "test" | "testing" | "tst" => Some(Split::Test),
        _ => None,
    })
}

/// Whether a file lists the names of labels.
pub(super) fn is_label_list(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().to_lowercase();
    let lists = [
        "label",
        "labels",
        "label_list",
        "classes",
        "class",
        "categories",
        "intents",
    ];
    lists.contains(&&*stem) && name != DESCRIPTION
}

/// Files that list names of labels.
pub(super) fn label_lists(dir: &Path) -> Vec<String> {
    let names = others(dir, &[]);
    names
        .into_iter()
        .filter(|name| is_label_list(name))
        .collect()
}
