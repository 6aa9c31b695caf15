//! Normalisers, pre-tokenizers and simple post-processors with their fields.

use serde_json::Value;

use super::charsmap;
use super::say::{brief, number, object, refuse};
use crate::error::Result;

/// Components within each other; two are in use.
const DEEPEST: usize = 4;
/// Longest text of a field, a regular expression among them.
pub const LONGEST_FIELD: usize = 1024;

/// What a field holds.
#[derive(Clone, Copy)]
pub enum Field {
    Flag,
    Text,
    Char,
    /// A fixed text, or a regular expression without look-around and references back.
    Pattern,
    /// A text and its id.
    Token,
    /// A list of components of the same kind.
    Parts,
    /// SentencePiece's map of characters, in base64.
    CharsMap,
}

/// A component's name and fields.
pub type Known = (&'static str, &'static [(&'static str, Field)]);

pub const NORMALIZERS: &[Known] = &[
    (
        "BertNormalizer",
        &[
            ("clean_text", Field::Flag),
            ("handle_chinese_chars", Field::Flag),
            ("strip_accents", Field::Flag),
            ("lowercase", Field::Flag),
        ],
    ),
    ("Lowercase", &[]),
    ("NFC", &[]),
    ("NFD", &[]),
    ("NFKC", &[]),
    ("NFKD", &[]),
    ("Nmt", &[]),
    ("StripAccents", &[]),
    (
        "Strip",
        &[("strip_left", Field::Flag), ("strip_right", Field::Flag)],
    ),
    (
        "Replace",
        &[("pattern", Field::Pattern), ("content", Field::Text)],
    ),
    ("Prepend", &[("prepend", Field::Text)]),
    ("Precompiled", &[("precompiled_charsmap", Field::CharsMap)]),
    ("Sequence", &[("normalizers", Field::Parts)]),
];

pub const PRE_TOKENIZERS: &[Known] = &[
    ("BertPreTokenizer", &[]),
    ("Whitespace", &[]),
    ("WhitespaceSplit", &[]),
    ("UnicodeScripts", &[]),
    ("ByteLevel", BYTE_LEVEL),
    (
        "Metaspace",
        &[
            ("replacement", Field::Char),
            ("prepend_scheme", Field::Text),
            ("split", Field::Flag),
            ("add_prefix_space", Field::Flag),
            ("str_rep", Field::Text),
        ],
    ),
    ("Punctuation", &[("behavior", Field::Text)]),
    ("Digits", &[("individual_digits", Field::Flag)]),
    ("CharDelimiterSplit", &[("delimiter", Field::Char)]),
    (
        "Split",
        &[
            ("pattern", Field::Pattern),
            ("behavior", Field::Text),
            ("invert", Field::Flag),
        ],
    ),
    ("Sequence", &[("pretokenizers", Field::Parts)]),
];

const BYTE_LEVEL: &[(&str, Field)] = &[
    ("add_prefix_space", Field::Flag),
    ("trim_offsets", Field::Flag),
    ("use_regex", Field::Flag),
];

pub const POST_PROCESSORS: &[Known] = &[
    (
        "BertProcessing",
        &[("sep", Field::Token), ("cls", Field::Token)],
    ),
    (
        "RobertaProcessing",
        &[
            ("sep", Field::Token),
            ("cls", Field::Token),
            ("trim_offsets", Field::Flag),
            ("add_prefix_space", Field::Flag),
        ],
    ),
    ("ByteLevel", BYTE_LEVEL),
];

pub fn component(place: &str, value: &Value, known: &[Known], depth: usize) -> Result<()> {
    let object = object(place, value)?;
    let name = object.get("type").and_then(Value::as_str);
    let entry = known.iter().find(|(known, _)| Some(*known) == name);
    let Some((name, fields)) = entry else {
        let name = brief(object.get("type"));
        return Err(refuse(
            &format!("{place}.type"),
            &format!("is {name}, which act does not run"),
        ));
    };
    for (key, value) in object.iter().filter(|(key, _)| *key != "type") {
        let at = format!("{place}.{name}.{key}");
        let Some((_, field)) = fields.iter().find(|(known, _)| known == key) else {
            return Err(refuse(&at, "is not known"));
        };
        match field {
            Field::Parts => {
                for (i, part) in list(&at, value, depth)?.iter().enumerate() {
                    component(&format!("{at}.{i}"), part, known, depth + 1)?;
                }
            }
            _ => check_field(&at, value, *field)?,
        }
    }
    Ok(())
}

pub fn list<'a>(place: &str, value: &'a Value, depth: usize) -> Result<&'a [Value]> {
    let list = value.as_array().filter(|list| list.len() <= 64);
    match list {
        Some(list) if depth < DEEPEST => Ok(list),
        _ => Err(refuse(place, "is no short list, or lists in lists")),
    }
}

fn check_field(place: &str, value: &Value, field: Field) -> Result<()> {
    let text = value.as_str().filter(|text| text.len() <= LONGEST_FIELD);
    let right = match field {
        Field::Flag => value.is_boolean() || value.is_null(),
        Field::Text => text.is_some() || value.is_null(),
        Field::Char => text.is_some_and(|text| text.chars().count() == 1),
        Field::Pattern => return pattern(place, value),
        Field::Token => token(value).is_some(),
        Field::CharsMap => {
            let map = value.as_str().unwrap_or_default();
            return charsmap::check(map).map_err(|why| refuse(place, why));
        }
        Field::Parts => false,
    };
    if right {
        return Ok(());
    }
    Err(refuse(place, &format!("is {}", brief(Some(value)))))
}

/// Plain expressions take time in proportion to the text, and mean the same in every library.
fn pattern(place: &str, value: &Value) -> Result<()> {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let only = value.as_object().is_some_and(|object| object.len() == 1);
    match (text("String"), text("Regex")) {
        (Some(fixed), None) if only && !fixed.is_empty() && fixed.len() <= LONGEST_FIELD => Ok(()),
        (None, Some(regex)) if only && regex.len() <= LONGEST_FIELD => {
            let wrong = |_| {
                refuse(
                    place,
                    &format!("is {}, which act does not run", brief(Some(value))),
                )
            };
            regex_syntax::parse(regex).map(drop).map_err(wrong)
        }
        _ => Err(refuse(place, &format!("is {}", brief(Some(value))))),
    }
}

fn token(value: &Value) -> Option<u32> {
    match value.as_array().map(Vec::as_slice) {
        Some([Value::String(_), id]) => number(id),
        _ => None,
    }
}
