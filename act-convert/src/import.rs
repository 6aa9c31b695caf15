//! Other people's models in: tells by looking what a source is, and reads it with the module that
//! knows it.

use std::path::Path;

use act_core::{Artifact, Error, Result};

use crate::options::ImportOptions;
use crate::{archive, foreign, hf, paddle};

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
    let at = |e: Error| e.context(dir.display());
    let paddle = paddle::folder::Files::find(dir).map_err(at)?;
    match (paddle, hf::is_folder(dir)) {
        (Some(_), true) if hf::has_weights(dir) => Err(at(Error::usage(
            "a Paddle program and model.safetensors: import one of them by its path",
        ))),
        (Some(files), _) => paddle::import(dir, &files, options),
        (None, true) => hf::import(dir, options),
        (None, false) => Err(foreign::no_model(dir)),
    }
}

/// A file of a model's folder stands for the model; anything else is an archive or an artifact.
fn from_file(path: &Path, options: &ImportOptions) -> Result<Artifact> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let dir = match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    let exists = path.is_file();
    let program = paddle::folder::Files::of(path, dir)?;
    if let Some(files) = program.filter(|_| exists) {
        return paddle::import(dir, &files, options);
    }
    if exists && hf::is_part(&name) {
        // The folder of a Paddle program may have a config.json too.
        return if hf::has_weights(dir) {
            hf::import(dir, options)
        } else {
            from_folder(dir, options)
        };
    }
    match archive::ArchiveKind::of(path)? {
        Some(kind) => {
            let dir = tempfile::tempdir().map_err(|e| Error::io(std::env::temp_dir(), e))?;
            let _unfinished = act_stage::Unfinished::new(dir.path());
            archive::unpack(path, kind, dir.path())
                .and_then(|()| from_folder(dir.path(), options))
                .map_err(|e| e.context(path.display()))
        }
        None => match foreign::described(&name) {
            Some(what) => Err(Error::rejected(format!("{}: {what}", path.display()))),
            // Whether it is one is said first.
            None if options.names_anything() && act_core::artifact::inspect(path).is_ok() => {
                Err(Error::usage(format!(
                    "{}: an artifact has its own task, labels, length and vocabulary: leave out \
                 --task, --labels, --data, --max-seq-length and --vocab",
                    path.display()
                )))
            }
            None => Artifact::open(path),
        },
    }
}
