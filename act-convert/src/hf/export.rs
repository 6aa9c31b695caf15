//! An artifact to a folder that `transformers` loads as `BertForSequenceClassification` or
//! `ErnieForSequenceClassification`. It appears whole or not at all, and not over another one.

use std::fs;
use std::io::Write;
use std::path::Path;

use act_core::{Artifact, Error, Family, Plan, Result, WordPieceSpec};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::files::{CONFIG, WEIGHTS};
use crate::tokenizer::{TOKENIZER_CONFIG, VOCAB};

/// Writes `config.json`, `model.safetensors`, `vocab.txt` and `tokenizer_config.json`.
///
/// # Errors
/// Usage: an int8 model, shapes that the classes of `transformers` cannot hold (the message names
/// the layer), or a target that is there already. Failed: the disk.
pub fn export(artifact: &Artifact, dir: &Path) -> Result<()> {
    if !artifact.quant.is_empty() {
        return Err(Error::usage(
            "transformers holds no int8 model of ours: export the float student, or to ONNX",
        ));
    }
    let heads = heads_before_pruning(&artifact.plan)?;
    artifact.check_supported()?;
    let words = artifact.tokenizer.word_piece()?;
    check_words(words)?;
    artifact.file_len()?; // Every rule of the artifact's format, before the first byte.

    let folder = Staging::new(dir)?;
    folder.write(CONFIG, &pretty(&config(artifact, heads))?)?;
    folder.write(
        TOKENIZER_CONFIG,
        &pretty(&tokenizer_config(words, artifact.task.max_seq_length))?,
    )?;
    folder.write(VOCAB, words.vocab.as_bytes())?;
    folder.write(WEIGHTS, &weights(artifact)?)?;
    folder.place(dir)
}

/// Heads that every layer had before pruning.
///
/// `BertConfig` has one number of heads and one of neurons for all layers, heads that together are
/// as wide as the model, and `pruned_heads`. Version 4 of `transformers` prunes a fresh model by it
/// before it loads the tensors; version 5 knows it no more and stops at the first of them.
fn heads_before_pruning(plan: &Plan) -> Result<usize> {
    let hidden = plan.hidden_size;
    let refuse = |layer: usize, why: String| {
        Err(Error::usage(format!(
            "layer {layer} {why}, which config.json cannot say: export to ONNX instead"
        )))
    };
    if plan.embeddings.position_offset() != Some(0) {
        return Err(Error::usage(
            "the model's positions do not count pads, which transformers' BERT does: export to \
             ONNX instead",
        ));
    }
    let Some(first) = plan.layers.first() else {
        return Err(Error::usage("a model without layers cannot be exported"));
    };
    for (l, layer) in plan.layers.iter().enumerate() {
        let (size, neurons) = (layer.head_dim, layer.intermediate_size);
        if layer.heads() == 0 {
            return refuse(l, "has no attention head left".into());
        }
        if neurons == 0 {
            return refuse(l, "has no feed-forward neuron left".into());
        }
        if neurons != first.intermediate_size {
            let others = first.intermediate_size;
            return refuse(
                l,
                format!("has {neurons} feed-forward neurons and layer 0 {others}"),
            );
        }
        if size != first.head_dim {
            let others = first.head_dim;
            return refuse(
                l,
                format!("has heads of size {size} and layer 0 of {others}"),
            );
        }
        let heads = hidden / size.max(1);
        let last = layer.kept_heads.last().map_or(0, |&h| usize::from(h));
        if heads * size != hidden || last >= heads {
            return refuse(
                l,
                format!(
                    "has heads of size {size} up to number {last}, wider than the model's {hidden} units"
                ),
            );
        }
    }
    Ok(hidden / first.head_dim)
}

/// Refuses rules of words that `tokenizer_config.json` cannot say.
fn check_words(words: &WordPieceSpec) -> Result<()> {
    match words.max_word_chars {
        100 => Ok(()),
        n => Err(Error::usage(format!(
            "the tokenizer gives up on words of more than {n} characters, that of transformers on \
             more than 100: export to ONNX instead"
        ))),
    }
}

fn config(artifact: &Artifact, heads: usize) -> Value {
    let Artifact { plan, task, .. } = artifact;
    let labels = || task.labels.iter().enumerate();
    let id2label: Map<String, Value> = labels().map(|(i, l)| (i.to_string(), json!(l))).collect();
    let label2id: Map<String, Value> = labels().map(|(i, l)| (l.clone(), json!(i))).collect();
    let mut config = json!({
        "architectures": [match plan.family {
            Family::Bert => "BertForSequenceClassification",
            Family::Ernie => "ErnieForSequenceClassification",
        }],
        "model_type": plan.family.name(),
        "hidden_size": plan.hidden_size,
        "num_hidden_layers": plan.layers.len(),
        "num_attention_heads": heads,
        "intermediate_size": plan.layers.first().map(|layer| layer.intermediate_size),
        "hidden_act": plan.block.activation.name(),
        // As a decimal of single precision: 1e-12, not its neighbour 9.999999960041972e-13.
        "layer_norm_eps": plan.layer_norm_eps.to_string().parse::<f64>().ok(),
        "vocab_size": plan.embeddings.vocab_size,
        "max_position_embeddings": plan.embeddings.longest,
        "type_vocab_size": plan.embeddings.type_vocab_size,
        "position_embedding_type": "absolute",
        "pad_token_id": artifact.tokenizer.pad_id(),
        "problem_type": "single_label_classification",
        "finetuning_task": task.name,
        "torch_dtype": "float32",
        "id2label": id2label,
        "label2id": label2id,
    });
    if plan.family == Family::Ernie {
        config["use_task_id"] = json!(true);
        config["task_type_vocab_size"] = json!(plan.embeddings.task_type_vocab_size);
    }
    let pruned = pruned_heads(plan, heads);
    if !pruned.is_empty() {
        log::warn!(
            "heads are pruned: the folder loads in transformers 4 (pruned_heads), not in 5, which \
             dropped them; export to ONNX for everything else"
        );
        config["pruned_heads"] = Value::Object(pruned);
    }
    config
}

/// The heads that are gone, by layer, for layers that lost any.
fn pruned_heads(plan: &Plan, heads: usize) -> Map<String, Value> {
    let layers = plan.layers.iter().enumerate();
    let gone = layers.map(|(l, layer)| {
        let gone = (0..heads).filter(|&h| !layer.kept_heads.contains(&(h as u16)));
        (l.to_string(), gone.collect::<Vec<_>>())
    });
    gone.filter(|(_, gone)| !gone.is_empty())
        .map(|(l, gone)| (l, json!(gone)))
        .collect()
}

fn tokenizer_config(spec: &WordPieceSpec, longest: usize) -> Value {
    let tokens: Vec<&str> = spec.tokens().collect();
    let token = |id: u32| tokens.get(id as usize).copied();
    json!({
        "tokenizer_class": "BertTokenizer",
        "do_lower_case": spec.lowercase,
        "strip_accents": spec.strip_accents,
        "tokenize_chinese_chars": spec.split_cjk,
        "model_max_length": longest,
        "pad_token": token(spec.pad_id),
        "unk_token": token(spec.unk_id),
        "cls_token": token(spec.cls_id),
        "sep_token": token(spec.sep_id),
        "mask_token": spec.mask_id.map(token),
    })
}

/// The safetensors file: encoder tensors with the model's prefix, the head's without.
fn weights(artifact: &Artifact) -> Result<Vec<u8>> {
    let prefix = artifact.plan.family.name();
    let failed = |e| Error::failed(format!("{WEIGHTS}: {e}"));
    let mut views = Vec::with_capacity(artifact.params.len());
    // The layout has been checked: a float model has single-precision tensors only.
    for (name, tensor) in artifact.params.iter() {
        let name = if name.starts_with("classifier.") {
            name.to_string()
        } else {
            format!("{prefix}.{name}")
        };
        let view = TensorView::new(Dtype::F32, tensor.shape().to_vec(), tensor.bytes());
        views.push((name, view.map_err(failed)?));
    }
    // transformers refuses a file that does not say who wrote it.
    let format = [("format".to_string(), "pt".to_string())];
    safetensors::serialize(views, Some(format.into_iter().collect())).map_err(failed)
}

fn pretty(value: &Value) -> Result<Vec<u8>> {
    let text = serde_json::to_string_pretty(value);
    let text = text.map_err(|e| Error::failed(format!("{CONFIG}: {e}")))?;
    Ok((text + "\n").into_bytes())
}

/// A folder being filled beside its target; dropped before it is placed, it leaves nothing behind.
struct Staging(TempDir);

impl Staging {
    fn new(target: &Path) -> Result<Self> {
        refuse_present(target)?;
        let parent = match target.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let folder = tempfile::Builder::new()
            .prefix(".act-export-")
            .tempdir_in(parent);
        Ok(Self(folder.map_err(|e| Error::io(parent, e))?))
    }

    /// Writes a file and brings it to the disk.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.0.path().join(name);
        let write = || {
            let mut file = fs::File::create(&path)?;
            file.write_all(bytes)?;
            file.sync_all()
        };
        write().map_err(|e| Error::io(&path, e))
    }

    /// Gives the folder its name; the system renames over an empty folder, never over a full one.
    fn place(self, target: &Path) -> Result<()> {
        let io = |e| Error::io(target, e);
        make_readable(self.0.path()).map_err(io)?;
        fs::rename(self.0.path(), target).map_err(io)?;
        let _ = self.0.keep(); // It has another name now.
        Ok(())
    }
}

fn refuse_present(target: &Path) -> Result<()> {
    let mut entries = match fs::read_dir(target) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(Error::io(target, e)),
    };
    match entries.next() {
        None => Ok(()),
        Some(_) => Err(Error::usage(format!(
            "{} is there already: remove it or name another folder",
            target.display()
        ))),
    }
}

/// Temporary folders are private, models are not.
#[cfg(unix)]
fn make_readable(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn make_readable(_: &Path) -> std::io::Result<()> {
    Ok(())
}
