//! A Hugging Face folder to an artifact: plan, labels, tensors, tokenizer, in that order, each
//! checked against what came before.

use std::path::Path;

use act_core::artifact::limits;
use act_core::provenance::StageRecord;
use act_core::quant::QuantSpec;
use act_core::{Artifact, Error, Linear, Params, Plan, Result, Seed};

use super::config;
use super::files::CONFIG;
use super::weights::Weights;
use crate::options::ImportOptions;
use crate::{file, init, labels, tokenizer};

/// Longest `config.json`: thousands of labels fit.
const CONFIG_LEN: u64 = 4 << 20;

/// Reads a BERT or ERNIE folder: `config.json`, `model.safetensors` in single or half precision,
/// `vocab.txt` or `tokenizer.json`. A bare encoder gets a classification head (and, where it has
/// none, a pooler) from the seed, exactly that of a new model.
///
/// # Errors
/// Rejected: a model that is damaged, hostile, or computes something else than our encoders; the
/// message names the file and the key or tensor. Usage: labels or lengths that do not fit it.
pub fn import(dir: &Path, options: &ImportOptions) -> Result<Artifact> {
    let path = dir.join(CONFIG);
    let at = |e: Error| e.context(path.display());
    let config = file::json(&path, CONFIG_LEN)?;
    let mut plan = config::plan(&config, 1).map_err(at)?;

    let weights = Weights::read(dir, &plan)?;
    let head = weights.shape(&Linear::Classifier.weight());
    let classes = head.map(|shape| shape.first().copied().unwrap_or(0));
    if let Some(n) = classes {
        check_classes(n).map_err(at)?;
        config::check_head(&config).map_err(at)?;
    }
    let own = labels::id2label(&config).map_err(at)?;
    let labels = labels::choose(own, classes, options).map_err(at)?;
    check_classes(labels.len())?;
    plan.num_labels = labels.len();
    // Before the tokenizer, which takes memory for every row that config.json claims: now the table
    // is known to have them.
    let params = params(&plan, weights, options.seed).map_err(|e| e.context(dir.display()))?;
    let text = tokenizer::read(dir, options.vocab.as_deref(), plan.embeddings.vocab_size)?;
    let artifact = Artifact {
        params,
        task: options.task_info(labels, text.max_length, plan.embeddings.longest)?,
        tokenizer: text.spec.into(),
        plan,
        quant: QuantSpec::default(),
        provenance: vec![StageRecord::new("act-convert", options.seed.0)],
    };
    // Lays the artifact out, and so checks it by every rule of its format.
    artifact.file_len().map_err(|e| e.context(dir.display()))?;
    Ok(artifact)
}

fn check_classes(n: usize) -> Result<()> {
    match n {
        1..=limits::LABELS => Ok(()),
        _ => Err(Error::rejected(format!(
            "{n} classes: 1 to {} are allowed",
            limits::LABELS
        ))),
    }
}

/// Every tensor of the plan, and no other.
fn params(plan: &Plan, mut weights: Weights, seed: Seed) -> Result<Params> {
    let missing = missing_head(&weights);
    let mut params = Params::new();
    for spec in plan.expected_tensors(&QuantSpec::default()) {
        if !missing.contains(&spec.name) {
            params.insert(spec.name.clone(), weights.take(&spec)?);
        }
    }
    weights.finish()?;
    // Last, so that a folder that has not even the encoder costs nothing.
    if !missing.is_empty() {
        let mut head = untrained_head(plan, seed);
        for name in missing {
            log::info!(
                "the model has no {name}: it is untrained, from seed {}",
                seed.0
            );
            if let Some(tensor) = head.remove(&name) {
                params.insert(name, tensor);
            }
        }
    }
    Ok(params)
}

/// Tensors of pooler and classifier, where the folder has nothing of the one or the other.
fn missing_head(weights: &Weights) -> Vec<String> {
    let names = [Linear::Pooler, Linear::Classifier].map(|part| [part.weight(), part.bias()]);
    let absent = |part: &[String; 2]| part.iter().all(|name| weights.shape(name).is_none());
    names.into_iter().filter(absent).flatten().collect()
}

/// Each tensor has its own stream of chance, so a model of nothing but a head has the same one.
fn untrained_head(plan: &Plan, seed: Seed) -> Params {
    let mut head = Plan {
        layers: Vec::new(),
        ..plan.clone()
    };
    (head.embeddings.vocab_size, head.embeddings.longest) = (1, 1);
    init::params(&head, seed)
}
