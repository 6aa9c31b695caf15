//! The configuration that holds where none is given, and what in it depends on the model.

use std::path::{Path, PathBuf};

use act_core::Result;
use act_stage::Context;

use crate::folder::Folder;

/// That of `make own`.
const DEFAULT: &str = include_str!("../../configs/minilm/own.yaml");
/// Its name in the folder.
const NAME: &str = "recipe.yaml";
/// The first hidden size for which the default's learning rate, measured with MiniLM's 384, is too high: wide
/// encoders are fine-tuned at 2e-5 to 5e-5 (Devlin et al. 2019, appendix A.3).
const WIDE: usize = 512;
/// The rate for those.
const WIDE_LEARNING_RATE: &str = "TrainConfig.learning_rate=5e-5";

/// What is set for a wide encoder where the user gave neither a configuration nor a rate.
pub fn for_width(given: Option<&Path>, set: &[String], hidden_size: usize) -> Option<String> {
    let asked = set
        .iter()
        .any(|key| key.starts_with("TrainConfig.learning_rate="));
    (given.is_none() && !asked && hidden_size >= WIDE).then(|| WIDE_LEARNING_RATE.into())
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wide_encoder_learns_slowly_unless_it_is_told_otherwise() {
        let own = ["TrainConfig.learning_rate=1e-4".to_string()];
        assert_eq!(for_width(None, &[], 384), None);
        assert_eq!(
            for_width(None, &[], 768).as_deref(),
            Some(WIDE_LEARNING_RATE)
        );
        assert_eq!(for_width(None, &own, 768), None);
        assert_eq!(for_width(Some(Path::new("own.yaml")), &[], 768), None);
    }
}
