//! Where questions come from: lines of text, one after another as they come, or the rows of a data file,
//! which act-data reads as it reads the files that models are trained and judged on.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use act_core::{Error, Result};
use act_data::{FileFormat, Rows, Shape, described_rows};

use super::input::{LineFormat, Question, Reader};
use super::lines::Lines;
use super::takes::{TaskTexts, columns_in};

/// Questions in their order.
pub enum Source {
    /// Of lines.
    Lines(Lines),
    /// Of the rows of a file.
    Rows(Box<Rows>),
}

/// How many lines a file has, for the time that is left; `None` of a pipe, and where lines are not texts.
pub fn lines(path: &Path) -> Option<usize> {
    let named = |ending: &str| path.to_string_lossy().ends_with(ending);
    if path.as_os_str() == "-" || named(".gz") || !path.metadata().ok()?.is_file() {
        return None;
    }
    let mut file = File::open(path).ok()?;
    let mut bytes = vec![0; 1 << 16];
    let mut lines = 0;
    loop {
        match file.read(&mut bytes).ok()? {
            0 => return Some(lines),
            n => lines += bytes[..n].iter().filter(|&&byte| byte == b'\n').count(),
        }
    }
}

impl Source {
    /// Opens a path, or `-` for standard input, for a model of `task`, and tells `reader` the columns. A
    /// description beside the file says how it is written.
    ///
    /// # Errors
    /// Usage: no such file; a table without the model's columns.
    pub fn open(path: &Path, format: LineFormat, reader: &mut Reader, task: &str) -> Result<Self> {
        if format == LineFormat::Auto
            && path.as_os_str() != "-"
            && let Some((rows, task)) = described_rows(path, task)?
        {
            reader.read_as(TaskTexts::of_task(task));
            return Ok(Self::Rows(Box::new(rows)));
        }
        match shape(path, format, reader) {
            Some(shape) => table(path, shape, format, reader),
            None => Lines::open(path).map(Self::Lines),
        }
    }

    /// The next question; `None` at the end, `Some(None)` of a line that is a header.
    ///
    /// # Errors
    /// What is wrong with the input, with its place.
    pub fn next(&mut self, reader: &mut Reader) -> Result<Option<Option<Question>>> {
        match self {
            Source::Lines(lines) => {
                let Some(line) = lines.next()? else {
                    return Ok(None);
                };
                let read = reader.read(line);
                read.map(Some).map_err(|e| e.context(lines.place()))
            }
            Source::Rows(rows) => {
                let Some(row) = rows.next_row()? else {
                    return Ok(None);
                };
                let read = reader.record(&row?);
                let read = read.map_err(|e| e.context(rows.place()));
                read.map(|question| Some(Some(question)))
            }
        }
    }

    /// True if the next question can be had without waiting for whoever writes.
    pub fn ready(&self) -> bool {
        match self {
            Source::Lines(lines) => lines.ready(),
            Source::Rows(rows) => rows.ready(),
        }
    }
}

/// How a data file is read; `None` of lines of text.
fn shape(path: &Path, format: LineFormat, reader: &Reader) -> Option<Shape> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let table = |delimiter| {
        Some(Shape::Table {
            delimiter,
            quotes: None,
            ragged: false,
        })
    };
    let packed = name.ends_with(".gz");
    let piped = path.as_os_str() == "-";
    let named = FileFormat::of_name(&name);
    match (format, named) {
        (LineFormat::Csv, _) | (LineFormat::Auto, Some(FileFormat::Csv)) => table(b','),
        (LineFormat::Tsv, _) if !piped => table(b'\t'),
        (LineFormat::Auto, Some(FileFormat::Tsv)) => table(b'\t'),
        // A text a line, unless the model's columns have no names: then this is such a file.
        (LineFormat::Auto, Some(FileFormat::Txt)) if reader.numbered() => table(b'\t'),
        (LineFormat::Auto, Some(FileFormat::Jsonl)) => Some(Shape::Json),
        (LineFormat::Jsonl, _) if packed => Some(Shape::Json),
        _ => None,
    }
}

/// True for a pipe or device that somebody names, as a shell does by `<(command)`.
fn is_stream(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir())
}

fn table(path: &Path, shape: Shape, format: LineFormat, reader: &Reader) -> Result<Source> {
    let mut rows = if path.as_os_str() == "-" {
        Rows::of(std::io::stdin(), Path::new("standard input"), shape)?
    } else if is_stream(path) {
        let pipe = File::open(path).map_err(|e| Error::io(path, e))?;
        Rows::of(pipe, path, shape)?
    } else {
        Rows::open(path, shape)?
    };
    if shape != Shape::Json {
        let first = rows.look()?;
        let texts = reader.texts();
        let (texts, header) = texts.of_table(&first);
        let wanted = texts.columns().unwrap_or_else(|| columns_in(&first));
        let there = || {
            wanted
                .iter()
                .all(|name| first.iter().any(|cell| cell == name))
        };
        if header == Some(false) {
            rows.numbered(&wanted)?;
        } else if format == LineFormat::Auto && !first.is_empty() && !there() {
            return Err(Error::usage(format!(
                "{}: the file is called a table, and its first line is no header with the columns \
                 {wanted:?}: give --format csv or tsv for a table, text for a text a line, pairs for two \
                 with a tab between",
                rows.place()
            )));
        } else {
            rows.header(&wanted)?;
        }
    }
    Ok(Source::Rows(Box::new(rows)))
}
