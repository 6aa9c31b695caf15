//! Files that hold a model, or a part of one, and are not read: what each is, and what to do.

use std::path::Path;

use act_core::{Error, Result};

/// What to do with weights that `transformers` reads.
const AGAIN: &str = "load it with transformers and call save_pretrained(DIR)";
/// The same for those that its version 5 reads no more.
const VERSION_4: &str = "load it with transformers 4 (from_tf=True or from_flax=True) and call \
                         save_pretrained(DIR)";
/// What to do with a graph of another runtime.
const ORIGIN: &str = "import the model that it was exported from";

/// Names, what such a file is, and what to do. A name is whole, or has a star at one end. Of several
/// files in a folder the first of this list is told.
const KINDS: [(&[&str], &str, &str); 9] = [
    (
        &["adapter_model.*"],
        "an adapter's weights without its model",
        "merge them (merge_and_unload) and call save_pretrained(DIR)",
    ),
    (
        &["*.safetensors.index.json"],
        "not called model.safetensors.index.json",
        "rename it if it is the model's list of shards",
    ),
    (
        &["*.pdparams"],
        "Paddle's weights without a program",
        "export the static graph: model.eval(); paddle.jit.save(paddle.jit.to_static(model, \
         input_spec=[InputSpec([None, None], \"int64\")] * 2), \"DIR/model\")",
    ),
    (
        &["pytorch_model*", "*.pt", "*.pth"],
        "a pickle, which can run programs",
        AGAIN,
    ),
    (
        &["*.h5", "*.ckpt.index", "*.ckpt", "*.msgpack"],
        "a checkpoint of another framework",
        VERSION_4,
    ),
    (
        &["*.onnx", "*.gguf", "*.tflite", "*.xml", "saved_model.pb"],
        "a graph of another runtime",
        ORIGIN,
    ),
    (
        &["*.safetensors"],
        "not called model.safetensors",
        "rename it if it is the model",
    ),
    (
        &["*.zip", "*.7z", "*.tar.bz2", "*.tar.xz", "*.tar.zst"],
        "an archive of a kind that is not unpacked",
        "unpack it and import its folder",
    ),
    (
        &["*.tar", "*.tgz", "*.tar.gz"],
        "an archive",
        "import it by its own name",
    ),
];

/// What a file is by its name, and what to do; `None` for one that is read, or nothing known.
pub(crate) fn described(name: &str) -> Option<String> {
    let (_, what, remedy) = KINDS
        .iter()
        .find(|(patterns, ..)| matches(patterns, name))?;
    Some(format!("{name} is {what}: {remedy}"))
}

/// Why a Hugging Face folder without `model.safetensors` cannot be read.
pub(crate) fn without_weights(dir: &Path) -> Error {
    match in_folder(dir) {
        Ok(Some(found)) => rejected(dir, &found),
        Ok(None) => rejected(dir, "no model.safetensors beside config.json"),
        Err(e) => e,
    }
}

/// Why a folder without any model that is known cannot be read.
pub(crate) fn no_model(dir: &Path) -> Error {
    if dir.join("model.safetensors").exists() {
        return rejected(dir, "model.safetensors has no config.json beside it");
    }
    match in_folder(dir) {
        Ok(Some(found)) => rejected(dir, &found),
        Ok(None) => Error::usage(format!(
            "{}: no model that is known: a Paddle folder has *.pdmodel (or Paddle 3's *.json) and \
             *.pdiparams, a Hugging Face folder config.json and model.safetensors",
            dir.display()
        )),
        Err(e) => e,
    }
}

/// What a folder holds instead of a model: a file of the first of [`KINDS`], or folders with models.
fn in_folder(dir: &Path) -> Result<Option<String>> {
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(dir).map_err(|e| Error::io(dir, e))? {
        let path = entry.map_err(|e| Error::io(dir, e))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && holds_model(&path) {
            folders.push(name.into_owned());
        } else if !name.starts_with('.') {
            files.push(name.into_owned());
        }
    }
    // Folders are listed in no order.
    files.sort();
    folders.sort();
    for (patterns, ..) in KINDS {
        if let Some(name) = files.iter().find(|name| matches(patterns, name)) {
            return Ok(described(name));
        }
    }
    let first = folders.first();
    Ok(first.map(|first| {
        let n = folders.len();
        format!("no model in the folder itself, but in {n} folders of it: import one, as {first}")
    }))
}

/// True for a folder that is a model's by its files.
fn holds_model(dir: &Path) -> bool {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names = entries.map(|entry| entry.file_name());
    names.any(|name| name == "config.json" || name.to_string_lossy().ends_with(".pdmodel"))
}

fn matches(patterns: &[&str], name: &str) -> bool {
    patterns.iter().any(|pattern| {
        let (start, end) = pattern.split_once('*').unwrap_or((pattern, ""));
        name.starts_with(start) && name.ends_with(end) && (pattern.contains('*') || start == name)
    })
}

fn rejected(dir: &Path, why: &str) -> Error {
    Error::rejected(format!("{}: {why}", dir.display()))
}
