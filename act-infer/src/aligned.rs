//! A vector whose numbers begin on a cache line, so that wide loads never straddle two.
//!
//! Alignment is for speed only: nothing may be unsound or wrong without it.

use std::ops::{Deref, DerefMut};

const CACHE_LINE: usize = 64;

/// Numbers that begin on a cache line.
pub(crate) struct Aligned<T> {
    storage: Vec<T>,
    start: usize,
    len: usize,
}

impl<T: Copy + Default> Aligned<T> {
    /// `len` zeros.
    pub fn zeroed(len: usize) -> Self {
        let spare = CACHE_LINE / size_of::<T>().max(1);
        let storage = vec![T::default(); len + spare];
        let start = storage.as_ptr().align_offset(CACHE_LINE).min(spare);
        Self {
            storage,
            start,
            len,
        }
    }

    /// Makes room for exactly `len` numbers; what they are is unspecified. Memory only grows.
    pub fn resize(&mut self, len: usize) {
        if self.start + len <= self.storage.len() {
            self.len = len;
        } else {
            *self = Self::zeroed(len);
        }
    }
}

impl<T> Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.storage[self.start..self.start + self.len]
    }
}

impl<T> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.storage[self.start..self.start + self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn begins_on_a_cache_line_at_any_length() {
        let mut values = Aligned::<f32>::zeroed(0);
        for len in [0, 1, 15, 16, 17, 1000, 3, 5000] {
            values.resize(len);
            assert_eq!(values.len(), len);
            assert_eq!(values.as_ptr() as usize % CACHE_LINE, 0);
            values.fill(1.0);
        }
    }
}
