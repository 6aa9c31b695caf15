//! A code and what comes with it.

use bincode::{Decode, Encode};

use crate::artifact::wire::codes::unknown;
use crate::artifact::wire::v1::narrow;
use crate::error::{Error, Result};

/// Something that a code names, with its sizes and numbers.
#[derive(Encode, Decode)]
pub struct Choice {
    code: u16,
    sizes: Vec<u32>,
    numbers: Vec<f32>,
}

impl Choice {
    pub fn new(code: u16, sizes: &[usize], numbers: &[f32]) -> Result<Self> {
        Ok(Self {
            code,
            sizes: sizes.iter().map(|&n| narrow(n)).collect::<Result<_>>()?,
            numbers: numbers.to_vec(),
        })
    }

    /// Its code, and what comes with it.
    pub fn open(&self) -> (u16, &[u32], &[f32]) {
        (self.code, &self.sizes, &self.numbers)
    }

    /// Why it was not taken, where the codes up to `last` are known.
    pub fn refuse(&self, what: &str, last: u16) -> Error {
        if !(1..=last).contains(&self.code) {
            return unknown(what, self.code);
        }
        let (code, sizes, numbers) = (self.code, self.sizes.len(), self.numbers.len());
        Error::rejected(format!(
            "{what} {code} with {sizes} sizes and {numbers} numbers"
        ))
    }
}
