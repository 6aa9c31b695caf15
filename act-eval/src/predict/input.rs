//! One line of input as token ids: text (of a pair with a tab between), a row of a table under its
//! header, JSON with a task's own fields, or JSON with ids. What the engine would refuse is refused
//! here, where the line is known.

use std::path::Path;

use act_core::json::check_weight;
use act_core::{Encoding, Error, Plan, Result, Tokenizer};
use act_data::{Record, header, one_value};
use serde::Deserialize;
use serde_json::Value;

use super::takes::{Takes, TaskTexts, Texts, columns_in};
use crate::model::Model;

/// Most memory of a line's values, in bytes; ids take some 30 times their digits.
const MOST: usize = 64 << 20;

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LineFormat {
    /// JSON if it starts with `{`, a row if the first line is a header with the task's columns, else text
    Auto,
    /// A text; in a task of pairs two with a tab between
    Text,
    /// Two texts with a tab between, whatever is known of the task
    Pairs,
    /// A row of tab-separated values; the first line is the header
    Tsv,
    /// A row of comma-separated values, quoted by RFC 4180; the first line is the header
    Csv,
    /// A JSON object with the task's own fields, or with `input_ids`
    Jsonl,
}

/// A line that waits for its answer.
#[derive(Debug, PartialEq)]
pub struct Question {
    /// Token ids.
    pub encoding: Encoding,
    /// How many there would be uncut.
    pub whole: usize,
    /// The line's own `id`.
    pub id: Option<Value>,
}

/// Turns lines into what the model takes, on a thread of its own if need be: it borrows nothing.
pub struct Reader {
    tokenizer: Tokenizer,
    plan: Plan,
    format: LineFormat,
    texts: TaskTexts,
    place: Place,
}

/// How far the input was read.
enum Place {
    Start,
    /// Below a header with these columns.
    Rows(Vec<String>),
    Lines,
}

/// Ids instead of text. Rows need no padding; a padding id inside a row masks its position.
#[derive(Deserialize)]
struct Ids {
    input_ids: Option<Vec<u32>>,
    token_type_ids: Option<Vec<u32>>,
    id: Option<Value>,
}

impl Reader {
    /// A reader for a model.
    ///
    /// # Errors
    /// Usage: pairs, for a model that takes one text.
    pub fn new(model: &Model, format: LineFormat) -> Result<Self> {
        Self::of(
            model.tokenizer.clone(),
            model.plan.clone(),
            TaskTexts::of(&model.task),
            format,
        )
    }

    /// A reader for a model and a file, which may lie beside its own description.
    ///
    /// # Errors
    /// As [`Reader::new`], and those of the description.
    pub fn of_file(model: &Model, format: LineFormat, input: &Path) -> Result<Self> {
        let texts = TaskTexts::of(&model.task).beside(input, &model.task)?;
        Self::of(model.tokenizer.clone(), model.plan.clone(), texts, format)
    }

    /// What texts the model takes, in which columns.
    pub fn texts(&self) -> &TaskTexts {
        &self.texts
    }

    /// Reads the texts from other columns.
    pub fn read_as(&mut self, texts: TaskTexts) {
        self.texts = texts;
    }

    /// Whether the columns of the texts have no names but their numbers.
    pub fn numbered(&self) -> bool {
        let columns = self.texts.columns().unwrap_or_default();
        !columns.is_empty() && columns.iter().all(|name| name.parse::<usize>().is_ok())
    }

    fn of(tokenizer: Tokenizer, plan: Plan, texts: TaskTexts, format: LineFormat) -> Result<Self> {
        if format == LineFormat::Pairs && texts.takes() == Takes::One {
            let message = "--format pairs: the model takes one text, in which a tab is a character";
            return Err(Error::usage(message));
        }
        Ok(Self {
            tokenizer,
            plan,
            format,
            texts,
            place: Place::Start,
        })
    }

    /// Token ids of the next line; `None` if it is a header. An empty line is an empty text.
    ///
    /// # Errors
    /// Usage: what is wrong with the line.
    pub fn read(&mut self, line: &str) -> Result<Option<Question>> {
        if matches!(self.place, Place::Start) {
            self.place = match self.header(line)? {
                Some(columns) => Place::Rows(columns),
                None => Place::Lines,
            };
            if matches!(self.place, Place::Rows(_)) {
                return Ok(None);
            }
            self.look_at_first(line)?;
        }
        if let Place::Rows(columns) = &self.place {
            return self.row(&row(columns, line)?).map(Some);
        }
        let json = match self.format {
            LineFormat::Auto => line.trim_start().starts_with('{'),
            format => format == LineFormat::Jsonl,
        };
        let question = if json {
            self.json(line)
        } else {
            self.question(self.split(line)?, None)
        };
        question.map(Some)
    }

    /// The columns of the first line, if it is a header.
    fn header(&self, line: &str) -> Result<Option<Vec<String>>> {
        let wanted = self.texts.columns();
        let there = |wanted: &Vec<&str>| {
            let cells: Vec<&str> = line.split('\t').collect();
            cells.len() > 1 && wanted.iter().all(|name| cells.contains(name))
        };
        let is_header = match self.format {
            LineFormat::Tsv => true,
            LineFormat::Auto => wanted.as_ref().is_some_and(there),
            LineFormat::Text | LineFormat::Pairs | LineFormat::Jsonl | LineFormat::Csv => false,
        };
        if is_header {
            let cells: Vec<String> = line.split('\t').map(str::to_string).collect();
            let wanted = wanted.unwrap_or_else(|| columns_in(&cells));
            return header(cells, &wanted).map(Some);
        }
        Ok(None)
    }

    /// What can be told of all the input from the first line, if it is no header.
    fn look_at_first(&self, line: &str) -> Result<()> {
        let list = one_value(line).filter(|_| self.format == LineFormat::Jsonl);
        if let Some(list) = list.filter(|_| Record::from_json(line).is_err()) {
            return Err(Error::usage(list));
        }
        let (plain, unknown) = (!line.trim_start().starts_with('{'), Takes::Unknown);
        let text = matches!(self.format, LineFormat::Auto | LineFormat::Text);
        if plain && text && self.texts.takes() == unknown && !line.contains('\t') {
            log::warn!(
                "the model's task is not built in, and nobody has recorded whether it takes one text or \
                 two: a line is taken as one (--format pairs takes it as two)"
            );
        }
        Ok(())
    }

    /// The text of a line, or two with a tab between where the model takes two.
    fn split(&self, line: &str) -> Result<Texts> {
        let takes = match self.format {
            LineFormat::Pairs => Takes::Two,
            _ => self.texts.takes(),
        };
        let mut parts = line.split('\t');
        let (text, pair, more) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
        match (takes, pair, more) {
            (Takes::One, ..) | (Takes::Unknown, None, _) => Ok((line.into(), None)),
            (Takes::Two, Some(pair), None) => Ok((text.into(), Some(pair.into()))),
            (Takes::Two, None, _) => Err(Error::usage(
                "the model takes two texts with a tab between, and the line has no tab",
            )),
            (Takes::Two, _, Some(_)) => Err(Error::usage(
                "more than one tab: the model takes two texts with a tab between",
            )),
            (Takes::Unknown, Some(_), _) => Err(Error::usage(
                "a tab, and nobody has recorded whether the model takes one text or two: give --format \
                 pairs for two, or one text with a tab in it as JSON, {\"text\": ..}",
            )),
        }
    }

    fn question(&self, (text, pair): Texts, id: Option<Value>) -> Result<Question> {
        let (encoding, whole) = self.tokenizer.encode_whole(&text, pair.as_deref())?;
        Ok(Question {
            encoding,
            whole,
            id,
        })
    }

    /// The question of a file's row, which may be of ids.
    ///
    /// # Errors
    /// Usage: what is wrong with the row.
    pub fn record(&self, row: &Record) -> Result<Question> {
        match row.value("input_ids") {
            Some(Value::Array(_)) => {
                self.ids(serde_json::from_value(row.to_value()).map_err(wrong)?)
            }
            _ => self.row(row),
        }
    }

    fn row(&self, row: &Record) -> Result<Question> {
        self.question(self.texts.read(row)?, row.value("id").cloned())
    }

    fn json(&self, line: &str) -> Result<Question> {
        if line.contains("\"input_ids\"") {
            let ids: Ids = parse(line)?;
            if ids.input_ids.is_some() {
                return self.ids(ids);
            }
        }
        self.row(&Record::from_json(line)?)
    }

    fn ids(&self, ids: Ids) -> Result<Question> {
        let input_ids = ids.input_ids.unwrap_or_default();
        let whole = input_ids.len();
        let encoding = Encoding {
            input_ids,
            token_type_ids: ids.token_type_ids.unwrap_or_else(|| vec![0; whole]),
        };
        self.check_ids(&encoding)?;
        Ok(Question {
            encoding,
            whole,
            id: ids.id,
        })
    }

    fn check_ids(&self, encoding: &Encoding) -> Result<()> {
        let (plan, length) = (&self.plan, encoding.len());
        let refuse = |what: String| Err(Error::usage(what));
        if length != encoding.token_type_ids.len() {
            let types = encoding.token_type_ids.len();
            return refuse(format!("{length} input_ids but {types} token_type_ids"));
        }
        if length > plan.embeddings.longest {
            let most = plan.embeddings.longest;
            return refuse(format!(
                "{length} input_ids; the model takes at most {most}"
            ));
        }
        if encoding.is_empty() {
            return refuse("input_ids is empty".into());
        }
        below("input_ids", &encoding.input_ids, plan.embeddings.vocab_size)?;
        below(
            "token_type_ids",
            &encoding.token_type_ids,
            plan.embeddings.types_below(),
        )
    }
}

fn below(field: &str, ids: &[u32], bound: usize) -> Result<()> {
    match ids.iter().find(|&&id| id as usize >= bound) {
        Some(id) => Err(Error::usage(format!("{field}: {id} is not below {bound}"))),
        None => Ok(()),
    }
}

/// A line of tab-separated values under a header.
fn row(header: &[String], line: &str) -> Result<Record> {
    let cells: Vec<&str> = line.split('\t').collect();
    if cells.len() != header.len() {
        let (there, expected) = (cells.len(), header.len());
        return Err(Error::usage(format!(
            "{there} columns, but the header has {expected}"
        )));
    }
    let cells = cells.into_iter().map(str::to_string);
    Ok(Record::of(header.iter().cloned().zip(cells)))
}

fn parse<'de, T: Deserialize<'de>>(line: &'de str) -> Result<T> {
    check_weight(line.as_bytes(), MOST)?;
    serde_json::from_str(line).map_err(wrong)
}

fn wrong(error: serde_json::Error) -> Error {
    // The parser counts lines from its own first one.
    let text = error.to_string();
    let what = text.rsplit_once(" at line ");
    let what = what.map_or(&*text, |(what, _)| what);
    match error.column() {
        0 => Error::usage(what),
        column => Error::usage(format!("{what} at column {column}")),
    }
}

#[cfg(test)]
mod tests;
