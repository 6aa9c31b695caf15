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

/// True where that folder has the tensors too.
pub fn has_weights(dir: &Path) -> bool {
    dir.join(WEIGHTS).exists()
}

/// True for the name of a file that only such a folder has.
pub fn is_part(name: &str) -> bool {
    [CONFIG, WEIGHTS].contains(&name)
}
