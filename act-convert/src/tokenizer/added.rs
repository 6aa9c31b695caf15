//! Special and added tokens with their flags, in the order and with the ids that `transformers` gives
//! them: those that the files list, then the named special tokens, then the rest.

use std::collections::HashMap;

use act_core::{Error, Result};
use serde_json::{Map, Value, json};

use super::files::Files;
use crate::file::brief;

/// A token that is found in texts before they are cut into words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Added {
    pub content: String,
    pub id: u32,
    normalized: bool,
    lstrip: bool,
    rstrip: bool,
    single_word: bool,
    special: bool,
    /// In no file but by its name: `transformers` puts it behind the vocabulary.
    pub appended: bool,
}

impl Added {
    pub fn new(content: &str) -> Self {
        Self {
            content: content.to_string(),
            id: 0,
            normalized: false,
            lstrip: false,
            rstrip: false,
            single_word: false,
            special: true,
            appended: false,
        }
    }

    /// A text, or an object with flags.
    fn read(value: &Value) -> Result<Self> {
        let wrong = || Error::rejected(format!("{} is no added token", brief(value)));
        if let Some(content) = value.as_str().filter(|content| !content.is_empty()) {
            return Ok(Self::new(content));
        }
        let content = value
            .get("content")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if content.is_empty() {
            return Err(wrong());
        }
        let flag = |key: &str| match value.get(key) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(wrong()),
        };
        Ok(Self {
            normalized: flag("normalized")?,
            lstrip: flag("lstrip")?,
            rstrip: flag("rstrip")?,
            single_word: flag("single_word")?,
            special: flag("special")?,
            ..Self::new(content)
        })
    }

    /// True if it is found as it stands, wherever it stands.
    pub fn is_plain(&self) -> bool {
        !(self.normalized || self.lstrip || self.rstrip || self.single_word)
    }

    /// True if they are found in the same places.
    fn same(&self, other: &Self) -> bool {
        let other = Self {
            id: self.id,
            special: self.special,
            ..other.clone()
        };
        *self == other
    }

    /// As a `tokenizer.json` has it.
    pub fn json(&self) -> Value {
        json!({
            "id": self.id,
            "content": self.content,
            "single_word": self.single_word,
            "lstrip": self.lstrip,
            "rstrip": self.rstrip,
            "normalized": self.normalized,
            "special": self.special,
        })
    }
}

/// The named special tokens that BERT's classes have, with BERT's names.
pub(super) const BERT_NAMES: [(&str, &str); 5] = [
    ("unk_token", "[UNK]"),
    ("sep_token", "[SEP]"),
    ("pad_token", "[PAD]"),
    ("cls_token", "[CLS]"),
    ("mask_token", "[MASK]"),
];

/// The special tokens of a folder by their keys, in the order in which they are added.
pub(super) struct Named(Vec<(String, Added)>);

impl Named {
    /// The folder's names, and where it is silent those of `defaults`.
    ///
    /// # Errors
    /// Rejected: the folder's files contradict each other.
    pub fn read(files: &Files, defaults: &[(&str, &str)]) -> Result<Self> {
        let mut named: Vec<(String, Added)> = Vec::new();
        let first = [
            "bos_token",
            "eos_token",
            "unk_token",
            "sep_token",
            "pad_token",
            "cls_token",
        ];
        let keys = |value: &Value| -> Vec<String> {
            let keys = value.as_object().into_iter().flat_map(Map::keys);
            keys.filter(|key| key.ends_with("_token") && is_token(&value[key.as_str()]))
                .cloned()
                .collect()
        };
        let mut all: Vec<String> = first.map(String::from).to_vec();
        all.push("mask_token".into());
        all.extend(keys(&files.config));
        all.extend(keys(&files.special_tokens));
        for key in all {
            if named.iter().any(|(known, _)| *known == key) {
                continue;
            }
            let [config, map] = [&files.config, &files.special_tokens]
                .map(|file| file.get(&key).filter(|value| is_token(value)));
            let [config, map] = [config, map].map(|value| value.map(Added::read).transpose());
            let (config, map) = (config?, map?);
            if let (Some(config), Some(map)) = (&config, &map)
                && config.content != map.content
            {
                return Err(Error::rejected(format!(
                    "{key} is {:?} in tokenizer_config.json and {:?} in special_tokens_map.json",
                    config.content, map.content
                )));
            }
            // Newer files have the flags in `added_tokens_decoder`, and the map is not read.
            let listed = files.config.get("added_tokens_decoder").is_some();
            let read = if listed { config } else { map.or(config) };
            let default = defaults.iter().find(|(known, _)| *known == key);
            let silent = files.config.get(&key).is_none();
            let default = default.filter(|_| silent).map(|(_, name)| Added::new(name));
            if let Some(token) = read.or(default) {
                named.push((
                    key,
                    Added {
                        special: true,
                        ..token
                    },
                ));
            }
        }
        Ok(Self(named))
    }

    /// The text of a special token.
    pub fn get(&self, key: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == key);
        found.map(|(_, token)| token.content.as_str())
    }

    /// As [`Named::get`], of one that is needed.
    ///
    /// # Errors
    /// Rejected: there is none.
    pub fn need(&self, key: &str) -> Result<&str> {
        self.get(key)
            .ok_or_else(|| Error::rejected(format!("no {key}, which the model needs")))
    }
}

fn is_token(value: &Value) -> bool {
    value.is_string() || value.get("content").is_some()
}

/// Tokens that a folder lists beside the named ones, by rising id: of `added_tokens_decoder`, or of
/// the older files.
pub(super) fn listed(files: &Files, named: &Named) -> Result<Vec<Added>> {
    let mut tokens: Vec<Added> = Vec::new();
    let fast = files
        .tokenizer
        .get("added_tokens")
        .and_then(Value::as_array);
    let fast: Vec<Added> = fast
        .into_iter()
        .flatten()
        .map(|value| with_id(value, value.get("id")))
        .collect::<Result<_>>()?;
    if let Some(decoder) = files.config.get("added_tokens_decoder") {
        for (id, value) in decoder.as_object().into_iter().flatten() {
            let id = id.parse::<u32>().ok().map(Value::from);
            tokens.push(with_id(value, id.as_ref())?);
        }
        for token in &fast {
            let other = tokens.iter().find(|other| other.content == token.content);
            if !other.is_some_and(|other| other.same(token) && other.id == token.id) {
                return Err(Error::rejected(format!(
                    "tokenizer.json has the added token {:?} with other flags than \
                     added_tokens_decoder of tokenizer_config.json, or there is none",
                    token.content
                )));
            }
        }
    } else {
        for (content, id) in files.added_tokens.as_object().into_iter().flatten() {
            let special = named.0.iter().any(|(_, token)| token.content == *content);
            let token = json!({"content": content, "normalized": !special, "special": special});
            tokens.push(with_id(&token, Some(id))?);
        }
        for token in fast {
            tokens.retain(|other| other.content != token.content);
            tokens.push(token);
        }
    }
    tokens.sort_by_key(|token| token.id);
    Ok(tokens)
}

fn with_id(value: &Value, id: Option<&Value>) -> Result<Added> {
    let number = id
        .and_then(Value::as_u64)
        .and_then(|id| u32::try_from(id).ok());
    let id = number.ok_or_else(|| Error::rejected(format!("{} has no id", brief(value))))?;
    Ok(Added {
        id,
        ..Added::read(value)?
    })
}

/// Tokens without a name of their own.
pub(super) fn extra(files: &Files) -> Result<Vec<Added>> {
    let mut tokens = Vec::new();
    let listed = files.config.get("added_tokens_decoder").is_some();
    let sources = [
        Some(&files.config),
        (!listed).then_some(&files.special_tokens),
    ];
    for source in sources.into_iter().flatten() {
        for key in [
            "model_specific_special_tokens",
            "extra_special_tokens",
            "additional_special_tokens",
        ] {
            match source.get(key) {
                None | Some(Value::Null) => {}
                Some(Value::Array(list)) => {
                    for value in list {
                        tokens.push(Added {
                            special: true,
                            ..Added::read(value)?
                        });
                    }
                }
                Some(Value::Object(map)) => {
                    for value in map.values() {
                        tokens.push(Added {
                            special: true,
                            ..Added::read(value)?
                        });
                    }
                }
                Some(other) => return Err(Error::rejected(format!("{key} is {}", brief(other)))),
            }
        }
    }
    Ok(tokens)
}

/// All tokens that are found in texts, with the ids that the crate gives them: those of the
/// vocabulary their own, others the next that are free.
///
/// # Errors
/// Rejected: a token that is listed with another id than it would get.
pub(super) fn all(
    listed: Vec<Added>,
    named: &Named,
    extra: Vec<Added>,
    vocab: &HashMap<&str, u32>,
) -> Result<Vec<Added>> {
    let mut next = vocab.len() as u32;
    let mut tokens: Vec<Added> = Vec::new();
    let count = listed.len();
    let named = named.0.iter().map(|(_, token)| token.clone());
    for (i, token) in listed.into_iter().chain(named).chain(extra).enumerate() {
        if tokens.iter().any(|known| known.content == token.content) {
            continue;
        }
        let own = vocab.get(token.content.as_str()).copied();
        let id = own.unwrap_or_else(|| {
            next += 1;
            next - 1
        });
        if i < count && id != token.id {
            return Err(Error::rejected(format!(
                "added token {:?} has the id {}, and would get {id}: the vocabulary is not the one \
                 that it was added to",
                token.content, token.id
            )));
        }
        let appended = own.is_none() && i >= count;
        tokens.push(Added {
            id,
            appended,
            ..token
        });
    }
    Ok(tokens)
}
