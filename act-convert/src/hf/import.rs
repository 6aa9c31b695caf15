//! A Hugging Face folder to an artifact: plan, labels, tensors, tokenizer, in that order, each
//! checked against what came before.

use std::path::Path;

use act_core::plan::Pooling;
use act_core::provenance::StageRecord;
use act_core::quant::QuantSpec;
use act_core::{Artifact, Error, Linear, Params, Plan, Result, Seed, Tokenizer};

use super::files::{CONFIG, WEIGHTS, has_weights};
use super::weights::Weights;
use super::{class, config, sentence};
use crate::options::ImportOptions;
use crate::tokenizer::Tables;
use crate::{file, foreign, init, labels, tokenizer};

/// Reads a folder: `config.json`, `model.safetensors` or its shards in single or half precision, a
/// tokenizer. A bare encoder gets a classification head (and, where it has
/// none, a pooler) from the seed, exactly that of a new model, and the artifact says that it is
/// untrained. If the folder says that the mean of the tokens is what it was trained for, the classifier reads that, and
/// the pooler is left out.
///
/// # Errors
/// Rejected: a model that is damaged, hostile, or computes something else than our encoders; the
/// message names the file and the key or tensor. Usage: labels or lengths that do not fit it.
pub fn import(dir: &Path, options: &ImportOptions) -> Result<Artifact> {
    if !has_weights(dir) {
        return Err(foreign::without_weights(dir));
    }
    let path = dir.join(CONFIG);
    let at = |e: Error| e.context(path.display());
    let config = file::json(&path, labels::CONFIG_LEN)?;
    let described = config::read(&config).map_err(at)?;

    let mut weights = Weights::read(dir, &described)?;
    let classes = weights.classes().map_err(|e| e.context(dir.display()))?;
    if classes.is_none() && sentence::pooling(dir)? == Some(Pooling::Mean) {
        log::info!(
            "the folder's vectors are means over tokens: the classifier reads them without a pooler"
        );
        weights.read_means();
    }
    let mut plan = weights.plan().clone();
    // A bare encoder says nothing of what it is to be trained for.
    let said = classes.and(described.problem);
    let kind = options.kind(said).map_err(|e| e.context(dir.display()))?;
    if let Some(n) = classes {
        let weights = dir.join(WEIGHTS);
        labels::check_classes(n, kind).map_err(|e| e.context(weights.display()))?;
    }
    let head = weights.name(&Linear::Classifier.weight());
    class::check_head(&config, classes.is_some(), &head, weights.a_name()).map_err(at)?;
    let own = || labels::beside(dir, classes);
    let labels = labels::choose(own, classes, kind, options)?;
    plan.num_labels = labels.len();
    // Before the tokenizer, which takes memory for every row that config.json claims: now the table
    // is known to have them.
    let params = params(&plan, weights, options.seed).map_err(|e| e.context(dir.display()))?;
    let tables = Tables {
        words: plan.embeddings.vocab_size,
        types: plan.embeddings.type_vocab_size,
    };
    let text = tokenizer::read_huggingface(dir, &config, options.vocab.as_deref(), tables)?;
    if let Some(pad) = described
        .pad_id
        .filter(|&pad| pad != text.spec.pad_id() as usize)
    {
        return Err(at(Error::rejected(format!(
            "pad_token_id is {pad} and the tokenizer's {}: which tokens have no position is not known",
            text.spec.pad_id()
        ))));
    }
    let mut task = options.task_info((labels, kind), text.max_length, plan.embeddings.longest)?;
    task.head_trained = classes.is_none().then_some(false);
    // A whole tokenizer.json of known parts may still be one that does not load.
    Tokenizer::new(&text.spec, task.max_seq_length).map_err(|e| e.context(dir.display()))?;
    let artifact = Artifact {
        params,
        task,
        tokenizer: text.spec,
        plan,
        quant: QuantSpec::default(),
        provenance: vec![StageRecord::new("act-convert", options.seed.0)],
    };
    // Lays the artifact out, and so checks it by every rule of its format.
    artifact.file_len().map_err(|e| e.context(dir.display()))?;
    Ok(artifact)
}

/// Every tensor of the plan, and no other; those of the head are from chance where there is none.
fn params(plan: &Plan, mut weights: Weights, seed: Seed) -> Result<Params> {
    let missing = weights.missing_head();
    let mut params = Params::new();
    for spec in plan.expected_tensors(&QuantSpec::default()) {
        if !missing.contains(&spec.name) {
            params.insert(spec.name.clone(), weights.take(&spec)?);
        }
    }
    weights.finish()?;
    // Last, so that a folder that has not even the encoder costs nothing.
    if !missing.is_empty() {
        log::info!(
            "the model has no {}: from seed {}, for act-distill to train",
            missing.join(", "),
            seed.0
        );
        let mut head = untrained_head(plan, seed);
        for name in missing {
            if let Some(tensor) = head.remove(&name) {
                params.insert(name, tensor);
            }
        }
    }
    Ok(params)
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
