//! The tensor directory: name, type, shape, place and digest of every tensor in DATA.
//!
//! Places are redundant on purpose: they follow from the shapes, the shapes from the plan, and a
//! file that lies in one of the three is caught by the others.

use super::layout::{SECTION_ALIGN, TENSOR_ALIGN, align_up};
use super::limits;
use super::wire::codes::Coded;
use super::wire::v1;
use crate::error::{Error, Result};
use crate::plan::TensorSpec;
use crate::provenance::Digest;

/// One tensor of the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorEntry {
    /// Name, type and shape.
    pub spec: TensorSpec,
    /// First byte, counted from the start of DATA; a multiple of 64.
    pub offset: u64,
    /// Number of bytes.
    pub len: u64,
    /// BLAKE3 of the bytes.
    pub digest: Digest,
}

/// Lays tensors out one after the other. The digests are still zero.
pub fn lay_out(specs: Vec<TensorSpec>) -> Result<Vec<TensorEntry>> {
    let mut end = 0;
    specs
        .into_iter()
        .map(|spec| {
            let offset = align_up(end, TENSOR_ALIGN);
            let len = byte_len(&spec)?;
            end = offset + len;
            Ok(TensorEntry {
                spec,
                offset,
                len,
                digest: Digest([0; 32]),
            })
        })
        .collect()
}

/// Bytes of the whole DATA section.
pub fn data_len(entries: &[TensorEntry]) -> u64 {
    align_up(
        entries.last().map_or(0, |e| e.offset + e.len),
        SECTION_ALIGN,
    )
}

/// Bytes of one tensor, if it has a number of dimensions and dimensions that tensors have.
fn byte_len(spec: &TensorSpec) -> Result<u64> {
    let TensorSpec { name, dtype, shape } = spec;
    let rank = shape.len();
    if !(1..=limits::RANK).contains(&rank) {
        return Err(Error::rejected(format!(
            "tensor {name} has {rank} dimensions"
        )));
    }
    let fits = |dimension: &usize| (1..=limits::DIMENSION).contains(dimension);
    (shape.iter().all(fits).then(|| dtype.bytes(shape)).flatten())
        .map(|len| len as u64)
        .filter(|&len| len <= limits::FILE_LEN)
        .ok_or_else(|| Error::rejected(format!("tensor {name}: {shape:?} is no tensor's shape")))
}

/// The entries as the file holds them.
pub fn to_wire(entries: &[TensorEntry]) -> Result<Vec<v1::Entry>> {
    let entry = |entry: &TensorEntry| {
        Ok(v1::Entry {
            name: entry.spec.name.clone(),
            dtype: entry.spec.dtype.code(),
            dims: entry
                .spec
                .shape
                .iter()
                .map(|&d| v1::narrow(d))
                .collect::<Result<_>>()?,
            offset: entry.offset,
            len: entry.len,
            digest: entry.digest.0,
        })
    };
    entries.iter().map(entry).collect()
}

/// Checks a file's entries by themselves: names, shapes, lengths, places with neither hole nor
/// overlap up to exactly `data_len`.
pub fn from_wire(wire: Vec<v1::Entry>, data_len: u64) -> Result<Vec<TensorEntry>> {
    let mut entries: Vec<TensorEntry> = Vec::new();
    let mut end = 0;
    for (number, entry) in wire.into_iter().enumerate() {
        check_name(&entry.name).map_err(|e| e.context(format!("tensor {number}")))?;
        let name = &entry.name;
        let spec = TensorSpec {
            dtype: Coded::from_code(entry.dtype).map_err(|e: Error| e.context(name))?,
            shape: entry.dims.iter().map(|&d| d as usize).collect(),
            name: entry.name,
        };
        let (len, offset) = (byte_len(&spec)?, align_up(end, TENSOR_ALIGN));
        if (entry.len, entry.offset) != (len, offset) {
            return Err(Error::rejected(format!(
                "tensor {}: {} bytes at {}, its shape and place need {len} bytes at {offset}",
                spec.name, entry.len, entry.offset
            )));
        }
        end = offset + len;
        if end > data_len {
            return Err(Error::rejected(format!(
                "tensor {} ends at byte {end} of {data_len} bytes of tensors",
                spec.name
            )));
        }
        entries.push(TensorEntry {
            spec,
            offset,
            len,
            digest: Digest(entry.digest),
        });
    }
    if align_up(end, SECTION_ALIGN) != data_len {
        return Err(Error::rejected(format!(
            "tensors end at byte {end} of {data_len} bytes"
        )));
    }
    Ok(entries)
}

/// Names are printed: one plain alphabet. That they are unique follows from [`check_plan`].
fn check_name(name: &str) -> Result<()> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'.';
    if !(1..=limits::NAME).contains(&name.len()) || !name.bytes().all(plain) {
        let start: String = name.chars().take(limits::NAME).collect();
        return Err(Error::rejected(format!("{start:?} is no tensor's name")));
    }
    Ok(())
}

/// The directory must be exactly the plan's list, name by name, type by type, shape by shape.
pub fn check_plan(entries: &[TensorEntry], expected: &[TensorSpec]) -> Result<()> {
    for (entry, wanted) in entries.iter().zip(expected) {
        if entry.spec != *wanted {
            let (got, wanted) = (describe(&entry.spec), describe(wanted));
            return Err(Error::rejected(format!(
                "tensor {got}: the plan needs {wanted} here"
            )));
        }
    }
    if entries.len() != expected.len() {
        let (got, wanted) = (entries.len(), expected.len());
        return Err(Error::rejected(format!(
            "{got} tensors, the plan needs {wanted}"
        )));
    }
    Ok(())
}

/// `encoder.layer.0.output.dense.weight f32 [8, 12]`
pub fn describe(spec: &TensorSpec) -> String {
    format!("{} {} {:?}", spec.name, spec.dtype.name(), spec.shape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::DType;

    fn spec(name: &str, dtype: DType, shape: &[usize]) -> TensorSpec {
        TensorSpec {
            name: name.into(),
            dtype,
            shape: shape.into(),
        }
    }

    fn entries() -> Vec<TensorEntry> {
        let specs = [spec("a", DType::I8, &[3, 5]), spec("b", DType::F32, &[17])];
        lay_out(specs.into()).unwrap()
    }

    #[test]
    fn tensors_lie_at_multiples_of_64() {
        let entries = entries();
        assert_eq!((entries[0].offset, entries[0].len), (0, 15));
        assert_eq!((entries[1].offset, entries[1].len), (64, 68));
        assert_eq!(data_len(&entries), 144);
        assert_eq!(from_wire(to_wire(&entries).unwrap(), 144).unwrap(), entries);
    }

    type Damage = fn(&mut v1::Entry);

    #[test]
    fn lies_are_refused() {
        let cases: [(Damage, &str); 9] = [
            (|e| e.offset += 64, "need 68 bytes at 64"),
            (|e| e.offset = 0, "need 68 bytes at 64"),
            (|e| e.len = u64::MAX, "need 68 bytes at 64"),
            (|e| e.dims = vec![], "b has 0 dimensions"),
            (|e| e.dims = vec![0], "no tensor's shape"),
            (|e| e.dims = vec![1 << 24; 4], "no tensor's shape"),
            (|e| e.dims = vec![18], "need 72 bytes"),
            (|e| e.dtype = 9, "b: element type 9"),
            (|e| e.name = "\u{1b}[31m".into(), "no tensor's name"),
        ];
        for (damage, message) in cases {
            let mut wire = to_wire(&entries()).unwrap();
            damage(&mut wire[1]);
            let error = from_wire(wire, 144).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
        for data_len in [0, 128, 160, u64::MAX] {
            assert!(from_wire(to_wire(&entries()).unwrap(), data_len).is_err());
        }
    }

    #[test]
    fn the_plan_decides() {
        let good = entries();
        let expected: Vec<TensorSpec> = good.iter().map(|e| e.spec.clone()).collect();
        assert!(check_plan(&good, &expected).is_ok());
        assert!(check_plan(&good[..1], &expected).is_err());
        assert!(check_plan(&good, &expected[..1]).is_err());
        let mut other = expected.clone();
        other[1].dtype = DType::F16;
        assert!(check_plan(&good, &other).is_err());
    }
}
