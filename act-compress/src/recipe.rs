//! The configuration that holds where none is given.

use std::path::{Path, PathBuf};

use act_core::Result;
use act_stage::Context;

use crate::folder::Folder;

/// That of `make own`.
const DEFAULT: &str = include_str!("../../configs/minilm/own.yaml");
/// Its name in the folder.
const NAME: &str = "recipe.yaml";

/// The configuration's file: the one given, or the default's copy in the folder, for stages to read and for
/// the user to change and give with `-c`.
///
/// # Errors
/// Failed: it cannot be written.
pub fn file(given: Option<&Path>, folder: &Folder, context: &Context) -> Result<PathBuf> {
    if let Some(given) = given {
        return Ok(given.into());
    }
    let path = folder.file(NAME);
    if std::fs::read(&path).is_ok_and(|text| text == DEFAULT.as_bytes()) {
        return Ok(path);
    }
    context.write_file(&path, DEFAULT.as_bytes())?;
    Ok(path)
}
