//! What a folder of `sentence-transformers` says of pooling: such an encoder was trained to say what a text
//! means by the mean of its tokens, and its first token and pooler were left as they were.

use std::path::Path;

use act_core::Result;
use act_core::plan::Pooling;
use serde_json::Value;

use crate::file;

/// The description of the module that pools, in the folder's usual layout.
const POOLING: &str = "1_Pooling/config.json";
/// Longest such file.
const LEN: u64 = 1 << 16;

/// How the folder makes one vector of a text; `None` where it does not say, or in a way that the plan has no
/// part for (the largest of each, several at once), which is logged.
///
/// # Errors
/// Rejected: the file is there, and no JSON of a bounded length.
pub(super) fn pooling(dir: &Path) -> Result<Option<Pooling>> {
    let path = dir.join(POOLING);
    let Some(config) = file::optional_json(&path, LEN)? else {
        return Ok(None);
    };
    // Version 5 names one mode; before, each had a key of its own.
    let named = config.get("pooling_mode").and_then(Value::as_str);
    let entries = config.as_object().into_iter().flatten();
    let marked = entries.filter(|(_, on)| **on == Value::Bool(true));
    let marked = marked.filter_map(|(key, _)| key.strip_prefix("pooling_mode_"));
    let modes: Vec<&str> = match named {
        Some(mode) => vec![mode],
        None => marked.collect(),
    };
    Ok(match modes[..] {
        ["mean" | "mean_tokens"] => Some(Pooling::Mean),
        ["cls" | "cls_token"] => Some(Pooling::FirstToken),
        _ => {
            log::info!(
                "{}: pooling by {} is not known: the classifier reads the first token",
                path.display(),
                modes.join(" and ")
            );
            None
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_read_and_what_is_not_known_is_left() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(pooling(dir.path()).unwrap(), None);
        std::fs::create_dir(dir.path().join("1_Pooling")).unwrap();
        for (json, expected) in [
            (
                r#"{"pooling_mode_cls_token": false, "pooling_mode_mean_tokens": true}"#,
                Some(Pooling::Mean),
            ),
            (
                r#"{"embedding_dimension": 3, "pooling_mode": "mean", "include_prompt": true}"#,
                Some(Pooling::Mean),
            ),
            (
                r#"{"pooling_mode_cls_token": true}"#,
                Some(Pooling::FirstToken),
            ),
            (r#"{"pooling_mode_max_tokens": true}"#, None),
            (
                r#"{"pooling_mode_mean_tokens": true, "pooling_mode_max_tokens": true}"#,
                None,
            ),
            ("{}", None),
        ] {
            std::fs::write(dir.path().join(POOLING), json).unwrap();
            assert_eq!(pooling(dir.path()).unwrap(), expected, "{json}");
        }
        std::fs::write(dir.path().join(POOLING), "[1]").unwrap();
        assert!(
            pooling(dir.path())
                .unwrap_err()
                .to_string()
                .ends_with("not a JSON object")
        );
    }
}
