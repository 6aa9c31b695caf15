//! A data file row by row, whatever its format. What is wrong with the file as a whole, its header or
//! its shape, is told before any row is.

use std::io::BufRead;
use std::path::Path;

use act_core::{Error, Result};

use super::lines::Lines;
use super::list::List;
use super::record::{Record, instead_of};
use super::source::{self, Source};
use super::table::{Dialect, Table, is_quoted};

/// How a file holds its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A JSON object a line, or one JSON list of objects: the first character tells.
    Json,
    /// A table.
    Table {
        /// What stands between two cells: one ASCII character.
        delimiter: u8,
        /// Whether cells may stand between quotes; where it is not said, they may, unless they
        /// are between tabs: there only if that means something ([`Rows::open`]).
        quotes: Option<bool>,
        /// Whether rows may have more or fewer cells than the first.
        ragged: bool,
    },
}

/// The rows of a file.
pub struct Rows {
    kind: Kind,
    /// The first row of a table until it is known what it is, or a row that was looked at.
    first: Option<First>,
}

enum Kind {
    Lines(Lines<Source>),
    List(List<Source>),
    Table(Table<Source>, Columns),
}

/// A table's columns.
#[derive(Default)]
struct Columns {
    names: Vec<String>,
    ragged: bool,
    /// There is no header, so that cells beyond the names have names too.
    numbered: bool,
}

enum First {
    Cells(Vec<String>),
    Row(Result<Record>),
}

impl Rows {
    /// Opens a file. Its columns are not known yet: see [`Rows::header`] and [`Rows::numbered`].
    ///
    /// A table between tabs has quotes where all of it can be read so in rows of as many cells, and all
    /// cells of the first row have them or a tab or a doubled quote is in one; elsewhere, as in GLUE's
    /// files, quotes are characters. What can be read only once, a pipe, is not looked at beforehand.
    ///
    /// # Errors
    /// Usage: no such file, a folder, bytes that are plainly no UTF-8 text.
    pub fn open(path: &Path, shape: Shape) -> Result<Self> {
        let shape = match shape {
            Shape::Table {
                delimiter,
                quotes: None,
                ragged,
            } if delimiter == b'\t' && path.is_file() => {
                let lines = Lines::new(source::open(path)?, path);
                Shape::Table {
                    delimiter,
                    quotes: Some(is_quoted(lines, delimiter)),
                    ragged,
                }
            }
            known => known,
        };
        Self::new(source::open(path)?, path, shape)
    }

    /// The rows of anything that is called `path`; nothing can be read twice, so where it is not said,
    /// cells between tabs have no quotes.
    ///
    /// # Errors
    /// Those of reading the first bytes.
    pub fn of(
        bytes: impl std::io::Read + Send + 'static,
        path: &Path,
        shape: Shape,
    ) -> Result<Self> {
        Self::new(source::of(Box::new(bytes)), path, shape)
    }

    fn new(mut source: Source, path: &Path, shape: Shape) -> Result<Self> {
        let kind = match shape {
            Shape::Json => {
                let first = source.fill_buf().map_err(|e| source::failure(path, e))?;
                let first = first.strip_prefix("\u{feff}".as_bytes()).unwrap_or(first);
                if first.trim_ascii_start().first() == Some(&b'[') {
                    Kind::List(List::new(source, path))
                } else {
                    Kind::Lines(Lines::new(source, path))
                }
            }
            Shape::Table {
                delimiter,
                quotes,
                ragged,
            } => {
                let quotes = quotes.unwrap_or(delimiter != b'\t');
                let dialect = Dialect { delimiter, quotes };
                let columns = Columns {
                    ragged,
                    ..Columns::default()
                };
                Kind::Table(Table::new(Lines::new(source, path), dialect), columns)
            }
        };
        Ok(Self { kind, first: None })
    }

    /// What the first row has: a table's cells, or the names of a JSON object's fields. It is still read
    /// as a row, unless [`Rows::header`] takes it. Nothing of an empty file, or one that is wrong.
    ///
    /// # Errors
    /// What is wrong with a table's first row.
    pub fn look(&mut self) -> Result<Vec<String>> {
        if self.first.is_none() {
            self.first = match &mut self.kind {
                Kind::Table(table, _) => match table.next()? {
                    Some(cells) => Some(First::Cells(cells.map_err(|e| e.context(table.place()))?)),
                    None => None,
                },
                _ => self.next_row()?.map(First::Row),
            };
        }
        Ok(match &self.first {
            Some(First::Cells(cells)) => cells.clone(),
            Some(First::Row(Ok(record))) => record.names().map(str::to_string).collect(),
            _ => Vec::new(),
        })
    }

    /// Takes a table's first row as its header, in which each of `wanted` must be once. A number that no
    /// column is called is the column's position, from 1. JSON has no header.
    ///
    /// # Errors
    /// Usage: a header that lacks one of the columns or has it twice.
    pub fn header(&mut self, wanted: &[&str]) -> Result<()> {
        let first = self.look()?;
        let Kind::Table(table, columns) = &mut self.kind else {
            return Ok(());
        };
        // A file without a line is empty, which is told where rows are counted.
        if self.first.take().is_some() {
            let names = header(first, wanted).map_err(|e| e.context(table.place()))?;
            columns.names = names;
        }
        Ok(())
    }

    /// Calls a table's columns by their numbers, from 1, those of `wanted` among them: it has no header.
    ///
    /// # Errors
    /// Usage: a wanted column that is no number, or more than the first row has.
    pub fn numbered(&mut self, wanted: &[&str]) -> Result<()> {
        let first = self.look()?;
        let there = first.len();
        let Kind::Table(table, columns) = &mut self.kind else {
            return Ok(());
        };
        for name in wanted.iter().filter(|_| there > 0) {
            let what = match position(name) {
                Some(column) if column <= there || columns.ragged => continue,
                _ if first.iter().any(|cell| cell.contains('\r')) => CARRIAGE_RETURNS.into(),
                Some(column) => format!("{there} columns, and the column {column} is wanted"),
                None => format!(
                    "without a header, columns are called by their numbers, from 1, not {name:?}"
                ),
            };
            return Err(Error::usage(what).context(table.place()));
        }
        columns.names = (1..=there).map(|n| n.to_string()).collect();
        columns.numbered = true;
        Ok(())
    }

    /// The cells of the next row of a table, or what is wrong with it alone; `None` at the end, and of JSON.
    ///
    /// # Errors
    /// What is wrong from here on.
    pub(crate) fn cells(&mut self) -> Result<Option<Result<Vec<String>>>> {
        match &mut self.kind {
            Kind::Table(table, _) => table.next(),
            _ => Ok(None),
        }
    }

    /// How the file is written, in words.
    pub(crate) fn style(&self) -> String {
        let Kind::Table(table, columns) = &self.kind else {
            return match &self.kind {
                Kind::List(_) => "a JSON list".into(),
                _ => "JSON lines".into(),
            };
        };
        let Dialect { delimiter, quotes } = table.dialect();
        let between = match delimiter {
            b'\t' => "between tabs".to_string(),
            b',' => "between commas".into(),
            other => format!("between {:?}", other as char),
        };
        let quotes = if quotes {
            "with quotes"
        } else {
            "quotes are text"
        };
        let header = if columns.numbered {
            "no header"
        } else {
            "a header"
        };
        format!("{between}, {quotes}, {header}")
    }

    /// True if the next row can be had without waiting for whoever writes.
    pub fn ready(&self) -> bool {
        match &self.kind {
            Kind::Lines(lines) => lines.ready(),
            // Files, which wait for nobody.
            Kind::List(_) => true,
            Kind::Table(table, _) => table.lines().ready(),
        }
    }

    /// `file:line` of the row read last.
    pub fn place(&self) -> String {
        match &self.kind {
            Kind::Lines(lines) => lines.place(),
            Kind::List(list) => list.place(),
            Kind::Table(table, _) => table.place(),
        }
    }

    /// The next row, or what is wrong with it alone, with its place; `None` at the end.
    ///
    /// # Errors
    /// What is wrong from here on: a file that is no list of rows.
    pub fn next_row(&mut self) -> Result<Option<Result<Record>>> {
        let record = match (self.first.take(), &mut self.kind) {
            (Some(First::Row(row)), _) => return Ok(Some(row)),
            (Some(First::Cells(cells)), Kind::Table(_, columns)) => columns.row(cells),
            (_, Kind::Table(table, columns)) => match table.next()? {
                Some(cells) => cells.and_then(|cells| columns.row(cells)),
                None => return Ok(None),
            },
            (_, Kind::List(list)) => match list.next()? {
                Some(value) => Record::from_json(value),
                None => return Ok(None),
            },
            (_, Kind::Lines(lines)) => {
                let first = lines.number() == 0;
                let Some(line) = lines.next()? else {
                    return Ok(None);
                };
                let record = Record::from_json(line);
                let shape = one_value(line).filter(|_| first && record.is_err());
                if let Some(shape) = shape {
                    return Err(Error::usage(shape).context(lines.place()));
                }
                record
            }
        };
        Ok(Some(record.map_err(|e| e.context(self.place()))))
    }
}

impl Columns {
    fn row(&self, cells: Vec<String>) -> Result<Record> {
        let (there, expected) = (cells.len(), self.names.len());
        if there != expected && !self.ragged {
            let first = if self.numbered { "first row" } else { "header" };
            return Err(Error::usage(format!(
                "{there} columns, but the {first} has {expected}"
            )));
        }
        let more = (expected + 1..=there).map(|n| n.to_string());
        Ok(Record::of(
            self.names.iter().cloned().chain(more).zip(cells),
        ))
    }
}

/// What is said of a file of which no line ends where lines do.
const CARRIAGE_RETURNS: &str =
    "the lines end in a carriage return alone: write them anew (tr '\\r' '\\n' < OLD > NEW)";

/// The position, from 1, that a column's name says.
pub(crate) fn position(name: &str) -> Option<usize> {
    name.parse().ok().filter(|&n| n > 0)
}

/// The columns of a header line, among which `wanted` must be.
///
/// # Errors
/// Usage: one of them is missing, or there twice.
pub fn header(mut columns: Vec<String>, wanted: &[&str]) -> Result<Vec<String>> {
    for name in wanted {
        let there = columns.iter().filter(|column| column == name).count();
        let by_position = position(name).filter(|&n| there == 0 && n <= columns.len());
        let what = match (there, by_position) {
            (1, _) => continue,
            (_, Some(n)) => {
                columns[n - 1] = name.to_string();
                continue;
            }
            (0, None) => without(name, &columns),
            (_, None) => format!("two columns are called {name:?}"),
        };
        return Err(Error::usage(what));
    }
    Ok(columns)
}

/// What is wrong with a header without a column.
fn without(name: &str, columns: &[String]) -> String {
    if columns.iter().any(|cell| cell.contains('\r')) {
        return CARRIAGE_RETURNS.into();
    }
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let found = instead_of(name, &columns);
    format!(
        "the first line is taken as the header; its columns are {found}; there is no {name:?} (put a \
         header above the data, or name the columns in act-dataset.json)"
    )
}

/// Why the first line of a file of JSON lines is none, if the file is one object over many lines.
pub fn one_value(line: &str) -> Option<String> {
    (line.trim() == "{").then(|| {
        "one JSON object a line is read, or a list of objects, and this file is one JSON object over \
         several lines: write it anew (jq -c . OLD > NEW)"
            .into()
    })
}

#[cfg(test)]
mod tests;
