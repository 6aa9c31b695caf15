//! `model.safetensors`: tensors under the names of the plan, as single precision.
//!
//! The crate `safetensors` checks the header (offsets that start at 0, no hole, no overlap, lengths
//! that follow from shapes, an end that is the file's); here the file's size is bounded by the
//! model's before it is read, and older spellings of the names become today's.

use std::collections::BTreeMap;
use std::path::Path;

use act_core::artifact::limits;
use act_core::plan::TensorSpec;
use act_core::{Error, Plan, Result, Tensor};
use half::{bf16, f16};
use safetensors::{Dtype, SafeTensors};

use super::files::WEIGHTS;
use crate::file;

/// Longest header: 48 layers have fewer than 800 tensors of some 150 bytes each.
const HEADER: u64 = 8 << 20;

/// The tensors of a file, not converted yet.
pub(super) struct Weights {
    bytes: Vec<u8>,
    /// First byte after the header.
    start: usize,
    entries: BTreeMap<String, Entry>,
}

/// One tensor in the file.
struct Entry {
    /// Its name there.
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    /// From the first to after the last of its bytes, counted from the header's end.
    range: (usize, usize),
}

impl Weights {
    /// Reads the file of a folder.
    ///
    /// # Errors
    /// Rejected: no such file but another kind of weights, a file that is too large for `plan` or
    /// damaged, or two tensors that mean the same parameter.
    pub(super) fn read(dir: &Path, plan: &Plan) -> Result<Self> {
        let path = dir.join(WEIGHTS);
        if !path.exists() {
            return Err(without_weights(dir));
        }
        // Pretraining heads that are left aside hold at most another word table or so.
        let most = 2 * 4 * plan.parameters() as u64 + HEADER;
        Self::parse(file::read(&path, most)?).map_err(|e| e.context(path.display()))
    }

    fn parse(bytes: Vec<u8>) -> Result<Self> {
        let header = bytes.first_chunk().map(|len| u64::from_le_bytes(*len));
        if let Some(len) = header.filter(|&len| len > HEADER) {
            return Err(Error::rejected(format!(
                "the header has {len} bytes: at most {HEADER} are allowed"
            )));
        }
        let damaged = |e| Error::rejected(format!("not a whole safetensors file: {e}"));
        let (header, metadata) = SafeTensors::read_metadata(&bytes).map_err(damaged)?;
        let mut entries = BTreeMap::new();
        // By offset, so that of several errors always the same is told.
        for name in metadata.offset_keys() {
            let Some(info) = metadata.info(&name) else {
                continue;
            };
            if name.len() > limits::NAME {
                return Err(Error::rejected(format!(
                    "a tensor's name has {} bytes: at most {} are allowed",
                    name.len(),
                    limits::NAME
                )));
            }
            let Some(parameter) = parameter(&name) else {
                continue;
            };
            let entry = Entry {
                name,
                dtype: info.dtype,
                shape: info.shape.clone(),
                range: info.data_offsets,
            };
            if let Some(other) = entries.insert(parameter, entry) {
                return Err(Error::rejected(format!(
                    "tensor {:?} is there twice, under two spellings",
                    other.name
                )));
            }
        }
        Ok(Self {
            bytes,
            start: 8 + header,
            entries,
        })
    }

    /// Dimensions of a parameter, if it is there.
    pub(super) fn shape(&self, parameter: &str) -> Option<&[usize]> {
        self.entries.get(parameter).map(|entry| &entry.shape[..])
    }

    /// Takes a parameter out, as single precision.
    ///
    /// # Errors
    /// Rejected: missing, of another shape or type, or numbers that are not finite.
    pub(super) fn take(&mut self, spec: &TensorSpec) -> Result<Tensor> {
        let Some(entry) = self.entries.remove(&spec.name) else {
            return Err(Error::rejected(format!("tensor {} is missing", spec.name)));
        };
        let Entry { name, dtype, .. } = entry;
        if entry.shape != spec.shape {
            return Err(Error::rejected(format!(
                "tensor {name:?} is {:?}, by config.json it is {:?}",
                entry.shape, spec.shape
            )));
        }
        let window = self.start + entry.range.0..self.start + entry.range.1;
        // The header was checked against the file's length.
        let values = values(dtype, &self.bytes[window]).ok_or_else(|| {
            Error::rejected(format!(
                "tensor {name:?} is {dtype:?}: F32, F16 and BF16 are supported"
            ))
        })?;
        if let Some(at) = values.iter().position(|v| !v.is_finite()) {
            return Err(Error::rejected(format!(
                "tensor {name:?} holds {} at {at}",
                values[at]
            )));
        }
        Ok(Tensor::f32(entry.shape, values))
    }

    /// Refuses tensors that nobody has taken: the folder holds another model than it says.
    pub(super) fn finish(self) -> Result<()> {
        match self.entries.values().next() {
            None => Ok(()),
            Some(Entry { name, .. }) => Err(Error::rejected(format!(
                "{} tensors too many for config.json, among them {name:?}",
                self.entries.len()
            ))),
        }
    }
}

/// The plan's name of a tensor: without its model's prefix, gamma and beta (as TensorFlow's
/// checkpoints had them) called weight and bias. `None` for what no classifier computes with:
/// pretraining heads and position numbers.
fn parameter(name: &str) -> Option<String> {
    let bare = ["bert.", "ernie."]
        .into_iter()
        .find_map(|prefix| name.strip_prefix(prefix))
        .unwrap_or(name);
    let numbers = ["embeddings.position_ids", "embeddings.token_type_ids"];
    if bare.starts_with("cls.") || numbers.contains(&bare) {
        return None;
    }
    Some(if let Some(norm) = bare.strip_suffix("LayerNorm.gamma") {
        format!("{norm}LayerNorm.weight")
    } else if let Some(norm) = bare.strip_suffix("LayerNorm.beta") {
        format!("{norm}LayerNorm.bias")
    } else {
        bare.to_string()
    })
}

/// Little-endian numbers as single precision; `None` for a type that weights do not have.
fn values(dtype: Dtype, bytes: &[u8]) -> Option<Vec<f32>> {
    let (quads, _) = bytes.as_chunks::<4>();
    let (pairs, _) = bytes.as_chunks::<2>();
    Some(match dtype {
        Dtype::F32 => quads.iter().map(|b| f32::from_le_bytes(*b)).collect(),
        Dtype::F16 => pairs
            .iter()
            .map(|b| f16::from_le_bytes(*b).into())
            .collect(),
        Dtype::BF16 => pairs
            .iter()
            .map(|b| bf16::from_le_bytes(*b).into())
            .collect(),
        _ => return None,
    })
}

/// Why a folder without `model.safetensors` cannot be read.
fn without_weights(dir: &Path) -> Error {
    let has = |name: &str| dir.join(name).exists();
    let again = "load it with transformers and call save_pretrained(DIR, max_shard_size=\"16GB\")";
    let why = if has("model.safetensors.index.json") {
        format!("its weights are in shards, one file is needed: {again}")
    } else if has("pytorch_model.bin") {
        format!("its weights are a pickle, which can run programs: {again}")
    } else {
        format!("no {WEIGHTS}")
    };
    Error::rejected(format!("{}: {why}", dir.display()))
}
