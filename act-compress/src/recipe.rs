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
/// The default's rate, and the rate for those.
const LEARNING_RATES: [&str; 2] = ["learning_rate: 1.0e-4", "learning_rate: 5.0e-5"];

/// The configuration's file: the one given, or the default's copy in the folder, for stages to read and for
/// the user to change and give with `-c`.
///
/// # Errors
/// Failed: it cannot be written.
pub fn file(given: Option<&Path>, folder: &Folder, context: &Context) -> Result<PathBuf> {
    match given {
        Some(given) => Ok(given.into()),
        None => copy(DEFAULT, folder, context),
    }
}

/// The copy again, once the encoder is known; whether a wide one changed it.
///
/// # Errors
/// Failed: it cannot be written.
pub fn fit(hidden_size: usize, folder: &Folder, context: &Context) -> Result<bool> {
    let wide = hidden_size >= WIDE;
    if wide {
        copy(&for_wide(), folder, context)?;
    }
    Ok(wide)
}

fn for_wide() -> String {
    let [narrow, wide] = LEARNING_RATES;
    DEFAULT.replacen(narrow, wide, 1)
}

fn copy(text: &str, folder: &Folder, context: &Context) -> Result<PathBuf> {
    let path = folder.file(NAME);
    if std::fs::read(&path).is_ok_and(|old| old == text.as_bytes()) {
        return Ok(path);
    }
    context.write_file(&path, text.as_bytes())?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wide_encoder_learns_slowly() {
        let [narrow, wide] = LEARNING_RATES;
        let rates =
            |text: &str| [narrow, wide, "learning_rate"].map(|rate| text.matches(rate).count());
        assert_eq!(rates(DEFAULT), [1, 0, 1]);
        assert_eq!(rates(&for_wide()), [0, 1, 1]);
    }
}
