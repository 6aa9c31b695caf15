//! Weights in several files: `model.safetensors.index.json` says which file has which tensor.

use std::collections::BTreeSet;
use std::path::Path;

use act_core::{Error, Result};
use serde_json::Value;

use super::files::{INDEX, WEIGHTS};
use crate::file::{self, brief};

/// Longest index: 48 layers have fewer than 800 tensors of some 150 bytes each.
const LONGEST: u64 = 1 << 20;
/// Most files.
const MOST: usize = 1024;

/// The files of a folder's weights, of at most `most` bytes together.
///
/// # Errors
/// Rejected: an index that is damaged or names files elsewhere, files that are too large together.
pub(super) fn read(dir: &Path, most: u64) -> Result<Vec<Vec<u8>>> {
    let one = dir.join(WEIGHTS);
    if one.exists() {
        return Ok(vec![file::read(&one, most)?]);
    }
    let path = dir.join(INDEX);
    let names = names(&file::json(&path, LONGEST)?).map_err(|e| e.context(path.display()))?;
    let mut left = most;
    let mut shards = Vec::new();
    for name in names {
        let shard = file::read(&dir.join(name), left)?;
        left -= shard.len() as u64;
        shards.push(shard);
    }
    Ok(shards)
}

/// The files of `weight_map`, each once.
fn names(index: &Value) -> Result<BTreeSet<String>> {
    let map = index.get("weight_map").and_then(Value::as_object);
    let map = map
        .filter(|map| !map.is_empty())
        .ok_or_else(|| Error::rejected("no weight_map: it says which file has which tensor"))?;
    let name = |value: &Value| {
        let name = value.as_str().unwrap_or_default();
        let plain = name.ends_with(".safetensors") && !name.contains(['/', '\\']);
        plain.then(|| name.to_string()).ok_or_else(|| {
            Error::rejected(format!(
                "weight_map names {}: a .safetensors file of the folder was expected",
                brief(value)
            ))
        })
    };
    let names: BTreeSet<String> = map.values().map(name).collect::<Result<_>>()?;
    if names.len() > MOST {
        return Err(Error::rejected(format!(
            "weight_map names {} files: at most {MOST} are read",
            names.len()
        )));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn shards_are_files_of_the_folder() {
        let map = json!({"weight_map": {"a": "2.safetensors", "b": "1.safetensors",
            "c": "2.safetensors"}});
        let found = names(&map).unwrap();
        assert_eq!(Vec::from_iter(found), ["1.safetensors", "2.safetensors"]);
        for wrong in [
            json!({}),
            json!({"weight_map": {}}),
            json!({"weight_map": {"a": 7}}),
            json!({"weight_map": {"a": "../x.safetensors"}}),
            json!({"weight_map": {"a": "/etc/x.safetensors"}}),
            json!({"weight_map": {"a": "x.bin"}}),
        ] {
            let error = names(&wrong).unwrap_err().to_string();
            assert!(error.contains("weight_map"), "{error}");
        }
    }
}
