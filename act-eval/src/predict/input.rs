//! One line of input as token ids: text (a tab separates a pair), JSON with a task's own fields, or
//! JSON with ids. What the engine would refuse is refused here, where the line is known.

use act_core::{Encoding, Error, Result};
use act_data::Task;
use serde::Deserialize;

use crate::model::Model;

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// JSON if it starts with `{`, else text
    Auto,
    /// A text, or two with a tab between
    Text,
    /// A JSON object with the task's own fields, or with `input_ids`
    Jsonl,
}

/// Turns lines into what the model takes.
pub struct Reader<'a> {
    model: &'a Model,
    format: Format,
    /// The model's task where it is one of the built-in ones.
    task: Option<Task>,
}

/// Ids instead of text. Rows need no padding; a padding id inside a row masks its position.
#[derive(Deserialize)]
struct Ids {
    input_ids: Option<Vec<u32>>,
    token_type_ids: Option<Vec<u32>>,
}

/// The field names in use for tasks that we do not know.
#[derive(Deserialize)]
struct Texts {
    #[serde(alias = "sentence", alias = "sentence1")]
    text: String,
    #[serde(alias = "sentence2")]
    text_pair: Option<String>,
}

impl<'a> Reader<'a> {
    /// A reader for a model.
    pub fn new(model: &'a Model, format: Format) -> Self {
        Self {
            model,
            format,
            task: Task::builtin(&model.task.name).ok(),
        }
    }

    /// Token ids of one line. An empty line is an empty text.
    pub fn encode(&self, line: &str) -> Result<Encoding> {
        let json = match self.format {
            Format::Auto => line.trim_start().starts_with('{'),
            Format::Text => false,
            Format::Jsonl => true,
        };
        if json { self.from_json(line) } else { self.from_text(line) }
    }

    fn from_text(&self, line: &str) -> Result<Encoding> {
        let mut parts = line.split('\t');
        let (text, pair) = (parts.next().unwrap_or_default(), parts.next());
        if parts.next().is_some() {
            return Err(Error::usage("more than one tab: a line is a text or a pair of texts"));
        }
        self.model.tokenizer.encode(text, pair)
    }

    fn from_json(&self, line: &str) -> Result<Encoding> {
        let ids: Ids = parse(line)?;
        if let Some(input_ids) = ids.input_ids {
            let length = input_ids.len();
            let encoding = Encoding {
                input_ids,
                token_type_ids: ids.token_type_ids.unwrap_or_else(|| vec![0; length]),
            };
            self.check_ids(&encoding)?;
            return Ok(encoding);
        }
        let (text, pair) = match &self.task {
            Some(task) => task.parse_line(line)?,
            None => {
                let texts: Texts = parse(line)?;
                (texts.text, texts.text_pair)
            }
        };
        self.model.tokenizer.encode(&text, pair.as_deref())
    }

    fn check_ids(&self, encoding: &Encoding) -> Result<()> {
        let (plan, length) = (&self.model.plan, encoding.len());
        let refuse = |what: String| Err(Error::usage(what));
        if length != encoding.token_type_ids.len() {
            let types = encoding.token_type_ids.len();
            return refuse(format!("{length} input_ids but {types} token_type_ids"));
        }
        if length > plan.max_position_embeddings {
            let most = plan.max_position_embeddings;
            return refuse(format!("{length} input_ids; the model takes at most {most}"));
        }
        if encoding.input_ids.iter().all(|&id| id == self.model.pad_id) {
            return refuse("input_ids has no token but padding".into());
        }
        below("input_ids", &encoding.input_ids, plan.vocab_size)?;
        below("token_type_ids", &encoding.token_type_ids, plan.type_vocab_size)
    }
}

fn below(field: &str, ids: &[u32], bound: usize) -> Result<()> {
    match ids.iter().find(|&&id| id as usize >= bound) {
        Some(id) => Err(Error::usage(format!("{field}: {id} is not below {bound}"))),
        None => Ok(()),
    }
}

fn parse<'de, T: Deserialize<'de>>(line: &'de str) -> Result<T> {
    serde_json::from_str(line).map_err(|e| {
        // The parser counts lines from its own first one.
        let text = e.to_string();
        let what = text.rsplit_once(" at line ").map_or(&*text, |(what, _)| what);
        Error::usage(format!("{what} at column {}", e.column()))
    })
}
