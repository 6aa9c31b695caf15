//! What puts special tokens around texts.

use serde_json::{Map, Value};

use super::fields::{POST_PROCESSORS, component, list};
use super::say::{brief, id, number, object, refuse};
use crate::error::Result;

/// Checks a post-processor.
pub fn post_processor(value: &Value, depth: usize, highest: &mut Option<u32>) -> Result<()> {
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
