//! `model.safetensors` or its shards: a plan's tensors, as single precision.
//!
//! The crate `safetensors` checks the header (offsets that start at 0, no hole, no overlap, lengths
//! that follow from shapes, an end that is the file's); here the file's size is bounded by the
//! model's before it is read, and older spellings of the names become today's.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::path::Path;

use act_core::artifact::limits;
use act_core::plan::{Pooling, TensorSpec};
use act_core::quant::QuantSpec;
use act_core::tensor::TensorData;
use act_core::{Error, Linear, Plan, Result, Tensor};
use half::{bf16, f16};
use safetensors::{Dtype, SafeTensors};
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

use super::config::Described;
use super::family::FamilyTable;
use super::files::WEIGHTS;
use super::shards;

/// Longest header: 48 layers have fewer than 800 tensors of some 150 bytes each.
const HEADER: u64 = 1 << 20;

/// The tensors of some files, not converted yet.
pub(super) struct Weights {
    described: Described,
    files: Vec<Vec<u8>>,
    /// By their family's name, without what stands before all of them.
    entries: BTreeMap<String, Entry>,
}

/// One tensor in a file.
struct Entry {
    /// Its name there.
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    /// Which file, and from the first to after the last of its bytes there.
    file: usize,
    range: Range<usize>,
    /// What was made of it.
    taken: Option<Tensor>,
}

/// Refuses a header that says one name twice: of two tensors the crate would keep the last.
fn check_names(header: &[u8]) -> Result<()> {
    serde_json::from_slice::<Names>(header)
        .map(drop)
        .map_err(|e| Error::rejected(format!("not a whole safetensors file: {e}")))
}

/// The names of a header, each once.
struct Names;

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(header: D) -> Result<Self, D::Error> {
        header.deserialize_map(Names)
    }
}

impl<'de> Visitor<'de> for Names {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self, A::Error> {
        let mut names = BTreeSet::new();
        while let Some((name, _)) = entries.next_entry::<String, IgnoredAny>()? {
            if let Some(name) = names.replace(name) {
                return Err(A::Error::custom(format!("{name:?} is there twice")));
            }
        }
        Ok(self)
    }
}

impl Weights {
    /// Reads the files of a folder.
    ///
    /// # Errors
    /// Rejected: files that are too large for the plan or damaged, or two tensors that mean the same
    /// parameter.
    pub(super) fn read(dir: &Path, described: &Described) -> Result<Self> {
        // Pretraining heads that are left aside hold at most another word table or so.
        let most = 2 * 4 * described.plan.parameters() as u64 + HEADER;
        let mut weights = Self {
            described: described.clone(),
            files: Vec::new(),
            entries: BTreeMap::new(),
        };
        for bytes in shards::read(dir, most)? {
            let added = weights.add(bytes);
            added.map_err(|e| e.context(dir.join(WEIGHTS).display()))?;
        }
        Ok(weights)
    }

    fn add(&mut self, bytes: Vec<u8>) -> Result<()> {
        let header = bytes.first_chunk().map(|len| u64::from_le_bytes(*len));
        if let Some(len) = header.filter(|&len| len > HEADER) {
            return Err(Error::rejected(format!(
                "the header has {len} bytes: at most {HEADER} are allowed"
            )));
        }
        let damaged = |e| Error::rejected(format!("not a whole safetensors file: {e}"));
        let (header, metadata) = SafeTensors::read_metadata(&bytes).map_err(damaged)?;
        check_names(&bytes[8..8 + header])?;
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
            let Some(parameter) = parameter(&name[wrapper..], self.described.table) else {
                continue;
            };
            let (start, end) = info.data_offsets;
            let entry = Entry {
                name,
                dtype: info.dtype,
                shape: info.shape.clone(),
                file: self.files.len(),
                range: 8 + header + start..8 + header + end,
                taken: None,
            };
            if let Some(other) = self.entries.insert(parameter, entry) {
                return Err(Error::rejected(format!(
                    "tensor {:?} is there twice, under two spellings",
                    other.name
                )));
            }
        }
        self.files.push(bytes);
        Ok(())
    }

    /// Their name of the tensor that the plan calls `ours`.
    pub(super) fn name(&self, ours: &str) -> String {
        self.described.table.tensor(ours, self.described.repeats)
    }

    fn get(&self, ours: &str) -> Option<&Entry> {
        self.entries.get(&self.name(ours))
    }

    /// Rows of the classification head; `None` for a bare encoder.
    ///
    /// # Errors
    /// Rejected: half a head, or a trained one over no pooler.
    pub(super) fn classes(&self) -> Result<Option<usize>> {
        for part in self.head() {
            let (Some(weight), Some(bias)) = (part.first(), part.last()) else {
                continue;
            };
            match (self.get(weight), self.get(bias)) {
                (Some(there), None) => return Err(self.missing(bias, Some(&there.name))),
                (None, Some(there)) => return Err(self.missing(weight, Some(&there.name))),
                _ => {}
            }
        }
        let Some(head) = self.get(&Linear::Classifier.weight()) else {
            return Ok(None);
        };
        let pooler = Linear::Pooler.weight();
        if self.get(&pooler).is_none() {
            return Err(Error::rejected(format!(
                "the classifier {:?} is trained, and there is no {} under it: a layer from \
                 chance would make noise of its answers; save the whole model, or an encoder \
                 without classifier",
                head.name,
                self.name(&pooler)
            )));
        }
        Ok(Some(head.shape.first().copied().unwrap_or(0)))
    }

    /// The plan that the tensors are of.
    pub(super) fn plan(&self) -> &Plan {
        &self.described.plan
    }

    /// Makes the classifier to come read the mean over the tokens; a dense layer before it stays where the
    /// family's classifiers have one over a mean, else it is left out with its tensors.
    pub(super) fn read_means(&mut self) {
        self.described.plan.head.pooling = Pooling::Mean;
        if self.described.table.modern.is_some() {
            return;
        }
        for name in self.of("pooler.") {
            let theirs = self.name(&name);
            self.entries.remove(&theirs);
        }
        self.described.plan.head.dense = None;
    }

    /// Tensors of pooler and classifier, where there is nothing of the one or the other.
    pub(super) fn missing_head(&self) -> Vec<String> {
        let absent = |part: &Vec<String>| part.iter().all(|name| self.get(name).is_none());
        self.head().into_iter().filter(absent).flatten().collect()
    }

    /// The tensors of the head's dense layer with its norm, and those of the classifier.
    fn head(&self) -> [Vec<String>; 2] {
        [self.of("pooler."), self.of("classifier.")]
    }

    /// The plan's tensors of a module.
    fn of(&self, module: &str) -> Vec<String> {
        let specs = self.described.plan.expected_tensors(&QuantSpec::default());
        let names = specs.into_iter().map(|spec| spec.name);
        names.filter(|name| name.starts_with(module)).collect()
    }

    /// Takes a parameter, as single precision; layers that are repeated share their numbers.
    ///
    /// # Errors
    /// Rejected: missing, of another shape or type, or numbers that are not finite.
    pub(super) fn take(&mut self, spec: &TensorSpec) -> Result<Tensor> {
        let theirs = self.name(&spec.name);
        let (part, parts) = self.described.table.part(&spec.name);
        let Some(entry) = self.entries.get_mut(&theirs) else {
            return Err(self.missing(&spec.name, None));
        };
        let mut shape = spec.shape.clone();
        if let Some(rows) = shape.first_mut() {
            *rows *= parts;
        }
        let own = |whole: &Tensor| match whole.data() {
            TensorData::F32(values) if parts > 1 => {
                let len = values.len() / parts;
                Tensor::f32(spec.shape.clone(), values[part * len..][..len].to_vec())
            }
            _ => whole.clone(),
        };
        if let Some(tensor) = &entry.taken {
            return Ok(own(tensor));
        }
        let (name, dtype) = (&entry.name, entry.dtype);
        if entry.shape != shape {
            return Err(Error::rejected(format!(
                "tensor {name:?} is {:?}, by config.json it is {shape:?}",
                entry.shape
            )));
        }
        // The header was checked against the file's length.
        let bytes = &self.files[entry.file][entry.range.clone()];
        let values = values(dtype, bytes).ok_or_else(|| {
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
        let tensor = Tensor::f32(shape, values);
        entry.taken = Some(tensor.clone());
        Ok(own(&tensor))
    }

    /// The name of some tensor in the file.
    pub(super) fn a_name(&self) -> &str {
        self.entries.values().next().map_or("", |entry| &entry.name)
    }

    /// That a parameter is not there, beside a name that is: of a tensor that may be meant, or any.
    fn missing(&self, ours: &str, there: Option<&str>) -> Error {
        let parameter = &self.name(ours);
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
        let left = || self.entries.values().filter(|entry| entry.taken.is_none());
        match left().next() {
            None => Ok(()),
            Some(Entry { name, .. }) => Err(Error::rejected(format!(
                "{} tensors too many for config.json, among them {name:?}",
                left().count()
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

/// A tensor's name without its model's prefix, gamma and beta (as TensorFlow's checkpoints had them)
/// called weight and bias. `None` for what no classifier computes with: pretraining heads and
/// position numbers.
fn parameter(name: &str, table: &FamilyTable) -> Option<String> {
    let mut prefixes = table.prefixes.iter();
    let bare = prefixes
        .find_map(|prefix| name.strip_prefix(prefix))
        .unwrap_or(name);
    let numbers = ["embeddings.position_ids", "embeddings.token_type_ids"];
    let left_out = table.left_out.iter().any(|start| bare.starts_with(start));
    if left_out || numbers.contains(&bare) {
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
