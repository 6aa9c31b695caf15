//! The components of a `tokenizer.json` that are let pass, with their fields.

use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// Components within each other; two are in use.
const DEEPEST: usize = 4;
/// Longest text of a field, a regular expression among them.
const LONGEST_FIELD: usize = 1024;

/// What is to be known of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonParts {
    /// One more than the highest id.
    pub vocab_size: usize,
    /// Id of what stands for unknown words, where there is one.
    pub unk_id: Option<u32>,
    /// What is too long loses its start.
    pub keeps_end: bool,
}

/// What a field holds.
#[derive(Clone, Copy)]
enum Field {
    Flag,
    Text,
    Char,
    /// A fixed text, or a regular expression without look-around and references back.
    Pattern,
    /// A text and its id.
    Token,
    /// A list of components of the same kind.
    Parts,
}

type Known = (&'static str, &'static [(&'static str, Field)]);

const NORMALIZERS: &[Known] = &[
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
    ("Sequence", &[("normalizers", Field::Parts)]),
];

const PRE_TOKENIZERS: &[Known] = &[
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

const POST_PROCESSORS: &[Known] = &[
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

const TOP: [&str; 9] = [
    "version",
    "truncation",
    "padding",
    "added_tokens",
    "normalizer",
    "pre_tokenizer",
    "post_processor",
    "decoder",
    "model",
];

/// Checks the whole file.
///
/// # Errors
/// Rejected: what is not known, by its place.
pub fn check(file: &Value) -> Result<JsonParts> {
    let file = file
        .as_object()
        .ok_or_else(|| refuse("it", "is no object"))?;
    if let Some(key) = file.keys().find(|key| !TOP.contains(&key.as_str())) {
        return Err(refuse(key, "is not known"));
    }
    let part = |name: &str| file.get(name).filter(|value| !value.is_null());
    let mut highest = None;
    let unk_id = model(part("model").unwrap_or(&Value::Null), &mut highest)?;
    if let Some(tokens) = part("added_tokens") {
        added_tokens(tokens, &mut highest)?;
    }
    if let Some(value) = part("normalizer") {
        component("normalizer", value, NORMALIZERS, 0)?;
    }
    if let Some(value) = part("pre_tokenizer") {
        component("pre_tokenizer", value, PRE_TOKENIZERS, 0)?;
    }
    if let Some(value) = part("post_processor") {
        post_processor(value, 0, &mut highest)?;
    }
    let direction = part("truncation").and_then(|t| t.get("direction"));
    let vocab_size = highest.map_or(0, |id| id as usize + 1);
    Ok(JsonParts {
        vocab_size,
        unk_id,
        keeps_end: direction.and_then(Value::as_str) == Some("Left"),
    })
}

fn refuse(place: &str, why: &str) -> Error {
    Error::rejected(format!("{place} {why}"))
}

/// A value for a message: on one line, cut where it is long.
fn brief(value: Option<&Value>) -> String {
    let text = value.map_or("missing".into(), Value::to_string);
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

fn object<'a>(place: &str, value: &'a Value) -> Result<&'a Map<String, Value>> {
    let object = value.as_object();
    object.ok_or_else(|| refuse(place, &format!("is {}, no object", brief(Some(value)))))
}

fn component(place: &str, value: &Value, known: &[Known], depth: usize) -> Result<()> {
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

fn list<'a>(place: &str, value: &'a Value, depth: usize) -> Result<&'a [Value]> {
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

fn number(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|n| u32::try_from(n).ok())
}

/// An id, which counts for the size of the vocabulary.
fn id(place: &str, value: &Value, highest: &mut Option<u32>) -> Result<u32> {
    let id = number(value).filter(|&id| (id as usize) < crate::artifact::limits::VOCAB);
    let id = id.ok_or_else(|| refuse(place, &format!("has the id {}", brief(Some(value)))))?;
    *highest = Some(highest.unwrap_or(0).max(id));
    Ok(id)
}

fn post_processor(value: &Value, depth: usize, highest: &mut Option<u32>) -> Result<()> {
    const PLACE: &str = "post_processor";
    let parts = object(PLACE, value)?;
    match parts.get("type").and_then(Value::as_str) {
        Some("Sequence") => {
            let processors = parts.get("processors").unwrap_or(&Value::Null);
            for part in list("post_processor.processors", processors, depth)? {
                post_processor(part, depth + 1, highest)?;
            }
            Ok(())
        }
        Some("TemplateProcessing") => template(parts, highest),
        _ => {
            component(PLACE, value, POST_PROCESSORS, depth)?;
            for key in ["sep", "cls"] {
                if let Some(token) = parts.get(key).and_then(|t| t.get(1)) {
                    id(PLACE, token, highest)?;
                }
            }
            Ok(())
        }
    }
}

/// A template names sequences, of which a single text has one, and special tokens that it defines.
fn template(parts: &Map<String, Value>, highest: &mut Option<u32>) -> Result<()> {
    const PLACE: &str = "post_processor.TemplateProcessing";
    let null = Value::Null;
    let part = |key: &str| parts.get(key).unwrap_or(&null);
    let tokens = object(&format!("{PLACE}.special_tokens"), part("special_tokens"))?;
    for (name, token) in tokens {
        let ids = token.get("ids").and_then(Value::as_array);
        let names = token.get("tokens").and_then(Value::as_array);
        let texts = names.is_some_and(|names| names.iter().all(Value::is_string));
        let named = token.get("id").and_then(Value::as_str) == Some(name);
        match (ids, names) {
            (Some(ids), Some(names))
                if named && texts && ids.len() == names.len() && ids.len() <= 64 =>
            {
                for value in ids {
                    id(PLACE, value, highest)?;
                }
            }
            _ => {
                return Err(refuse(
                    PLACE,
                    &format!("has the token {}", brief(Some(token))),
                ));
            }
        }
    }
    for (key, sequences) in [("single", &["A"][..]), ("pair", &["A", "B"])] {
        let at = format!("{PLACE}.{key}");
        let mut seen = Vec::new();
        for piece in list(&at, part(key), 0)? {
            let wrong = || refuse(&at, &format!("has {}", brief(Some(piece))));
            let piece = piece
                .as_object()
                .filter(|p| p.len() == 1)
                .ok_or_else(wrong)?;
            let (kind, what) = piece.iter().next().ok_or_else(wrong)?;
            let name = what.get("id").and_then(Value::as_str).unwrap_or_default();
            let typed = what
                .get("type_id")
                .and_then(number)
                .is_some_and(|n| n < 1024);
            let right = match kind.as_str() {
                "Sequence" => sequences.contains(&name),
                "SpecialToken" => tokens.contains_key(name),
                _ => false,
            };
            if !right || !typed {
                return Err(wrong());
            }
            if kind == "Sequence" {
                seen.push(name);
            }
        }
        seen.sort_unstable();
        if seen != sequences {
            return Err(refuse(&at, "does not have every text once"));
        }
    }
    Ok(())
}

fn added_tokens(value: &Value, highest: &mut Option<u32>) -> Result<()> {
    const PLACE: &str = "added_tokens";
    const FLAGS: [&str; 5] = ["single_word", "lstrip", "rstrip", "normalized", "special"];
    for token in value
        .as_array()
        .ok_or_else(|| refuse(PLACE, "is no list"))?
    {
        let content = token.get("content").and_then(Value::as_str);
        let flags = FLAGS
            .iter()
            .all(|flag| token.get(*flag).is_some_and(Value::is_boolean));
        let known = object(PLACE, token)?.len() == FLAGS.len() + 2;
        match content {
            Some(content) if flags && known && !content.is_empty() => {
                id(PLACE, token.get("id").unwrap_or(&Value::Null), highest)?;
            }
            _ => return Err(refuse(PLACE, &format!("has {}", brief(Some(token))))),
        }
    }
    Ok(())
}

/// Checks the model; id of what stands for unknown words.
fn model(value: &Value, highest: &mut Option<u32>) -> Result<Option<u32>> {
    let model = object("model", value)?;
    let kind = model.get("type").and_then(Value::as_str);
    let fields: &[&str] = match kind {
        Some("WordPiece") => &[
            "unk_token",
            "continuing_subword_prefix",
            "max_input_chars_per_word",
        ],
        Some("WordLevel") => &["unk_token"],
        Some("BPE") => &[
            "unk_token",
            "dropout",
            "continuing_subword_prefix",
            "end_of_word_suffix",
            "fuse_unk",
            "byte_fallback",
            "ignore_merges",
            "merges",
        ],
        Some("Unigram") => &["unk_id", "byte_fallback"],
        _ => {
            let kind = brief(model.get("type"));
            return Err(refuse(
                "model.type",
                &format!("is {kind}, which act does not run"),
            ));
        }
    };
    for (key, value) in model {
        let plain = match key.as_str() {
            "type" | "vocab" | "merges" => continue,
            "dropout" => value.is_null() || value.as_f64() == Some(0.0),
            "unk_id" | "max_input_chars_per_word" => value.is_null() || number(value).is_some(),
            "unk_token" | "continuing_subword_prefix" | "end_of_word_suffix" => {
                value.is_null()
                    || value
                        .as_str()
                        .is_some_and(|text| text.len() <= LONGEST_FIELD)
            }
            _ => value.is_null() || value.is_boolean(),
        };
        if !fields.contains(&key.as_str()) || !plain {
            return Err(refuse(
                &format!("model.{key}"),
                &format!("is {}", brief(Some(value))),
            ));
        }
    }
    let vocab = model.get("vocab").unwrap_or(&Value::Null);
    if kind == Some("Unigram") {
        return unigram(model, vocab, highest);
    }
    if kind == Some("BPE") {
        merges(model)?;
    }
    for value in object("model.vocab", vocab)?.values() {
        id("model.vocab", value, highest)?;
    }
    let unknown = model.get("unk_token").and_then(Value::as_str);
    let unknown_id = unknown.and_then(|token| vocab.get(token)).and_then(number);
    match (unknown, unknown_id) {
        (Some(token), None) => Err(refuse("model.unk_token", &format!("{token:?} is no token"))),
        (None, _) if kind != Some("BPE") => Err(refuse("model.unk_token", "is missing")),
        (_, id) => Ok(id),
    }
}

fn unigram(
    model: &Map<String, Value>,
    vocab: &Value,
    highest: &mut Option<u32>,
) -> Result<Option<u32>> {
    let entries = vocab.as_array().filter(|entries| !entries.is_empty());
    let entries = entries.ok_or_else(|| refuse("model.vocab", "is no list"))?;
    let right = |entry: &Value| match entry.as_array().map(Vec::as_slice) {
        Some([Value::String(token), score]) => !token.is_empty() && score.is_number(),
        _ => false,
    };
    if let Some(entry) = entries.iter().find(|entry| !right(entry)) {
        return Err(refuse(
            "model.vocab",
            &format!("has {}", brief(Some(entry))),
        ));
    }
    id("model.vocab", &Value::from(entries.len() - 1), highest)?;
    let unknown = model.get("unk_id").and_then(number);
    match unknown {
        Some(id) if id as usize >= entries.len() => Err(refuse("model.unk_id", "is no token")),
        unknown => Ok(unknown),
    }
}

/// The crate cuts the prefix off the second of two merged tokens without looking.
fn merges(model: &Map<String, Value>) -> Result<()> {
    let prefix = model
        .get("continuing_subword_prefix")
        .and_then(Value::as_str);
    let prefix = prefix.unwrap_or_default();
    let merges = model.get("merges").and_then(Value::as_array);
    let merges = merges.ok_or_else(|| refuse("model.merges", "is no list"))?;
    let right = |merge: &Value| {
        let second = match merge {
            Value::String(text) => text.split_once(' ').map(|(_, second)| second),
            Value::Array(pair) if pair.len() == 2 => pair[1].as_str(),
            _ => None,
        };
        second.is_some_and(|second| second.starts_with(prefix))
    };
    match merges.iter().find(|merge| !right(merge)) {
        Some(merge) => Err(refuse(
            "model.merges",
            &format!("has {}", brief(Some(merge))),
        )),
        None => Ok(()),
    }
}
