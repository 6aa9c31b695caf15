//! The parameter stream `.pdiparams`: tensors one after the other, without names or a table of
//! contents. The program says which there are; the stream must hold exactly those, and end.

use std::collections::BTreeMap;

use act_core::{Error, Result};
use half::{bf16, f16};
use prost::Message;

use super::proto::{TensorDesc, data_type};

/// Most levels of detail of a tensor; parameters have none.
const MAX_LEVELS: u64 = 8;
/// Longest encoded [`TensorDesc`].
const MAX_DESC: usize = 256;
/// Most dimensions.
const MAX_RANK: usize = 8;

/// Tensors by name; the numbers stay in the stream's bytes.
#[derive(Debug)]
pub struct ParamStream<'a>(BTreeMap<String, Stored<'a>>);

/// A tensor in the stream.
#[derive(Debug)]
struct Stored<'a> {
    data_type: i32,
    dims: Vec<usize>,
    bytes: &'a [u8],
}

impl<'a> ParamStream<'a> {
    /// Finds the tensors that a program declares; both are in the order of their names. Shapes are
    /// the stream's: those of a program that was pruned after it was traced may be stale.
    ///
    /// # Errors
    /// Rejected: a length that the bytes do not have, an unknown type, bytes left over.
    pub fn read(bytes: &'a [u8], declared: &BTreeMap<String, TensorDesc>) -> Result<Self> {
        let mut cursor = Cursor { bytes, offset: 0 };
        let mut tensors = BTreeMap::new();
        for name in declared.keys() {
            let start = cursor.offset;
            let tensor = cursor.tensor().map_err(|e| {
                e.context(format!(
                    "parameter {name:?} at byte {start} of the parameters"
                ))
            })?;
            tensors.insert(name.clone(), tensor);
        }
        match bytes.len() - cursor.offset {
            0 => Ok(Self(tensors)),
            left => Err(Error::rejected(format!(
                "{left} bytes follow the last parameter: these parameters belong to another program"
            ))),
        }
    }

    /// The dimensions of a tensor of floats.
    pub fn dims(&self, name: &str) -> Result<&[usize]> {
        Ok(&self.floats(name)?.dims)
    }

    /// The numbers of a tensor of floats, in single precision.
    pub fn values(&self, name: &str) -> Result<Vec<f32>> {
        let stored = self.floats(name)?;
        let pairs = || stored.bytes.as_chunks::<2>().0.iter();
        let words = stored.bytes.as_chunks::<4>().0.iter();
        Ok(match stored.data_type {
            data_type::FP16 => pairs().map(|w| f16::from_le_bytes(*w).into()).collect(),
            data_type::BF16 => pairs().map(|w| bf16::from_le_bytes(*w).into()).collect(),
            _ => words.map(|w| f32::from_le_bytes(*w)).collect(),
        })
    }

    /// True if some tensor is in half precision.
    pub fn has_halves(&self) -> bool {
        let halves = [data_type::FP16, data_type::BF16];
        self.0.values().any(|t| halves.contains(&t.data_type))
    }

    fn floats(&self, name: &str) -> Result<&Stored<'a>> {
        let stored = self
            .0
            .get(name)
            .ok_or_else(|| Error::rejected(format!("there is no parameter {name:?}")))?;
        match stored.data_type {
            data_type::FP32 | data_type::FP16 | data_type::BF16 => Ok(stored),
            data_type::INT8 => Err(Error::rejected(format!(
                "parameter {name:?} is int8: import the float model and quantise it with act-quant"
            ))),
            other => Err(Error::rejected(format!(
                "parameter {name:?} has element type {other}; float32 (5), float16 (4) or bfloat16 (22) was expected"
            ))),
        }
    }
}

/// Bytes with a place in them.
struct Cursor<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, len: u64) -> Result<&'a [u8]> {
        let rest = &self.bytes[self.offset..];
        let taken = usize::try_from(len).ok().and_then(|len| rest.get(..len));
        let taken = taken.ok_or_else(|| {
            let left = rest.len();
            Error::rejected(format!("{len} bytes are needed and {left} are left"))
        })?;
        self.offset += taken.len();
        Ok(taken)
    }

    fn u32(&mut self) -> Result<u32> {
        let mut word = [0; 4];
        word.copy_from_slice(self.take(4)?);
        Ok(u32::from_le_bytes(word))
    }

    fn u64(&mut self) -> Result<u64> {
        let mut word = [0; 8];
        word.copy_from_slice(self.take(8)?);
        Ok(u64::from_le_bytes(word))
    }

    fn version(&mut self) -> Result<()> {
        match self.u32()? {
            0 => Ok(()),
            version => Err(Error::rejected(format!(
                "tensor version {version}; 0 is known"
            ))),
        }
    }

    fn tensor(&mut self) -> Result<Stored<'a>> {
        self.version()?;
        let levels = self.u64()?;
        if levels > MAX_LEVELS {
            return Err(Error::rejected(format!("{levels} levels of detail")));
        }
        for _ in 0..levels {
            let len = self.u64()?;
            self.take(len)?;
        }
        self.version()?;
        let len = self.u32()?;
        if len as usize > MAX_DESC {
            return Err(Error::rejected(format!("a description of {len} bytes")));
        }
        let desc = TensorDesc::decode(self.take(len.into())?)
            .map_err(|e| Error::rejected(format!("its description is damaged: {e}")))?;
        let (dims, len) = extent(&desc)?;
        Ok(Stored {
            data_type: desc.data_type,
            dims,
            bytes: self.take(len)?,
        })
    }
}

/// Dimensions and length in bytes.
fn extent(desc: &TensorDesc) -> Result<(Vec<usize>, u64)> {
    let size: u64 = match desc.data_type {
        0 | 20 | data_type::INT8 => 1,
        1 | data_type::FP16 | data_type::BF16 => 2,
        2 | data_type::FP32 => 4,
        data_type::INT64 | data_type::FP64 | 23 => 8,
        24 => 16,
        other => {
            return Err(Error::rejected(format!(
                "element type {other} is not known"
            )));
        }
    };
    let shape = || Error::rejected(format!("shape {:?} is out of bounds", desc.dims));
    if desc.dims.len() > MAX_RANK {
        return Err(shape());
    }
    let dims: Option<Vec<usize>> = desc.dims.iter().map(|&d| usize::try_from(d).ok()).collect();
    let dims = dims.ok_or_else(shape)?;
    // A factor of 0 would hide what the others are.
    let product = |len: u64, &d: &usize| len.checked_mul(d as u64).filter(|&len| len > 0);
    let len = dims.iter().try_fold(size, product).ok_or_else(shape)?;
    Ok((dims, len))
}
