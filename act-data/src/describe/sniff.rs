//! How a file is written: JSON or a table, what stands between its cells, whether it has a header.

use std::path::{Path, PathBuf};

use act_core::{Error, Result};

use super::columns::Column;
use super::names;
use crate::description::{FileFormat, Style};
use crate::read::{Rows, Shape};

/// Rows that tell how a table is written.
const LOOKED_AT: usize = 2_000;

/// A file as it was found.
#[derive(Debug)]
pub(super) struct Sniffed {
    path: PathBuf,
    shape: Shape,
    /// Whether quotes are known to be text.
    no_quotes: bool,
    /// Whether a table has a header.
    pub(super) header: bool,
    pub(super) columns: Vec<Column>,
    pub(super) rows: usize,
    /// Rows of another length than most.
    pub(super) odd: usize,
}

impl Sniffed {
    pub(super) fn is_json(&self) -> bool {
        self.shape == Shape::Json
    }

    pub(super) fn delimiter(&self) -> Option<u8> {
        match self.shape {
            Shape::Json => None,
            Shape::Table { delimiter, .. } => Some(delimiter),
        }
    }

    /// Names of the columns, or their numbers.
    pub(super) fn names(&self) -> Vec<String> {
        self.columns
            .iter()
            .map(|column| column.name.clone())
            .collect()
    }

    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// What has to be said of how it is written: what its ending does not.
    pub(super) fn style(&self) -> Style {
        let name = self.path.to_string_lossy();
        let usual = FileFormat::of_name(&name).and_then(FileFormat::delimiter);
        let own = self
            .delimiter()
            .filter(|own| Some(*own) != usual && *own != b'\t');
        Style {
            // Columns with names have a header, and those with numbers none.
            header: None,
            delimiter: own.map(|own| own as char),
            quotes: (self.no_quotes && self.delimiter() != Some(b'\t')).then_some(false),
            ragged: (self.odd > 0 && !self.header).then_some(true),
        }
    }

    /// What has to be said of it beside train's style.
    pub(super) fn style_beside(&self, train: &Sniffed) -> Style {
        let other = self
            .delimiter()
            .filter(|own| Some(*own) != train.delimiter());
        Style {
            header: None,
            delimiter: other.map(|own| own as char),
            quotes: (self.no_quotes != train.no_quotes).then_some(!self.no_quotes),
            ragged: self
                .style()
                .ragged
                .filter(|_| train.style().ragged.is_none()),
        }
    }
}

/// Reads a file to its end.
///
/// # Errors
/// Usage: it cannot be read, or is no table and no JSON.
pub(super) fn sniff(path: &Path) -> Result<Sniffed> {
    let format = FileFormat::of_name(&path.to_string_lossy());
    if format == Some(FileFormat::Jsonl) {
        return json(path);
    }
    let preferred = format.and_then(FileFormat::delimiter).unwrap_or(b'\t');
    let mut best: Option<(f64, u8, bool)> = None;
    // Commas may be as many in each line of a table between tabs, hardly the other way round.
    let mut candidates = vec![b'\t', preferred, b',', b';', b'|'];
    candidates.dedup();
    for delimiter in candidates {
        let (share, quotes) = regularity(path, delimiter)?;
        if best.is_none_or(|(most, ..)| share > most + 0.02) {
            best = Some((share, delimiter, quotes));
        }
    }
    let (share, delimiter, quotes) = best.expect("there are candidates");
    if share < 0.5 {
        return Err(Error::usage(format!(
            "{}: no table: no tab, comma, semicolon or bar parts its lines into as many columns",
            path.display()
        )));
    }
    table(path, delimiter, quotes)
}

fn shape(delimiter: u8, quotes: bool) -> Shape {
    Shape::Table {
        delimiter,
        // Between tabs quotes are text unless they mean something.
        quotes: (delimiter != b'\t' || !quotes).then_some(quotes),
        ragged: true,
    }
}

/// The share of the first rows that have as many columns as most, two at least, and whether with quotes.
fn regularity(path: &Path, delimiter: u8) -> Result<(f64, bool)> {
    let with = |quotes: bool| -> Result<Option<f64>> {
        let mut rows = Rows::open(path, shape(delimiter, quotes))?;
        let mut counts: Vec<usize> = Vec::new();
        while counts.len() < LOOKED_AT {
            match rows.cells() {
                Ok(Some(Ok(cells))) => counts.push(cells.len()),
                Ok(None) => break,
                // What is no text is told when the file is read.
                Err(e) if counts.is_empty() && !quotes => return Err(e),
                Ok(Some(Err(_))) | Err(_) => return Ok(None),
            }
        }
        let usual = mode(&counts);
        let regular = counts.iter().filter(|&&n| n == usual).count();
        Ok(Some(if usual < 2 {
            0.0
        } else {
            regular as f64 / counts.len().max(1) as f64
        }))
    };
    match with(true)? {
        Some(share) => Ok((share, true)),
        None => Ok((with(false)?.unwrap_or(0.0), false)),
    }
}

/// The number that is there most often; of equals the smallest.
fn mode(counts: &[usize]) -> usize {
    let mut counts = counts.to_vec();
    counts.sort_unstable();
    let runs = counts.chunk_by(|a, b| a == b);
    let longest = runs.rev().max_by_key(|run| run.len());
    longest.map_or(0, |run| run[0])
}

fn table(path: &Path, delimiter: u8, quotes: bool) -> Result<Sniffed> {
    let shape = shape(delimiter, quotes);
    let mut rows = Rows::open(path, shape)?;
    let (mut first, mut columns, mut counts): (_, Vec<Column>, Vec<usize>) =
        (None, Vec::new(), Vec::new());
    while let Some(cells) = rows.cells()? {
        // A row that is wrong by itself is told by check.
        let Ok(cells) = cells else { continue };
        counts.push(cells.len());
        if first.is_none() {
            columns = (1..=cells.len())
                .map(|n| Column::new(&n.to_string()))
                .collect();
            first = Some(cells);
            continue;
        }
        columns
            .iter_mut()
            .zip(&cells)
            .for_each(|(column, cell)| column.cell(cell));
    }
    let Some(first) = first else {
        return Err(Error::usage(format!(
            "{}: the file is empty",
            path.display()
        )));
    };
    let header = is_header(&first, &columns);
    for (column, cell) in columns.iter_mut().zip(&first) {
        if header {
            column.name = cell.clone();
        } else {
            column.cell(cell);
        }
    }
    let usual = mode(&counts);
    Ok(Sniffed {
        path: path.into(),
        shape,
        no_quotes: !quotes,
        header,
        columns,
        rows: counts.len() - usize::from(header),
        odd: counts.iter().filter(|n| **n != usual).count(),
    })
}

/// Whether the first row names columns: no number and no empty cell in it, no cell twice, none as long as
/// a text; and names in use for columns, or values that no column below has.
fn is_header(first: &[String], below: &[Column]) -> bool {
    let name = |cell: &String| {
        let cell = cell.trim();
        !cell.is_empty() && cell.parse::<f64>().is_err() && cell.chars().count() <= 40
    };
    let twice = (1..first.len()).any(|i| first[..i].contains(&first[i]));
    if twice || !first.iter().all(name) {
        return false;
    }
    if first.iter().any(|cell| names::is_known(cell)) {
        return true;
    }
    let mut pairs = first.iter().zip(below);
    let strange =
        |(cell, column): (&String, &Column)| !column.many && !column.values.contains_key(cell);
    pairs.any(|(cell, column)| column.is_label() && strange((cell, column)))
        && !first
            .iter()
            .any(|cell| cell.contains(' ') || cell.chars().any(|c| "。，,.!?".contains(c)))
}

fn json(path: &Path) -> Result<Sniffed> {
    let mut rows = Rows::open(path, Shape::Json)?;
    let (mut columns, mut count): (Vec<Column>, usize) = (Vec::new(), 0);
    while let Some(row) = rows.next_row()? {
        let Ok(row) = row else { continue };
        count += 1;
        for name in row.names() {
            let there = columns.iter().position(|column| column.name == name);
            let at = there.unwrap_or_else(|| {
                columns.push(Column::new(name));
                columns.len() - 1
            });
            if let Some(value) = row.value(name) {
                columns[at].field(value);
            }
        }
    }
    if count == 0 {
        return Err(Error::usage(format!(
            "{}: no JSON object in it",
            path.display()
        )));
    }
    Ok(Sniffed {
        path: path.into(),
        shape: Shape::Json,
        no_quotes: false,
        header: true,
        columns,
        rows: count,
        odd: 0,
    })
}
