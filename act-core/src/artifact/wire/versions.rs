//! Which schema a content is written in: the lowest that can carry it, so that it has one
//! spelling.

use super::codec::{Wire, decode, encode};
use super::{v1, v2};
use crate::error::{Error, Result};
use crate::plan::Plan;
use crate::quant::QuantSpec;
use crate::task_info::TaskInfo;
use crate::tokenizer::TokenizerSpec;

/// What a section of two schemas holds.
pub trait Content: Sized + PartialEq {
    /// Schema 1.
    type First: Wire + TryInto<Self, Error = Error>;
    /// Schema 2.
    type Second: Wire + TryInto<Self, Error = Error>;

    /// In schema 1, which may lose something.
    fn first(&self) -> Result<Self::First>;
    /// In schema 2, whole.
    fn second(&self) -> Result<Self::Second>;
}

impl Content for (Plan, TaskInfo) {
    type First = v1::Meta;
    type Second = v2::Meta;

    fn first(&self) -> Result<v1::Meta> {
        v1::Meta::new(&self.0, &self.1)
    }

    fn second(&self) -> Result<v2::Meta> {
        v2::Meta::new(&self.0, &self.1)
    }
}

impl Content for TokenizerSpec {
    type First = v1::Tokenizer;
    type Second = v2::Tokenizer;

    fn first(&self) -> Result<v1::Tokenizer> {
        v1::Tokenizer::new(self)
    }

    fn second(&self) -> Result<v2::Tokenizer> {
        v2::Tokenizer::new(self)
    }
}

impl Content for QuantSpec {
    type First = v1::Quant;
    type Second = v2::Quant;

    fn first(&self) -> Result<v1::Quant> {
        Ok(v1::Quant::from(self))
    }

    fn second(&self) -> Result<v2::Quant> {
        v2::Quant::new(self)
    }
}

/// The lowest schema that can say it, and the payload.
pub fn encode_lowest<T: Content>(content: &T) -> Result<(u16, Vec<u8>)> {
    let read_back = content.first().and_then(TryInto::try_into);
    if read_back.is_ok_and(|back: T| back == *content) {
        return Ok((1, encode(&content.first()?)?));
    }
    Ok((2, encode(&content.second()?)?))
}

/// The content of a payload, if it is spelt as [`encode_lowest`] spells it.
pub fn decode_any<T: Content>(schema: u16, payload: &[u8]) -> Result<T> {
    if schema == 1 {
        return decode::<T::First>(payload)?.try_into();
    }
    let content: T = decode::<T::Second>(payload)?.try_into()?;
    match encode_lowest(&content)? {
        (2, bytes) if bytes == payload => Ok(content),
        (2, _) => Err(Error::rejected("is not spelt as writers spell it")),
        _ => Err(Error::rejected("says in schema 2 what schema 1 can say")),
    }
}
