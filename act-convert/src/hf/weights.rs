//! `model.safetensors`: tensors under the names of the plan, as single precision.
//!
//! The crate `safetensors` checks the header (offsets that start at 0, no hole, no overlap, lengths
//! that follow from shapes, an end that is the file's); here the file's size is bounded by the
//! model's before it is read, and older spellings of the names become today's.

use std::collections::BTreeMap;
use std::path::Path;

use act_core::artifact::limits;
use act_core::plan::TensorSpec;
use act_core::{Error, Linear, Plan, Result, Tensor};
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
    /// Rejected: a file that is too large for `plan` or damaged, or two tensors that mean the same
    /// parameter.
    pub(super) fn read(dir: &Path, plan: &Plan) -> Result<Self> {
        let path = dir.join(WEIGHTS);
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
        let names = metadata.offset_keys();
        let wrapper = wrapper(&names);
        for name in names {
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
            let Some(parameter) = parameter(&name[wrapper..]) else {
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

    /// Rows of the classification head; `None` for a bare encoder.
    ///
    /// # Errors
    /// Rejected: half a head, or a trained one over no pooler.
    pub(super) fn classes(&self) -> Result<Option<usize>> {
        for part in [Linear::Pooler, Linear::Classifier] {
            let (weight, bias) = (part.weight(), part.bias());
            match (self.entries.get(&weight), self.entries.get(&bias)) {
                (Some(there), None) => return Err(self.missing(&bias, Some(&there.name))),
                (None, Some(there)) => return Err(self.missing(&weight, Some(&there.name))),
                _ => {}
            }
        }
        let Some(head) = self.entries.get(&Linear::Classifier.weight()) else {
            return Ok(None);
        };
        let pooler = Linear::Pooler.weight();
        if !self.entries.contains_key(&pooler) {
            return Err(Error::rejected(format!(
                "the classifier {:?} is trained, and there is no {pooler} under it: a pooler from \
                 chance would make noise of its answers; save the whole model, or an encoder \
                 without classifier",
                head.name
            )));
        }
        Ok(Some(head.shape.first().copied().unwrap_or(0)))
    }

    /// Tensors of pooler and classifier, where there is nothing of the one or the other.
    pub(super) fn missing_head(&self) -> Vec<String> {
        let names = [Linear::Pooler, Linear::Classifier].map(|part| [part.weight(), part.bias()]);
        let absent = |part: &[String; 2]| part.iter().all(|name| !self.entries.contains_key(name));
        names.into_iter().filter(absent).flatten().collect()
    }

    /// Takes a parameter out, as single precision.
    ///
    /// # Errors
    /// Rejected: missing, of another shape or type, or numbers that are not finite.
    pub(super) fn take(&mut self, spec: &TensorSpec) -> Result<Tensor> {
        let Some(entry) = self.entries.remove(&spec.name) else {
            return Err(self.missing(&spec.name, None));
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

    /// The name of some tensor in the file.
    pub(super) fn a_name(&self) -> &str {
        self.entries.values().next().map_or("", |entry| &entry.name)
    }

    /// That a parameter is not there, beside a name that is: of a tensor that may be meant, or any.
    fn missing(&self, parameter: &str, there: Option<&str>) -> Error {
        let meant = |entry: &&Entry| entry.name.ends_with(parameter);
        let mut entries = self.entries.values();
        let found = entries.clone().find(meant).or_else(|| entries.next());
        Error::rejected(match there.or(found.map(|entry| &entry.name[..])) {
            Some(name) => format!("tensor {parameter} is missing; {name:?} is there"),
            None => format!("tensor {parameter} is missing, as all others"),
        })
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

/// What programs put before the name of every tensor when they wrap a model: distributed training,
/// compilation, training frameworks.
const WRAPPERS: [&str; 4] = ["module.", "_orig_mod.", "model.", "_forward_module."];

/// Bytes of the wrappers that all names have in common.
fn wrapper(names: &[String]) -> usize {
    let Some(first) = names.first() else {
        return 0;
    };
    let mut len = 0;
    while let Some(next) = WRAPPERS.iter().find(|w| first[len..].starts_with(**w)) {
        len += next.len();
        if names.iter().any(|name| !name.starts_with(&first[..len])) {
            return len - next.len();
        }
    }
    len
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
