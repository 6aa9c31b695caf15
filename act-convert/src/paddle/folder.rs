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
    /// Looks for one program and its parameters: `*.pdmodel`, or Paddle 3's `*.json`, and
    /// `*.pdiparams`, or the older `__model__` and `__params__`. `None` if the folder has no program
    /// at all.
    ///
    /// # Errors
    /// Usage: several programs, or none or several parameter files for it.
    pub fn find(dir: &Path) -> Result<Option<Self>> {
        let mut models = programs(dir)?;
        let model = match models.len() {
            0 => return Ok(None),
            1 => models.remove(0),
            _ => {
                let names: Vec<String> = models.iter().map(|path| file_name(path)).collect();
                return Err(Error::usage(format!(
                    "{} programs, {}: import one of them by its path, as in act-convert import \
                     FOLDER/{}",
                    names.len(),
                    names.join(" and "),
                    names[0]
                )));
            }
        };
        Self::of_program(model, dir).map(Some)
    }

    /// The model in `dir` that a path names by its program or its parameters; `None` for a path of
    /// anything else.
    ///
    /// # Errors
    /// Usage: a program with none or several parameter files.
    pub fn of(path: &Path, dir: &Path) -> Result<Option<Self>> {
        let name = file_name(path);
        if is_program(path) {
            return Self::of_program(path.to_path_buf(), dir).map(Some);
        }
        let model = if let Some(stem) = name.strip_suffix(".pdiparams") {
            let new = path.with_file_name(format!("{stem}.json"));
            let old = path.with_file_name(format!("{stem}.pdmodel"));
            if new.is_file() && !old.is_file() {
                new
            } else {
                old
            }
        } else if name == "__params__" {
            path.with_file_name("__model__")
        } else {
            return Ok(None);
        };
        let params = path.to_path_buf();
        Ok(Some(Self { model, params }))
    }

    /// A program with its parameters, by its name or as the only ones in the folder.
    fn of_program(model: PathBuf, dir: &Path) -> Result<Self> {
        let own = own_params(&model);
        if own.is_file() {
            return Ok(Self { model, params: own });
        }
        let mut params = listed(dir, |name| {
            name.ends_with(".pdiparams") || name == "__params__"
        })?;
        match params.len() {
            1 => Ok(Self {
                model,
                params: params.remove(0),
            }),
            n => Err(Error::usage(format!(
                "{n} parameter files (*.pdiparams), and none is called {} after the program",
                file_name(&own)
            ))),
        }
    }
}

/// The programs of a folder, in order of their names.
fn programs(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = listed(dir, |_| true)?;
    found.retain(|path| is_program(path));
    Ok(found)
}

fn is_program(path: &Path) -> bool {
    let name = file_name(path);
    name.ends_with(".pdmodel")
        || name == "__model__"
        || (name.ends_with(".json") && own_params(path).is_file())
}

/// The parameters that belong to a program by its name.
fn own_params(model: &Path) -> PathBuf {
    match file_name(model).as_str() {
        "__model__" => model.with_file_name("__params__"),
        _ => model.with_extension("pdiparams"),
    }
}

/// Files of these names, in their order. macOS leaves `._name` beside each file of an archive.
fn listed(dir: &Path, wanted: impl Fn(&str) -> bool) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(|e| Error::io(dir, e))? {
        let path = entry.map_err(|e| Error::io(dir, e))?.path();
        let name = file_name(&path);
        if !name.starts_with('.') && wanted(&name) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// The model of a Paddle folder.
///
/// # Errors
/// Usage: files that are missing, a vocabulary or labels that do not fit. Rejected: see [`read`].
pub fn import(dir: &Path, files: &Files, options: &ImportOptions) -> Result<Artifact> {
    let model = file::read(&files.model, program::MAX_BYTES)?;
    let params = file::read(&files.params, MAX_PARAMS)?;
    let name = file_name(&files.model);
    let imported = read(&model, &params).map_err(|e| e.context(&name))?;
    let plan = imported.plan;
    let kind = options.kind(None)?;
    labels::check_classes(plan.num_labels, kind).map_err(|e| e.context(&name))?;
    let rows = plan.embeddings.vocab_size;
    let tokenizer = tokenizer::read_paddle(dir, options.vocab.as_deref(), rows)?;
    match imported.pad_id {
        Some(pad) if pad != tokenizer.pad_id() => {
            return Err(Error::usage(format!(
                "the program hides token {pad}, but [PAD] is token {} of the vocabulary: is it \
                 this model's?",
                tokenizer.pad_id()
            )));
        }
        Some(_) => {}
        None => log::info!("the program is given its mask: it is taken to hide [PAD] tokens"),
    }
    let classes = Some(plan.num_labels);
    let labels = labels::choose(|| labels::beside(dir, classes), classes, kind, options)?;
    let record = StageRecord {
        config: format!(
            "Import:\n  source: paddle\n  operators: {}\n  family: {}\n  layers: {}\n",
            imported.operators,
            plan.family.name(),
            plan.layers.len()
        ),
        data: vec![DataRecord {
            name: "paddle/import".into(),
            digest: digest(&model, &params, tokenizer.word_piece()?),
            examples: 0,
            synthetic: false,
        }],
        ..StageRecord::new("act-convert", options.seed.0)
    };
    Ok(Artifact {
        // The length that such a folder names is that of the position table.
        task: options.task_info((labels, kind), None, plan.embeddings.longest)?,
        plan,
        tokenizer,
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
