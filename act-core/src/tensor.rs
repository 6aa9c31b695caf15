//! Tensors as they are stored: a type, a shape, and the numbers, owned or mapped from a file.

use std::ops::Deref;
use std::sync::Arc;

use bytemuck::Pod;
use memmap2::Mmap;

use crate::error::{Error, Result};

#[cfg(target_endian = "big")]
compile_error!("artifacts are little-endian and are mapped without conversion");

/// Element type of a stored tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DType {
    /// IEEE single precision.
    F32,
    /// IEEE half precision, as bits.
    F16,
    /// Signed byte.
    I8,
    /// Signed, four bits: -8 to 7.
    I4,
    /// Unsigned, four bits: 0 to 15.
    U4,
}

impl DType {
    /// Bits of one element.
    pub fn bits(self) -> usize {
        match self {
            DType::F32 => 32,
            DType::F16 => 16,
            DType::I8 => 8,
            DType::I4 | DType::U4 => 4,
        }
    }

    /// Bytes of a tensor: every row, along the last dimension, starts a byte. `None` if they are too
    /// many to count.
    pub fn bytes(self, shape: &[usize]) -> Option<usize> {
        let (&columns, rows) = shape.split_last()?;
        let row = columns.checked_mul(self.bits())?.div_ceil(8);
        rows.iter().try_fold(row, |bytes, &d| bytes.checked_mul(d))
    }

    /// The name used in listings.
    pub fn name(self) -> &'static str {
        match self {
            DType::F32 => "f32",
            DType::F16 => "f16",
            DType::I8 => "i8",
            DType::I4 => "i4",
            DType::U4 => "u4",
        }
    }
}

/// Numbers in memory or in a window of a mapped file. They are shared: a clone copies none of them.
#[derive(Clone)]
pub struct Buffer<T>(Storage<T>);

#[derive(Clone)]
enum Storage<T> {
    Owned(Arc<Vec<T>>),
    Mapped {
        map: Arc<Mmap>,
        offset: usize,
        bytes: usize,
    },
}

impl<T: Pod> Buffer<T> {
    /// A window of a mapped file; it must lie inside the map, be aligned for `T` and hold a whole
    /// number of elements.
    pub fn mapped(map: Arc<Mmap>, offset: usize, bytes: usize) -> Result<Self> {
        let window = offset
            .checked_add(bytes)
            .and_then(|end| map.get(offset..end))
            .ok_or_else(|| Error::rejected("a tensor lies outside its file"))?;
        bytemuck::try_cast_slice::<u8, T>(window)
            .map_err(|e| Error::rejected(format!("a tensor is misplaced in its file: {e}")))?;
        Ok(Self(Storage::Mapped { map, offset, bytes }))
    }

    /// The numbers, owned; copies only what is mapped or in use elsewhere.
    pub fn into_vec(self) -> Vec<T> {
        match self.0 {
            Storage::Owned(v) => Arc::try_unwrap(v).unwrap_or_else(|shared| shared.to_vec()),
            Storage::Mapped { .. } => self.to_vec(),
        }
    }
}

impl<T> From<Vec<T>> for Buffer<T> {
    fn from(v: Vec<T>) -> Self {
        Self(Storage::Owned(Arc::new(v)))
    }
}

impl<T: Pod> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match &self.0 {
            Storage::Owned(v) => v,
            // `mapped` has checked bounds, alignment and length.
            Storage::Mapped { map, offset, bytes } => {
                bytemuck::cast_slice(&map[*offset..*offset + *bytes])
            }
        }
    }
}

/// The numbers of a tensor, by type.
#[derive(Clone)]
pub enum TensorData {
    /// Single precision.
    F32(Buffer<f32>),
    /// Half precision, as bits.
    F16(Buffer<u16>),
    /// Signed bytes.
    I8(Buffer<i8>),
    /// Signed numbers of four bits, two a byte, the first one in the lower half; of a row of odd
    /// length the last byte has an upper half of zero.
    I4(Buffer<u8>),
    /// Unsigned numbers of four bits, likewise.
    U4(Buffer<u8>),
}

impl TensorData {
    /// Element type.
    pub fn dtype(&self) -> DType {
        match self {
            Self::F32(_) => DType::F32,
            Self::F16(_) => DType::F16,
            Self::I8(_) => DType::I8,
            Self::I4(_) => DType::I4,
            Self::U4(_) => DType::U4,
        }
    }

    /// The numbers as the bytes that a file holds.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::F32(b) => bytemuck::cast_slice(b),
            Self::F16(b) => bytemuck::cast_slice(b),
            Self::I8(b) => bytemuck::cast_slice(b),
            Self::I4(b) | Self::U4(b) => b,
        }
    }
}

/// A stored tensor, row-major. A clone shares its numbers.
#[derive(Clone)]
pub struct Tensor {
    shape: Vec<usize>,
    data: TensorData,
}

impl Tensor {
    /// A single-precision tensor; panics if `data` does not fill `shape` (a caller's bug).
    pub fn f32(shape: impl Into<Vec<usize>>, data: impl Into<Buffer<f32>>) -> Self {
        Self::new(shape.into(), TensorData::F32(data.into()))
    }

    /// A signed-byte tensor; panics if `data` does not fill `shape` (a caller's bug).
    pub fn i8(shape: impl Into<Vec<usize>>, data: impl Into<Buffer<i8>>) -> Self {
        Self::new(shape.into(), TensorData::I8(data.into()))
    }

    /// A tensor of any type; panics if `data` does not fill `shape` (a caller's bug).
    pub fn new(shape: Vec<usize>, data: TensorData) -> Self {
        assert_eq!(
            data.dtype().bytes(&shape),
            Some(data.bytes().len()),
            "tensor data does not fill {shape:?}"
        );
        Self { shape, data }
    }

    /// Dimensions, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The numbers.
    pub fn data(&self) -> &TensorData {
        &self.data
    }

    /// The numbers, by value.
    pub fn into_data(self) -> TensorData {
        self.data
    }

    /// Element type.
    pub fn dtype(&self) -> DType {
        self.data.dtype()
    }

    /// The numbers as the bytes that a file holds.
    pub fn bytes(&self) -> &[u8] {
        self.data.bytes()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn map(bytes: &[u8]) -> Arc<Mmap> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        // SAFETY: nobody else knows the file, which has no name.
        Arc::new(unsafe { Mmap::map(&file) }.unwrap())
    }

    #[test]
    fn windows_of_a_map_are_numbers() {
        let numbers = [1.5f32, -2.0, 3.25, 0.0];
        let map = map(bytemuck::cast_slice(&numbers));
        let window = Buffer::<f32>::mapped(map.clone(), 4, 8).unwrap();
        assert_eq!(window[..], numbers[1..3]);
        assert_eq!(window.clone().into_vec(), numbers[1..3]);
        let tensor = Tensor::f32([2, 1], window);
        assert_eq!(tensor.bytes(), &map[4..12]);
        assert_eq!((tensor.dtype(), tensor.shape()), (DType::F32, &[2, 1][..]));
        assert!(Buffer::<f32>::mapped(map, 16, 0).unwrap().is_empty());
    }

    #[test]
    fn clones_share_their_numbers_and_the_last_one_gives_them_away() {
        let tensor = Tensor::f32([2], vec![1.0, 2.0]);
        let numbers = tensor.bytes().as_ptr();
        let clone = tensor.clone();
        assert_eq!(clone.bytes().as_ptr(), numbers);
        let vec = |tensor: Tensor| match tensor.into_data() {
            TensorData::F32(buffer) => buffer.into_vec(),
            _ => unreachable!("made of floats above"),
        };
        let (copied, kept) = (vec(clone), vec(tensor));
        assert_ne!(copied.as_ptr().cast(), numbers);
        assert_eq!(kept.as_ptr().cast(), numbers);
    }

    #[test]
    fn windows_that_do_not_fit_are_refused() {
        let map = map(&[0; 16]);
        let places = [(0, 17), (16, 4), (20, 0), (usize::MAX, 2), (1, 4), (0, 6)];
        for (offset, bytes) in places {
            assert!(
                Buffer::<f32>::mapped(map.clone(), offset, bytes).is_err(),
                "{offset} {bytes}"
            );
        }
        assert!(Buffer::<i8>::mapped(map, 1, 15).is_ok());
    }

    #[test]
    #[should_panic(expected = "does not fill [2, 3]")]
    fn a_shape_must_be_filled() {
        Tensor::f32([2, 3], vec![0.0; 5]);
    }

    #[test]
    fn bytes_are_little_endian() {
        assert_eq!(Tensor::f32([1], vec![1.0]).bytes(), [0, 0, 0x80, 0x3f]);
        assert_eq!(Tensor::i8([2], vec![-1, 1]).bytes(), [0xff, 1]);
        let half = Tensor::new(vec![1], TensorData::F16(vec![0x3c00].into()));
        assert_eq!((half.dtype(), half.bytes()), (DType::F16, &[0, 0x3c][..]));
    }

    #[test]
    fn rows_of_four_bits_start_bytes() {
        assert_eq!(DType::I4.bytes(&[3, 5]), Some(9));
        assert_eq!(DType::U4.bytes(&[3, 4]), Some(6));
        assert_eq!(DType::F32.bytes(&[3, 5]), Some(60));
        assert_eq!(DType::F32.bytes(&[usize::MAX, 5]), None);
        let tensor = Tensor::new(vec![2, 3], TensorData::I4(vec![0x21, 0x0f, 0, 0x07].into()));
        assert_eq!((tensor.dtype(), tensor.bytes().len()), (DType::I4, 4));
    }
}
