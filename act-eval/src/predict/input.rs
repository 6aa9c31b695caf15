//! One line of input as token ids: text (a tab separates a pair), JSON with a task's own fields, or
//! JSON with ids. What the engine would refuse is refused here, where the line is known.

use act_core::{Encoding, Error, Plan, Result, Tokenizer};
use act_data::{Record, Task};
use serde::Deserialize;
use serde_json::Value;

use crate::model::Model;

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LineFormat {
    /// JSON if it starts with `{`, else text
    Auto,
    /// A text, or two with a tab between
    Text,
    /// A JSON object with the task's own fields, or with `input_ids`
    Jsonl,
}

/// Turns lines into what the model takes.
pub struct Reader<'a> {
    tokenizer: &'a Tokenizer,
    plan: &'a Plan,
    format: LineFormat,
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
    pub fn new(model: &'a Model, format: LineFormat) -> Self {
        Self {
            tokenizer: &model.tokenizer,
            plan: &model.plan,
            format,
            task: Task::builtin(&model.task.name).ok(),
        }
    }

    /// Token ids of one line. An empty line is an empty text.
    pub fn encode(&self, line: &str) -> Result<Encoding> {
        let json = match self.format {
            LineFormat::Auto => line.trim_start().starts_with('{'),
            LineFormat::Text => false,
            LineFormat::Jsonl => true,
        };
        if json {
            self.encode_json(line)
        } else {
            self.encode_text(line)
        }
    }

    fn encode_text(&self, line: &str) -> Result<Encoding> {
        let mut parts = line.split('\t');
        let (text, pair) = (parts.next().unwrap_or_default(), parts.next());
        if parts.next().is_some() {
            return Err(Error::usage(
                "more than one tab: a line is a text or a pair of texts",
            ));
        }
        self.tokenizer.encode(text, pair)
    }

    fn encode_json(&self, line: &str) -> Result<Encoding> {
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
            Some(task) => task.texts(&Record::from_json(line)?)?,
            None => {
                let texts: Texts = parse(line)?;
                (texts.text, texts.text_pair)
            }
        };
        self.tokenizer.encode(&text, pair.as_deref())
    }

    fn check_ids(&self, encoding: &Encoding) -> Result<()> {
        let (plan, length) = (self.plan, encoding.len());
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
            plan.embeddings.type_vocab_size,
        )
    }
}

/// The `id` of a JSON line, or the line's number.
pub fn id(line: &str, number: u64) -> Value {
    #[derive(Deserialize)]
    struct Named {
        id: Option<Value>,
    }
    let named: Option<Named> = serde_json::from_str(line).ok();
    named.and_then(|n| n.id).unwrap_or_else(|| number.into())
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
        let what = text
            .rsplit_once(" at line ")
            .map_or(&*text, |(what, _)| what);
        Error::usage(format!("{what} at column {}", e.column()))
    })
}

#[cfg(test)]
mod tests {
    use act_core::Artifact;
    use act_core::testing::{TinyOptions, tiny_artifact};
    use proptest::prelude::*;

    use super::*;

    /// What a tiny model (128 tokens, 32 positions, 2 token types) makes of a line.
    fn encode_as(task: &str, format: LineFormat, line: &str) -> Result<Encoding> {
        let Artifact {
            plan,
            tokenizer,
            task: info,
            ..
        } = tiny_artifact(1, &TinyOptions::default());
        let reader = Reader {
            tokenizer: &Tokenizer::new(&tokenizer, info.max_seq_length)?,
            plan: &plan,
            format,
            task: Task::builtin(task).ok(),
        };
        reader.encode(line)
    }

    fn encode(line: &str) -> Result<Encoding> {
        encode_as("tiny", LineFormat::Auto, line)
    }

    fn ids(input_ids: &[u32], token_type_ids: &[u32]) -> Encoding {
        Encoding {
            input_ids: input_ids.to_vec(),
            token_type_ids: token_type_ids.to_vec(),
        }
    }

    #[test]
    fn a_tab_separates_a_pair() {
        let one = encode("花呗").unwrap();
        assert_eq!(one, ids(&[2, 5, 6, 3], &[0; 4]));
        let pair = encode("花呗\t花").unwrap();
        assert_eq!(pair, ids(&[2, 5, 6, 3, 5, 3], &[0, 0, 0, 0, 1, 1]));
        assert!(
            encode("a\tb\tc")
                .unwrap_err()
                .to_string()
                .contains("more than one tab")
        );
    }

    #[test]
    fn an_empty_line_is_an_empty_text() {
        assert_eq!(encode("").unwrap(), ids(&[2, 3], &[0, 0]));
    }

    #[test]
    fn json_may_use_a_tasks_own_fields() {
        let pair = encode("花呗\t花").unwrap();
        let own = r#"{"sentence1":"花呗","sentence2":"花","label":"1"}"#;
        assert_eq!(encode_as("afqmc", LineFormat::Auto, own).unwrap(), pair);
        assert_eq!(encode(own).unwrap(), pair, "a task we do not know");
        assert_eq!(
            encode(r#" {"text":"花呗","text_pair":"花"}"#).unwrap(),
            pair
        );
        let missing = encode_as("afqmc", LineFormat::Auto, r#"{"sentence1":"花"}"#).unwrap_err();
        assert!(missing.to_string().contains("sentence2"), "{missing}");
    }

    #[test]
    fn the_format_may_be_forced() {
        assert_eq!(encode_as("tiny", LineFormat::Text, "{}").unwrap().len(), 4);
        assert!(encode_as("tiny", LineFormat::Jsonl, "花").is_err());
    }

    #[test]
    fn json_may_hold_ids_with_padding_anywhere() {
        let line = r#"{"input_ids":[2,5,0,3,0],"token_type_ids":[0,0,0,1,0]}"#;
        assert_eq!(
            encode(line).unwrap(),
            ids(&[2, 5, 0, 3, 0], &[0, 0, 0, 1, 0])
        );
        assert_eq!(
            encode(r#"{"input_ids":[2,3]}"#).unwrap(),
            ids(&[2, 3], &[0, 0])
        );
        // Padding alone is computed as exported programs compute it: every key has the same mask.
        assert_eq!(
            encode(r#"{"input_ids":[0,0]}"#).unwrap(),
            ids(&[0, 0], &[0, 0])
        );
    }

    #[test]
    fn ids_that_the_model_does_not_have_are_refused() {
        for (line, message) in [
            (
                r#"{"input_ids":[2,128]}"#,
                "input_ids: 128 is not below 128",
            ),
            (
                r#"{"input_ids":[2],"token_type_ids":[2]}"#,
                "token_type_ids: 2 is not below 2",
            ),
            (
                r#"{"input_ids":[2],"token_type_ids":[]}"#,
                "1 input_ids but 0 token_type_ids",
            ),
            (r#"{"input_ids":[]}"#, "input_ids is empty"),
        ] {
            assert_eq!(encode(line).unwrap_err().to_string(), message);
        }
        let long = format!("{{\"input_ids\":{:?}}}", vec![2; 33]);
        assert_eq!(
            encode(&long).unwrap_err().to_string(),
            "33 input_ids; the model takes at most 32"
        );
        let negative = encode(r#"{"input_ids":[-1]}"#).unwrap_err().to_string();
        assert!(
            negative.contains("invalid value") && negative.contains("column"),
            "{negative}"
        );
    }

    proptest! {
        /// Any line gives ids that the engine takes, or a one-line error of the user's.
        #[test]
        fn no_line_breaks_the_reader(line in r#"[^\n]{0,60}|\{"input_ids":\[[0-9, -]{0,20}\]\}"#) {
            match encode(&line) {
                Ok(e) => {
                    prop_assert!(!e.is_empty() && e.len() <= 32);
                    prop_assert_eq!(e.input_ids.len(), e.token_type_ids.len());
                    prop_assert!(e.input_ids.iter().all(|&id| id < 128));
                }
                Err(e) => {
                    prop_assert_eq!(e.kind(), act_core::ErrorKind::Usage);
                    prop_assert!(!e.to_string().contains('\n'));
                }
            }
        }
    }
}
