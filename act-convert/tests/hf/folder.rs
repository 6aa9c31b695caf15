//! Self-made folders, written with nothing of the crate under test: a tiny model, the spelling of
//! its names, the type of its numbers, its JSON files.

use std::fs;
use std::path::Path;

use act_convert::ImportOptions;
use act_core::testing::{TinyOptions, tiny_artifact};
use act_core::tokenizer::Truncation;
use act_core::{Activation, Artifact, Batch, Family, LayerPlan, Seed, TokenizerSpec};
use act_infer::Engine;
use serde_json::{Value, json};
use tempfile::TempDir;

/// How numbers are stored.
#[derive(Debug, Clone, Copy)]
pub enum Stored {
    F32,
    F16,
    Bf16,
}

/// A folder's parts, free to be spoilt before they are written.
pub struct Folder {
    pub config: Value,
    pub tensors: Vec<(String, Vec<usize>, Vec<f32>)>,
    pub stored: Stored,
    pub vocab: Option<String>,
    pub tokenizer_config: Option<Value>,
    pub tokenizer: Option<Value>,
}

/// Two equal layers of two heads, so that a configuration without `pruned_heads` can say it.
pub fn tiny(family: Family) -> Artifact {
    let options = TinyOptions {
        family,
        layers: vec![LayerPlan::full(2, 4, 12); 2],
        ..TinyOptions::default()
    };
    tiny_artifact(7, &options)
}

pub fn options() -> ImportOptions {
    ImportOptions {
        task: None,
        labels: None,
        data: None,
        max_seq_length: None,
        vocab: None,
        seed: Seed(5),
    }
}

impl Folder {
    /// The folder of a model, as `save_pretrained` writes it.
    pub fn of(model: &Artifact) -> Self {
        let Artifact { plan, task, .. } = model;
        let prefix = plan.family.name();
        let tensors = model.params.iter().map(|(name, tensor)| {
            let name = if name.starts_with("classifier") {
                name.to_string()
            } else {
                format!("{prefix}.{name}")
            };
            let values = bytemuck::cast_slice(tensor.bytes()).to_vec();
            (name, tensor.shape().to_vec(), values)
        });
        let labels = task.labels.iter().enumerate();
        let id2label = labels.map(|(i, l)| (i.to_string(), json!(l))).collect();
        Self {
            config: json!({
                "architectures": [match plan.family {
                    Family::Bert => "BertForSequenceClassification",
                    _ => "ErnieForSequenceClassification",
                }],
                "model_type": prefix,
                "hidden_size": plan.hidden_size,
                "num_hidden_layers": plan.layers.len(),
                "num_attention_heads": 2,
                "intermediate_size": plan.layers[0].intermediate_size,
                "hidden_act": match plan.block.activation {
                    Activation::Gelu => "gelu",
                    Activation::Relu => "relu",
                    Activation::GeluTanh => "gelu_new",
                },
                "layer_norm_eps": 1e-12,
                "vocab_size": plan.embeddings.vocab_size,
                "max_position_embeddings": plan.embeddings.longest,
                "type_vocab_size": plan.embeddings.type_vocab_size,
                "use_task_id": plan.family == Family::Ernie,
                "id2label": Value::Object(id2label),
            }),
            tensors: tensors.collect(),
            stored: Stored::F32,
            vocab: Some(model.tokenizer.word_piece().unwrap().vocab.to_string()),
            tokenizer_config: Some(json!({"do_lower_case": true, "model_max_length": 24})),
            tokenizer: None,
        }
    }

    /// Renames tensors.
    pub fn rename(&mut self, new_name: impl Fn(&str) -> String) {
        for (name, ..) in &mut self.tensors {
            *name = new_name(name);
        }
    }

    /// Takes the classification head away, and what the configuration says about it.
    pub fn make_bare(&mut self) {
        self.drop_tensors("classifier");
        self.config["architectures"] = json!(["BertModel"]);
        self.config["id2label"] = json!(null);
    }

    /// Removes tensors with `part` in their name.
    pub fn drop_tensors(&mut self, part: &str) {
        self.tensors.retain(|(name, ..)| !name.contains(part));
    }

    /// The safetensors file, byte by byte as its specification says.
    pub fn weights(&self) -> Vec<u8> {
        let mut header = serde_json::Map::new();
        let mut data = Vec::new();
        let dtype = match self.stored {
            Stored::F32 => "F32",
            Stored::F16 => "F16",
            Stored::Bf16 => "BF16",
        };
        for (name, shape, values) in &self.tensors {
            let start = data.len();
            for &value in values {
                match self.stored {
                    Stored::F32 => data.extend(value.to_le_bytes()),
                    Stored::F16 => data.extend(half::f16::from_f32(value).to_le_bytes()),
                    Stored::Bf16 => data.extend(half::bf16::from_f32(value).to_le_bytes()),
                }
            }
            let offsets = [start, data.len()];
            let entry = json!({"dtype": dtype, "shape": shape, "data_offsets": offsets});
            header.insert(name.clone(), entry);
        }
        safetensors(&Value::Object(header).to_string(), &data)
    }

    /// Writes the folder.
    pub fn write(&self) -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        let put = |name: &str, bytes: &[u8]| fs::write(dir.path().join(name), bytes).unwrap();
        put("config.json", self.config.to_string().as_bytes());
        put("model.safetensors", &self.weights());
        if let Some(vocab) = &self.vocab {
            put("vocab.txt", vocab.as_bytes());
        }
        if let Some(config) = &self.tokenizer_config {
            put("tokenizer_config.json", config.to_string().as_bytes());
        }
        if let Some(tokenizer) = &self.tokenizer {
            put("tokenizer.json", tokenizer.to_string().as_bytes());
        }
        dir
    }
}

/// A file of that header and data.
pub fn safetensors(header: &str, data: &[u8]) -> Vec<u8> {
    let len = (header.len() as u64).to_le_bytes();
    [&len[..], header.as_bytes(), data].concat()
}

/// Class scores of some sentences.
pub fn logits(model: Artifact) -> Vec<Vec<f32>> {
    let engine = Engine::new(model).unwrap();
    let tokenizer = engine.tokenizer().unwrap();
    let pairs = [("花呗怎么还款", Some("abc 花呗")), ("Loan 7?", None)];
    let encodings = pairs.map(|(a, b)| tokenizer.encode(a, b).unwrap());
    engine.forward(&Batch::new(&encodings)).unwrap()
}

/// Imports a folder that must be refused, and gives the error's line.
pub fn refused(dir: &Path, options: &ImportOptions) -> String {
    let error = match act_convert::hf::import(dir, options) {
        Ok(_) => panic!("{}: not refused", dir.display()),
        Err(error) => error,
    };
    assert_eq!(error.kind(), act_core::ErrorKind::Rejected, "{error}");
    assert!(error.to_string().lines().count() == 1, "{error}");
    error.to_string()
}

/// The tokenizer of a new model as one that `transformers` runs.
pub fn as_transformers(spec: &TokenizerSpec) -> TokenizerSpec {
    let mut words = spec.word_piece().unwrap().clone();
    words.whole_tokens = words.special().map(|(_, id)| id).collect();
    words.whole_tokens.sort_unstable();
    words.cut = Truncation::HalvesEnd;
    words.into()
}
