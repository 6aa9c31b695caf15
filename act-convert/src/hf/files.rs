//! Names of the files of a folder.

use std::path::Path;

use act_core::{Error, Result};
use serde_json::Value;

/// The architecture's description.
pub(super) const CONFIG: &str = "config.json";
/// The tensors.
pub(super) const WEIGHTS: &str = "model.safetensors";
/// Which file has which tensor, where they are in several.
pub(super) const INDEX: &str = "model.safetensors.index.json";

/// True for a folder that describes its model as `transformers` does.
pub fn is_folder(dir: &Path) -> bool {
    dir.join(CONFIG).is_file()
}

/// True where that folder has the tensors too.
pub fn has_weights(dir: &Path) -> bool {
    [WEIGHTS, INDEX].iter().any(|name| dir.join(name).exists())
}

/// True for the name of a file that only such a folder has.
pub fn is_part(name: &str) -> bool {
    [CONFIG, WEIGHTS, INDEX].contains(&name)
}

/// A JSON file as it is written.
pub(super) fn pretty(value: &Value) -> Result<Vec<u8>> {
    let text = serde_json::to_string_pretty(value);
    let text = text.map_err(|e| Error::failed(format!("{CONFIG}: {e}")))?;
    Ok((text + "\n").into_bytes())
}
