//! A `tokenizer.json` with fewer entries, which gives the texts that only need those the same tokens.
//!
//! A unigram model takes the path of highest score: with other pieces gone it is still there, and still
//! the highest, as long as the piece of lowest score stays, from which the score of unknown characters
//! is drawn. Byte pairs are merged in an order of their own: what one entry is merged from stays with
//! it, and a merge that no entry needs has taken no part. WordPiece may find shorter pieces where longer
//! ones are gone, so that its entries are not those that a text shows.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Map, Value, json};

use super::parts;
use super::say::number;
use super::text;
use crate::error::{Error, Result};
use crate::tokenizer::spec::JsonSpec;

/// The file with these entries, the special and added ones, and what they all need; and which ids they
/// had, rising.
///
/// # Errors
/// Rejected: a model of another kind, or entries that are none.
pub fn shorten(spec: &JsonSpec, entries: &BTreeSet<u32>) -> Result<(JsonSpec, Vec<u32>)> {
    let mut file = text::value(&spec.text)?;
    let known = parts::check(&file)?;
    let mut kept = entries.clone();
    kept.insert(spec.pad_id);
    kept.extend(known.unk_id);
    for_each_special(&mut file, &mut |id| kept.extend(number(id)));
    let model = &file["model"];
    match kind(model) {
        Some("Unigram") => kept.extend(lowest(model)),
        Some("BPE") => close(model, &mut kept)?,
        Some("WordLevel") => {}
        _ => return Err(unsupported()),
    }
    if let Some(id) = kept.iter().find(|id| **id as usize >= spec.vocab_size) {
        let most = spec.vocab_size;
        return Err(Error::rejected(format!("token {id} of {most} is to stay")));
    }
    let kept: Vec<u32> = kept.into_iter().collect();
    let places: HashMap<u32, u32> = kept.iter().copied().zip(0..).collect();
    for_each_special(&mut file, &mut |id| {
        if let Some(place) = number(id).and_then(|id| places.get(&id)) {
            *id = json!(place);
        }
    });
    cut(&mut file["model"], &places);
    let short = JsonSpec {
        text: file.to_string().into(),
        vocab_size: kept.len(),
        pad_id: places.get(&spec.pad_id).copied().unwrap_or_default(),
    };
    Ok((short, kept))
}

/// Whether the ids of a text are the entries that it needs.
pub fn can_shorten(file: &Value) -> bool {
    matches!(kind(&file["model"]), Some("Unigram" | "BPE" | "WordLevel"))
}

pub fn unsupported() -> Error {
    Error::unsupported("entries of a tokenizer.json with WordPiece, or with affixes of byte pairs,")
}

fn kind(model: &Value) -> Option<&str> {
    let affix = |key: &str| model[key].as_str().is_some_and(|affix| !affix.is_empty());
    let affixes = affix("continuing_subword_prefix") || affix("end_of_word_suffix");
    let kind = model["type"].as_str();
    kind.filter(|kind| *kind != "BPE" || !affixes)
}

/// Ids outside the model: of added tokens, and of those around texts.
fn for_each_special(file: &mut Value, see: &mut dyn FnMut(&mut Value)) {
    let added = file["added_tokens"].as_array_mut().into_iter().flatten();
    added.for_each(|token| see(&mut token["id"]));
    around(&mut file["post_processor"], see);
}

fn around(post: &mut Value, see: &mut dyn FnMut(&mut Value)) {
    if let Some(parts) = post.get_mut("processors").and_then(Value::as_array_mut) {
        parts.iter_mut().for_each(|part| around(part, see));
    }
    for key in ["sep", "cls"] {
        if let Some(id) = post.get_mut(key).and_then(|token| token.get_mut(1)) {
            see(id);
        }
    }
    let tokens = post
        .get_mut("special_tokens")
        .and_then(Value::as_object_mut);
    let tokens = tokens.into_iter().flat_map(Map::values_mut);
    for token in tokens {
        let ids = token.get_mut("ids").and_then(Value::as_array_mut);
        ids.into_iter().flatten().for_each(&mut *see);
    }
}

/// The piece of lowest score, and those that stand for bytes if such are made.
fn lowest(model: &Value) -> Vec<u32> {
    let pieces = model["vocab"].as_array().map_or(&[][..], Vec::as_slice);
    let score = |piece: &Value| piece[1].as_f64().unwrap_or_default();
    let lowest = (0..pieces.len()).min_by(|&a, &b| score(&pieces[a]).total_cmp(&score(&pieces[b])));
    let bytes = model["byte_fallback"].as_bool() == Some(true);
    let is_byte = |i: &usize| {
        let piece = pieces[*i][0].as_str().unwrap_or_default();
        bytes && piece.len() == 6 && piece.starts_with("<0x")
    };
    let bytes = (0..pieces.len()).filter(is_byte);
    bytes.chain(lowest).map(|i| i as u32).collect()
}

/// Adds what the entries are merged from, and single characters, of which any text may be made.
fn close(model: &Value, kept: &mut BTreeSet<u32>) -> Result<()> {
    let empty = Map::new();
    let vocab = model["vocab"].as_object().unwrap_or(&empty);
    let id = |token: &str| vocab.get(token).and_then(number);
    let mut parts: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for merge in model["merges"].as_array().into_iter().flatten() {
        let Some((a, b)) = pair(merge) else { continue };
        if let (Some(a), Some(b), Some(whole)) = (id(a), id(b), id(&format!("{a}{b}"))) {
            parts.entry(whole).or_default().extend([a, b]);
        }
    }
    let single = vocab
        .iter()
        .filter(|(token, _)| token.chars().nth(1).is_none());
    kept.extend(single.filter_map(|(_, id)| number(id)));
    let mut waiting: Vec<u32> = kept.iter().copied().collect();
    while let Some(whole) = waiting.pop() {
        for &part in parts.get(&whole).into_iter().flatten() {
            if kept.insert(part) {
                waiting.push(part);
            }
        }
    }
    Ok(())
}

/// The two sides of a merge, in either spelling.
fn pair(merge: &Value) -> Option<(&str, &str)> {
    match merge {
        Value::String(text) => text.split_once(' '),
        _ => Some((merge[0].as_str()?, merge[1].as_str()?)),
    }
}

/// Leaves the model the entries that have a place.
fn cut(model: &mut Value, places: &HashMap<u32, u32>) {
    if let Some(pieces) = model["vocab"].as_array_mut() {
        let mut next = 0;
        pieces.retain(|_| {
            next += 1;
            places.contains_key(&(next - 1))
        });
        if let Some(unknown) = number(&model["unk_id"]) {
            model["unk_id"] = json!(places.get(&unknown));
        }
        return;
    }
    if let Some(vocab) = model["vocab"].as_object_mut() {
        vocab.retain(|_, id| match number(id).and_then(|id| places.get(&id)) {
            Some(place) => {
                *id = json!(place);
                true
            }
            None => false,
        });
    }
    let Some(mut merges) = model.get_mut("merges").map(Value::take) else {
        return;
    };
    if let Some(merges) = merges.as_array_mut() {
        merges.retain(|merge| {
            let known = |token: &str| model["vocab"].get(token).is_some();
            pair(merge).is_some_and(|(a, b)| known(a) && known(b) && known(&format!("{a}{b}")))
        });
    }
    model["merges"] = merges;
}
