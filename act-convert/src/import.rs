//! Other people's models in: tells by looking what a source is, and reads it with the module that
//! knows it.

use std::path::Path;

use act_core::{Artifact, Error, Result};

use crate::options::ImportOptions;
use crate::{archive, hf, paddle};

/// Reads a model from a folder, an archive of one, or an artifact.
///
/// # Errors
/// Usage: no such source, or options that do not fit the model. Rejected: not a model that act can
/// hold, or damaged.
pub fn import(source: &Path, options: &ImportOptions) -> Result<Artifact> {
    let artifact = if source.is_dir() {
        from_folder(source, options)?
    } else {
        from_file(source, options)?
    };
    // The rules of the format, and the numbers themselves: nothing leaves here unchecked.
    artifact.model_digest()?;
    Ok(artifact)
}

fn from_folder(dir: &Path, options: &ImportOptions) -> Result<Artifact> {
    if let Some(files) = paddle::folder::Files::find(dir)? {
        return paddle::import(dir, &files, options);
    }
    if hf::is_folder(dir) {
        return hf::import(dir, options);
    }
    let dir = dir.display();
    Err(Error::usage(format!(
        "{dir}: no model that is known: a Paddle folder has *.pdmodel and *.pdiparams, a Hugging \
         Face folder config.json and model.safetensors"
    )))
}

fn from_file(path: &Path, options: &ImportOptions) -> Result<Artifact> {
    match archive::ArchiveKind::of(path)? {
        Some(kind) => {
            let dir = tempfile::tempdir().map_err(|e| Error::io(std::env::temp_dir(), e))?;
            archive::unpack(path, kind, dir.path())
                .and_then(|()| from_folder(dir.path(), options))
                .map_err(|e| e.context(path.display()))
        }
        None if options.names_anything() => Err(Error::usage(format!(
            "{}: an artifact has its own task, labels, length and vocabulary: leave out --task, \
             --labels, --max-seq-length and --vocab",
            path.display()
        ))),
        None => Artifact::open(path),
    }
}
