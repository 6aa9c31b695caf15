//! A folder with a Paddle inference model: which files it is made of, and what stands beside them.

use std::path::{Path, PathBuf};

use act_core::provenance::{DataRecord, Digest, StageRecord};
use act_core::quant::QuantSpec;
use act_core::{Artifact, Error, Result, WordPieceSpec};

use super::program;
use super::read::read;
use crate::options::ImportOptions;
use crate::{file, labels, tokenizer};

/// Largest parameter file; no encoder that an artifact may hold needs more.
const MAX_PARAMS: u64 = 4 << 30;

/// The two files of a model.
#[derive(Debug)]
pub struct Files {
    model: PathBuf,
    params: PathBuf,
}

impl Files {
    /// Looks for one `*.pdmodel` and its `*.pdiparams`, or the older `__model__` and `__params__`.
    /// `None` if the folder has no program at all.
    ///
    /// # Errors
    /// Usage: several programs, or none or several parameter files for it.
    pub fn find(dir: &Path) -> Result<Option<Self>> {
        let (mut models, mut params) = (Vec::new(), Vec::new());
        for entry in std::fs::read_dir(dir).map_err(|e| Error::io(dir, e))? {
            let path = entry.map_err(|e| Error::io(dir, e))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            match name.rsplit_once('.') {
                // macOS leaves `._name` beside each file of an archive.
                Some(_) if name.starts_with('.') => {}
                Some((_, "pdmodel")) => models.push(path),
                Some((_, "pdiparams")) => params.push(path),
                None if name == "__model__" => models.push(path),
                None if name == "__params__" => params.push(path),
                _ => {}
            }
        }
        let model = match models.len() {
            0 => return Ok(None),
            1 => models.remove(0),
            n => return Err(ambiguous(dir, n, "programs (*.pdmodel)")),
        };
        let own = model.with_extension("pdiparams");
        let params = match params.len() {
            _ if params.contains(&own) => own,
            1 => params.remove(0),
            n => return Err(ambiguous(dir, n, "parameter files (*.pdiparams)")),
        };
        Ok(Some(Self { model, params }))
    }
}

fn ambiguous(dir: &Path, count: usize, what: &str) -> Error {
    let dir = dir.display();
    Error::usage(format!(
        "{dir}: {count} {what}; leave exactly one in the folder"
    ))
}

/// The model of a Paddle folder.
///
/// # Errors
/// Usage: files that are missing, a vocabulary or labels that do not fit. Rejected: see [`read`].
pub fn import(dir: &Path, files: &Files, options: &ImportOptions) -> Result<Artifact> {
    let model = file::read(&files.model, program::MAX_BYTES)?;
    let params = file::read(&files.params, MAX_PARAMS)?;
    let name = files.model.file_name().unwrap_or_default().display();
    let imported = read(&model, &params).map_err(|e| e.context(name))?;
    let plan = imported.plan;
    let tokenizer =
        tokenizer::read(dir, options.vocab.as_deref(), plan.embeddings.vocab_size)?.spec;
    match imported.pad_id {
        Some(pad) if pad != tokenizer.pad_id => {
            return Err(Error::usage(format!(
                "the program hides token {pad}, but [PAD] is token {} of the vocabulary: is it \
                 this model's?",
                tokenizer.pad_id
            )));
        }
        Some(_) => {}
        None => log::info!("the program is given its mask: it is taken to hide [PAD] tokens"),
    }
    let labels = labels::choose(None, Some(plan.num_labels), options)?;
    let record = StageRecord {
        config: format!(
            "Import:\n  source: paddle\n  operators: {}\n  family: {}\n  layers: {}\n",
            imported.operators,
            plan.family.name(),
            plan.layers.len()
        ),
        data: vec![DataRecord {
            name: "paddle/import".into(),
            digest: digest(&model, &params, &tokenizer),
            examples: 0,
            synthetic: false,
        }],
        ..StageRecord::new("act-convert", options.seed.0)
    };
    Ok(Artifact {
        // The length that such a folder names is that of the position table.
        task: options.task_info(labels, None, plan.embeddings.longest)?,
        plan,
        tokenizer: tokenizer.into(),
        params: imported.params,
        quant: QuantSpec::default(),
        provenance: vec![record],
    })
}

/// Digest of what was read, each part with its length.
fn digest(model: &[u8], params: &[u8], tokenizer: &WordPieceSpec) -> Digest {
    let mut hasher = blake3::Hasher::new();
    for part in [model, params, tokenizer.vocab.as_bytes()] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    Digest(*hasher.finalize().as_bytes())
}
