//! Names of the files of a folder.

use std::path::Path;

/// The architecture's description.
pub(super) const CONFIG: &str = "config.json";
/// The tensors.
pub(super) const WEIGHTS: &str = "model.safetensors";

/// True for a folder that describes its model as `transformers` does.
pub fn is_folder(dir: &Path) -> bool {
    dir.join(CONFIG).is_file()
}
