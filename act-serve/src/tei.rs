//! `POST /predict` as Hugging Face's Text Embeddings Inference has it: `inputs` is a string, a pair
//! `[a, b]`, or a batch `[[a], [a, b], ..]`; the answer to one of them is its labels by score, to a
//! batch a list of such. Where a model takes one text, a list of two or more strings is a batch too,
//! as in Hugging Face's other interfaces: it cannot be a pair.

use std::fmt;

use act_core::ProblemKind;
use act_infer::{Classification, Encoded, Engine};
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::desk::Text;
use crate::failure::Failure;

/// The JSON.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Which model, by its name; not TEI's.
    pub model: Option<String>,
    inputs: Inputs,
    #[serde(default)]
    raw_scores: bool,
    truncate: Option<bool>,
    #[serde(default)]
    truncation_direction: Direction,
    /// What `huggingface_hub`'s client sends along, empty.
    #[serde(default, rename = "parameters")]
    _parameters: Parameters,
}

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
enum Direction {
    #[serde(alias = "left")]
    Left,
    #[default]
    #[serde(alias = "right")]
    Right,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {}

#[derive(Debug)]
enum Inputs {
    One(String),
    Strings(Vec<String>),
    Batch(Vec<Text>),
}

/// How the answer is to look.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    single: bool,
    raw_scores: bool,
    truncate: bool,
}

#[derive(Serialize)]
struct Prediction<'a> {
    score: f32,
    label: &'a str,
}

impl Request {
    /// From a body.
    ///
    /// # Errors
    /// 400: it is no such JSON.
    pub fn parse(body: &[u8]) -> Result<Self, Failure> {
        serde_json::from_slice(body).map_err(|e| Failure::refused(e.to_string()))
    }

    /// What is asked of a model.
    ///
    /// # Errors
    /// 400: more strings than a pair has, or to be cut at the left.
    pub fn texts(self, engine: &Engine) -> Result<(Vec<Text>, Form), Failure> {
        let truncate = self.truncate.unwrap_or(false);
        if truncate && self.truncation_direction == Direction::Left {
            return Err(Failure::refused(
                "\"truncation_direction\": texts are cut as the model's tokenizer says; leave it out",
            ));
        }
        let alone = engine.task().takes_pairs() == Some(false);
        let (texts, single) = match self.inputs {
            Inputs::One(text) => (vec![(text, None)], true),
            Inputs::Batch(batch) => (batch, false),
            Inputs::Strings(strings) => match <[String; 1]>::try_from(strings) {
                Ok([text]) => (vec![(text, None)], true),
                Err(strings) if alone => (strings.into_iter().map(|s| (s, None)).collect(), false),
                Err(strings) => (vec![pair(strings).map_err(Failure::refused)?], true),
            },
        };
        let form = Form {
            single,
            raw_scores: self.raw_scores,
            truncate,
        };
        Ok((texts, form))
    }
}

/// One or two strings.
fn pair(strings: Vec<String>) -> Result<Text, String> {
    let count = strings.len();
    let mut strings = strings.into_iter();
    match (strings.next(), strings.next(), count) {
        (Some(text), pair, 1 | 2) => Ok((text, pair)),
        _ => Err(format!(
            "\"inputs\": {count} strings, where a text is one and a pair two; a batch is [[a], [b], ..]"
        )),
    }
}

/// A string, or strings.
enum Element {
    String(String),
    Strings(Vec<String>),
}

impl<'de> Deserialize<'de> for Element {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Of;

        impl<'de> Visitor<'de> for Of {
            type Value = Element;

            fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                to.write_str("a string or a list of one or two")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Element, E> {
                Ok(Element::String(text.into()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Element, A::Error> {
                let mut strings = Vec::new();
                while let Some(string) = from.next_element()? {
                    strings.push(string);
                }
                Ok(Element::Strings(strings))
            }
        }

        from.deserialize_any(Of)
    }
}

impl<'de> Deserialize<'de> for Inputs {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Of;

        impl<'de> Visitor<'de> for Of {
            type Value = Inputs;

            fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                to.write_str("a string, a pair [a, b] or a batch [[a], [a, b], ..]")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Inputs, E> {
                Ok(Inputs::One(text.into()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Inputs, A::Error> {
                let (mut strings, mut batch) = (Vec::new(), Vec::new());
                while let Some(element) = from.next_element()? {
                    match element {
                        Element::String(string) => strings.push(string),
                        Element::Strings(text) => {
                            batch.push(pair(text).map_err(de::Error::custom)?)
                        }
                    }
                }
                match (strings.is_empty(), batch.is_empty()) {
                    (false, true) => Ok(Inputs::Strings(strings)),
                    (true, false) => Ok(Inputs::Batch(batch)),
                    (true, true) => Err(de::Error::custom("\"inputs\" is empty")),
                    (false, false) => Err(de::Error::custom(
                        "\"inputs\" has strings and lists; in a batch every text is a list, [a] or [a, b]",
                    )),
                }
            }
        }

        from.deserialize_any(Of)
    }
}

/// Refuses what would have to be cut, unless the client has asked for it.
///
/// # Errors
/// 413: a text has more tokens than the model reads.
pub fn check_length(engine: &Engine, texts: &[Encoded], form: Form) -> Result<(), Failure> {
    let most = engine.max_tokens();
    match texts
        .iter()
        .enumerate()
        .find(|(_, text)| text.tokens > most)
    {
        Some((i, text)) if !form.truncate => Err(Failure::too_large(format!(
            "text {i} has {} tokens, the model reads {most}: send \"truncate\": true to have it cut",
            text.tokens
        ))),
        _ => Ok(()),
    }
}

/// The answers as JSON.
///
/// # Errors
/// 500: none that is known.
pub fn json(engine: &Engine, answers: &[Classification], form: Form) -> Result<Vec<u8>, Failure> {
    let of = |answer| predictions(engine, answer, form.raw_scores);
    let json = match answers {
        [answer] if form.single => serde_json::to_vec(&of(answer)),
        answers => serde_json::to_vec(&answers.iter().map(of).collect::<Vec<_>>()),
    };
    json.map_err(|e| Failure::broken(e.to_string()))
}

/// The labels by score, best first; of a regression its score, which has no raw one.
fn predictions<'a>(
    engine: &'a Engine,
    answer: &'a Classification,
    raw: bool,
) -> Vec<Prediction<'a>> {
    let task = engine.task();
    if task.problem.kind() == ProblemKind::Regression {
        let score = answer.score.or(answer.logits.first().copied());
        let of = |score| Prediction {
            score,
            label: &answer.label,
        };
        return score.into_iter().map(of).collect();
    }
    let scores = if raw {
        &answer.logits
    } else {
        &answer.probabilities
    };
    let named = task.labels.iter().zip(scores);
    let mut predictions: Vec<_> = named
        .map(|(label, &score)| Prediction { score, label })
        .collect();
    predictions.sort_by(|a, b| b.score.total_cmp(&a.score));
    predictions
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(json: &str) -> Result<Inputs, String> {
        let body = format!("{{\"inputs\": {json}}}");
        let request = Request::parse(body.as_bytes());
        request.map(|r| r.inputs).map_err(|e| e.message)
    }

    #[test]
    fn inputs_are_what_tei_takes() {
        assert!(matches!(inputs("\"a\""), Ok(Inputs::One(text)) if text == "a"));
        assert!(matches!(inputs(r#"["a", "b"]"#), Ok(Inputs::Strings(s)) if s == ["a", "b"]));
        let batch = inputs(r#"[["a"], ["b", "c"]]"#);
        let expected = [("a".into(), None), ("b".into(), Some("c".into()))];
        assert!(matches!(batch, Ok(Inputs::Batch(batch)) if batch == expected));
    }

    #[test]
    fn other_inputs_are_told_why() {
        for (json, says) in [
            ("[]", "is empty"),
            ("[[]]", "0 strings"),
            (r#"[["a", "b", "c"]]"#, "3 strings"),
            (r#"["a", ["b"]]"#, "strings and lists"),
            ("1", "expected a string, a pair"),
            ("[1]", "expected a string or a list"),
            ("[[1]]", "expected a string"),
            (
                r#""a", "parameters": {"top_k": 1}"#,
                "unknown field `top_k`",
            ),
            (r#""a", "prompt": "b""#, "unknown field `prompt`"),
        ] {
            let told = inputs(json).unwrap_err();
            assert!(told.contains(says), "{json}: {told}");
        }
    }
}
