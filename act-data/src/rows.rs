//! A data file row by row, whatever its format. What is wrong with the file as a whole, its header or
//! its shape, is told before any row is.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use act_core::{Error, Result};

use crate::description::FileFormat;
use crate::lines::Lines;
use crate::record::{Record, instead_of};

/// The rows of a file.
pub(crate) struct Rows {
    lines: Lines<BufReader<File>>,
    /// Names of the columns; a file of JSON lines has none.
    header: Option<Vec<String>>,
}

impl Rows {
    /// Opens a file whose rows must have the columns `wanted`.
    ///
    /// # Errors
    /// Usage: no such file, or a header that lacks one of the columns or has it twice.
    pub(crate) fn open(path: &Path, format: FileFormat, wanted: &[&str]) -> Result<Self> {
        let mut lines = Lines::open(path)?;
        let header = match format {
            FileFormat::Jsonl => None,
            FileFormat::Tsv => {
                // A file without a line is empty, which is told where rows are counted.
                let header = lines
                    .next()?
                    .map_or(Ok(Vec::new()), |line| header(line, wanted));
                Some(header.map_err(|e| e.context(lines.place()))?)
            }
        };
        Ok(Self { lines, header })
    }

    /// `file:line` of the row read last.
    pub(crate) fn place(&self) -> String {
        self.lines.place()
    }

    /// The next row, or what is wrong with it alone; `None` at the end.
    ///
    /// # Errors
    /// What is wrong from here on: a file that is no list of rows.
    pub(crate) fn next(&mut self) -> Result<Option<Result<Record>>> {
        let first = self.lines.number() == 0;
        let Some(line) = self.lines.next()? else {
            return Ok(None);
        };
        let record = match &self.header {
            Some(header) => Record::from_tsv(header, line),
            None => Record::from_json(line),
        };
        let shape = match (&record, &self.header) {
            (Err(_), None) if first => one_value(line),
            _ => None,
        };
        match shape {
            Some(shape) => Err(Error::usage(shape).context(self.place())),
            None => Ok(Some(record.map_err(|e| e.context(self.place())))),
        }
    }
}

/// The columns of a header line, among which `wanted` must be.
///
/// # Errors
/// Usage: one of them is missing, or there twice.
pub fn header(line: &str, wanted: &[&str]) -> Result<Vec<String>> {
    let columns: Vec<&str> = line.split('\t').collect();
    for name in wanted {
        match columns.iter().filter(|column| *column == name).count() {
            1 => {}
            0 => {
                let found = instead_of(name, &columns);
                return Err(Error::usage(format!(
                    "the first line is taken as the header; its columns are {found}; there is no \
                     {name:?} (put a header above the data, or name the columns in act-dataset.json)"
                )));
            }
            _ => return Err(Error::usage(format!("two columns are called {name:?}"))),
        }
    }
    Ok(columns.into_iter().map(str::to_string).collect())
}

/// Why the first line of a file of JSON lines is none, if the file is one value over many lines.
pub fn one_value(line: &str) -> Option<String> {
    let (what, filter) = match line.trim_start().chars().next()? {
        '[' => ("JSON list", ".[]"),
        '{' if line.trim() == "{" => ("JSON object over several lines", "."),
        _ => return None,
    };
    Some(format!(
        "one JSON object a line is read, and this file is one {what}: write it anew (jq -c '{filter}' \
         OLD > NEW)"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_has_each_wanted_column_once() {
        let columns = header("a\tb\t\t", &["b", "a"]).unwrap();
        assert_eq!(columns, ["a", "b", "", ""]);
        let error = |line, wanted: &str| header(line, &[wanted]).unwrap_err().to_string();
        assert_eq!(error("a\tb\ta", "a"), "two columns are called \"a\"");
        let upper = error("Text\tLabel", "text");
        assert!(
            upper.contains("its columns are Text, Label; is \"Text\" meant?; there is no \"text\""),
            "{upper}"
        );
        let data = error("今天很好\t1", "text");
        assert!(
            data.starts_with("the first line is taken as the header"),
            "{data}"
        );
        assert!(error("", "text").contains("there is no \"text\""));
    }

    #[test]
    fn a_value_over_many_lines_is_told_from_a_broken_line() {
        assert!(one_value("[").unwrap().contains("jq -c '.[]'"));
        assert!(one_value(" [{\"a\": 1},").is_some());
        assert!(
            one_value("{")
                .unwrap()
                .contains("object over several lines")
        );
        assert_eq!(one_value("{\"a\": "), None);
        assert_eq!(one_value("text"), None);
    }
}
