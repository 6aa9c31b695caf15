//! The stream that an artifact is read from: counts and hashes every byte, and takes memory only
//! for bytes that have arrived. Of a mapped file another thread has the hash (see `load`).

use std::io::{ErrorKind, Read};

use bytemuck::Pod;

use super::layout::{TRAILER_LEN, trailer};
use crate::error::{Error, Result};

/// Memory taken ahead of the bytes of a stream.
const STEP: usize = 1 << 20;

/// A reader with its position and the running digest of the file.
pub struct ByteStream<R> {
    reader: R,
    /// `None` where somebody else hashes.
    hasher: Option<blake3::Hasher>,
    offset: u64,
}

impl<R: Read> ByteStream<R> {
    /// At byte 0.
    pub fn new(reader: R) -> Self {
        Self {
            reader,
            hasher: Some(blake3::Hasher::new()),
            offset: 0,
        }
    }

    /// At byte 0 of bytes that somebody else hashes.
    pub fn unhashed(reader: R) -> Self {
        Self {
            hasher: None,
            ..Self::new(reader)
        }
    }

    fn hash(&mut self, bytes: &[u8]) {
        if let Some(hasher) = &mut self.hasher {
            hasher.update(bytes);
        }
    }

    /// Bytes read so far.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Fills `buffer` as far as the stream goes; the number of bytes read.
    pub fn fill(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.reader.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(Error::io("reading the artifact", e)),
            }
        }
        self.hash(&buffer[..filled]);
        self.offset += filled as u64;
        Ok(filled)
    }

    fn fill_exactly(&mut self, buffer: &mut [u8], what: &str) -> Result<()> {
        match self.fill(buffer)? {
            n if n == buffer.len() => Ok(()),
            _ => Err(Error::rejected(format!(
                "truncated at byte {}, in {what}",
                self.offset
            ))),
        }
    }

    /// Reads `count` numbers. Memory at most doubles from step to step, so a false `count` costs
    /// no more than the bytes that were really sent.
    pub fn values<T: Pod>(&mut self, count: usize, what: &str) -> Result<Vec<T>> {
        let step = STEP / size_of::<T>();
        let mut values: Vec<T> = Vec::new();
        while values.len() < count {
            let old = values.len();
            let new = count.min(old + step);
            if new > values.capacity() {
                values.reserve_exact(count.min(new.max(2 * old)) - old);
            }
            values.resize(new, T::zeroed());
            self.fill_exactly(bytemuck::cast_slice_mut(&mut values[old..]), what)?;
        }
        Ok(values)
    }

    /// Reads padding up to byte `end`; it must be zero. Never more than a tensor's alignment.
    pub fn padding(&mut self, end: u64) -> Result<()> {
        while self.offset < end {
            let at = self.offset;
            let mut bytes = [0; 64];
            let n = bytes.len().min((end - at) as usize);
            self.fill_exactly(&mut bytes[..n], "padding")?;
            if let Some(i) = bytes.iter().position(|&b| b != 0) {
                let message = format!("byte {} is padding and not zero", at + i as u64);
                return Err(Error::rejected(message));
            }
        }
        Ok(())
    }

    /// Reads the trailer and the end of the stream behind it.
    pub fn end(mut self, file_len: u64) -> Result<()> {
        let hasher = self.hasher.take().unwrap_or_default();
        self.end_with(file_len, hasher.finalize())
    }

    /// The same, where somebody else has hashed all bytes before the trailer.
    pub fn end_with(mut self, file_len: u64, digest: blake3::Hash) -> Result<()> {
        let at = self.offset;
        let expected = trailer(file_len, *digest.as_bytes());
        let mut bytes = [0; TRAILER_LEN];
        self.fill_exactly(&mut bytes, "the trailer")?;
        if bytes[..0x20] != expected[..0x20] {
            return Err(Error::rejected(format!(
                "the trailer at byte {at} is damaged"
            )));
        }
        if bytes != expected {
            let message = format!("damaged: bytes 0 to {at} do not have the trailer's digest");
            return Err(Error::rejected(message));
        }
        match self.fill(&mut [0])? {
            0 => Ok(()),
            _ => Err(Error::rejected(format!(
                "more bytes after the end at byte {file_len}"
            ))),
        }
    }
}

impl<'a> ByteStream<&'a [u8]> {
    /// Passes over `len` bytes of memory without copying them.
    pub fn pass(&mut self, len: usize, what: &str) -> Result<&'a [u8]> {
        let (window, rest) = self.reader.split_at_checked(len).ok_or_else(|| {
            let end = self.offset + self.reader.len() as u64;
            Error::rejected(format!("truncated at byte {end}, in {what}"))
        })?;
        self.reader = rest;
        self.hash(window);
        self.offset += len as u64;
        Ok(window)
    }
}
