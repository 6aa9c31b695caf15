//! An artifact to a folder that `transformers` loads as its family's `...ForSequenceClassification`. It
//! appears whole or not at all, and not over another one.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;

use act_core::plan::Position;
use act_core::{Artifact, Block, Error, Family, Head, Plan, Problem, Result};
use act_stage::Unfinished;
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::family::FamilyTable;
use super::files::{CONFIG, WEIGHTS, pretty};
use super::tokenizer;

mod modern;

/// Writes `config.json`, `model.safetensors`, `tokenizer_config.json`, `tokenizer.json`, and `vocab.txt` where
/// there is one.
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
    let table = FamilyTable::of(artifact.plan.family);
    check_family(&artifact.plan, table)?;
    let (pad, offset) = (
        artifact.tokenizer.pad_id(),
        artifact.plan.embeddings.position_offset(),
    );
    if table.behind_pads && offset != Some(pad as usize + 1) {
        return Err(Error::usage(format!(
            "the padding token is {pad}, and positions do not begin behind it, as those of transformers' \
             {} do: export to ONNX instead",
            table.class
        )));
    }
    let heads = heads_before_pruning(&artifact.plan)?;
    artifact.check_supported()?;
    let words = tokenizer::files(artifact)?;
    artifact.file_len()?; // Every rule of the artifact's format, before the first byte.

    if let Problem::MultiLabel { thresholds } = &artifact.task.problem
        && thresholds.iter().any(|&threshold| threshold != 0.5)
    {
        log::warn!(
            "config.json has no place for the labels' thresholds: apply those of act-eval inspect, not 0.5"
        );
    }
    let mut config = config(artifact, table, heads);
    let pruned = pruned_heads(&artifact.plan, heads);
    if !pruned.is_empty() {
        log::warn!(
            "heads are pruned: the folder loads in transformers 4 (pruned_heads), not in 5, which \
             dropped them; export to ONNX for everything else"
        );
        config["pruned_heads"] = Value::Object(pruned);
    }
    let folder = Staging::new(dir)?;
    folder.write(CONFIG, &pretty(&config)?)?;
    for (name, bytes) in words {
        folder.write(name, &bytes)?;
    }
    folder.write(WEIGHTS, &weights(artifact)?)?;
    folder.place(dir)
}

/// Writes a folder with an ONNX graph in place of the weights, as `optimum` lays one out: `model.onnx`, and
/// what else a program needs to go from text to label.
///
/// # Errors
/// As [`export`], but any shapes will do: the graph has them.
pub fn export_onnx(artifact: &Artifact, graph: &[u8], dir: &Path) -> Result<()> {
    let table = FamilyTable::of(artifact.plan.family);
    let heads = artifact.plan.layers.iter().map(|layer| layer.heads()).max();
    let words = tokenizer::files(artifact)?;
    let folder = Staging::new(dir)?;
    let config = config(artifact, table, heads.unwrap_or(0));
    folder.write(CONFIG, &pretty(&config)?)?;
    for (name, bytes) in words {
        folder.write(name, &bytes)?;
    }
    folder.write(GRAPH, graph)?;
    folder.place(dir)
}

/// The graph's name in a folder.
const GRAPH: &str = "model.onnx";

/// Refuses parts that the family's class computes otherwise.
fn check_family(plan: &Plan, table: &FamilyTable) -> Result<()> {
    let embeddings = &plan.embeddings;
    if embeddings.position_offset().is_some_and(|o| o > 0) != table.behind_pads {
        return Err(Error::usage(format!(
            "the model's positions {} count pads, which those of transformers' {} {}: export to ONNX \
             instead",
            if table.behind_pads { "do" } else { "do not" },
            table.class,
            if table.behind_pads { "do not" } else { "do" },
        )));
    }
    let same = [
        (
            table.modern.is_some() || plan.head == Head::first_token(table.head),
            "its head",
        ),
        (
            table.modern.is_some() || plan.block == Block::bert(plan.block.activation),
            "its blocks",
        ),
        (
            embeddings.width == plan.hidden_size || table.embedding_size.is_some(),
            "tables of another width",
        ),
        (
            (embeddings.type_vocab_size > 0) == (table.token_types > 0),
            "its token types",
        ),
        (has_bias(plan) == table.buckets.is_some(), "its positions"),
        (
            !table.repeated,
            "layers of their own numbers, for it repeats one",
        ),
    ];
    match same.iter().find(|(same, _)| !same) {
        None => match table.modern {
            Some(keys) => modern::check(plan, table.class, keys),
            None => Ok(()),
        },
        Some((_, what)) => Err(Error::usage(format!(
            "transformers' {} does not have {what}: export to ONNX instead",
            table.class
        ))),
    }
}

fn has_bias(plan: &Plan) -> bool {
    let bias = |p: &Position| matches!(p, Position::Bias { .. });
    plan.embeddings.positions.iter().any(bias)
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

fn config(artifact: &Artifact, table: &FamilyTable, heads: usize) -> Value {
    let Artifact { plan, task, .. } = artifact;
    let embeddings = &plan.embeddings;
    let labels = || task.labels.iter().enumerate();
    let id2label: Map<String, Value> = labels().map(|(i, l)| (i.to_string(), json!(l))).collect();
    let label2id: Map<String, Value> = labels().map(|(i, l)| (l.clone(), json!(i))).collect();
    let mut config = json!({
        "architectures": [format!("{}ForSequenceClassification", table.class)],
        "model_type": table.model_type(),
        "vocab_size": embeddings.vocab_size,
        "max_position_embeddings": embeddings.longest + embeddings.position_offset().unwrap_or(0),
        "position_embedding_type": "absolute",
        "pad_token_id": artifact.tokenizer.pad_id(),
        "problem_type": match task.problem {
            Problem::SingleLabel => "single_label_classification",
            Problem::MultiLabel { .. } => "multi_label_classification",
            Problem::Regression => "regression",
        },
        "finetuning_task": task.name,
        "torch_dtype": "float32",
        "id2label": id2label,
        "label2id": label2id,
    });
    let neurons = plan.layers.first().map(|layer| layer.intermediate_size);
    config[table.hidden_size.names[0]] = json!(plan.hidden_size);
    config[table.layers.names[0]] = json!(plan.layers.len());
    config[table.heads.names[0]] = json!(heads);
    config[table.intermediate_size.names[0]] = json!(neurons);
    config[table.activation.names[0]] = json!(plan.block.activation.name());
    if let Some(key) = &table.epsilon {
        config[key.names[0]] = decimal(plan.layer_norm_eps);
    }
    if let Some(keys) = table.modern {
        modern::write(plan, keys, &mut config);
    }
    if table.token_types > 0 {
        config["type_vocab_size"] = json!(embeddings.type_vocab_size);
    }
    if let (Some(key), Some(Position::Bias { buckets, .. })) =
        (&table.buckets, embeddings.positions.last())
    {
        config[key.names[0]] = json!(buckets);
    }
    if table.embedding_size.is_some() {
        config["embedding_size"] = json!(embeddings.width);
    }
    if plan.family == Family::Ernie {
        config["use_task_id"] = json!(true);
        config["task_type_vocab_size"] = json!(embeddings.task_type_vocab_size);
    }
    config
}

/// As a decimal of single precision: 1e-12, not its neighbour 9.999999960041972e-13.
fn decimal(number: f32) -> Value {
    json!(number.to_string().parse::<f64>().ok())
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

/// The safetensors file: encoder tensors with the model's prefix, the head's without.
fn weights(artifact: &Artifact) -> Result<Vec<u8>> {
    let table = FamilyTable::of(artifact.plan.family);
    let failed = |e| Error::failed(format!("{WEIGHTS}: {e}"));
    let mut views = Vec::with_capacity(artifact.params.len());
    // The layout has been checked: a float model has single-precision tensors only.
    let mut fused: BTreeMap<String, (Vec<usize>, Vec<u8>)> = BTreeMap::new();
    for (ours, tensor) in artifact.params.iter() {
        let name = table.tensor_of_classifier(ours);
        let (part, parts) = table.part(ours);
        if parts > 1 {
            let bytes = tensor.bytes();
            let (shape, all) = fused.entry(name).or_insert_with(|| {
                let mut shape = tensor.shape().to_vec();
                shape[0] *= parts;
                (shape, vec![0; parts * bytes.len()])
            });
            let place = part * bytes.len()..(part + 1) * bytes.len();
            let place = all
                .get_mut(place)
                .filter(|_| shape[0] == parts * tensor.shape()[0]);
            let place = place.ok_or_else(|| Error::failed(format!("{ours} is of another size")))?;
            place.copy_from_slice(bytes);
            continue;
        }
        let view = TensorView::new(Dtype::F32, tensor.shape().to_vec(), tensor.bytes());
        views.push((name, view.map_err(failed)?));
    }
    for (name, (shape, bytes)) in &fused {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes);
        views.push((name.clone(), view.map_err(failed)?));
    }
    // transformers refuses a file that does not say who wrote it.
    let format = [("format".to_string(), "pt".to_string())];
    safetensors::serialize(views, Some(format.into_iter().collect())).map_err(failed)
}

/// A folder being filled beside its target; dropped before it is placed, it leaves nothing behind.
struct Staging(TempDir, Unfinished);

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
        let folder = folder.map_err(|e| Error::io(parent, e))?;
        let unfinished = Unfinished::new(folder.path());
        Ok(Self(folder, unfinished))
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
        let Self(folder, unfinished) = self;
        let _ = folder.keep(); // It has another name now.
        drop(unfinished);
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
