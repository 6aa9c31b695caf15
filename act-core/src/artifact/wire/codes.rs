//! The numbers that stand for enum values in files. A number is never reused; a new value gets a
//! new number, which older readers refuse by name.

use crate::error::{Error, Result};
use crate::plan::{Activation, Family};
use crate::quant::Calibrator;
use crate::tensor::DType;

/// A value that files hold as a `u16`.
pub trait Coded: Sized {
    /// Its number.
    fn code(self) -> u16;
    /// The value of a number.
    fn from_code(code: u16) -> Result<Self>;
}

macro_rules! codes {
    ($type:ident, $what:literal, $($code:literal => $value:ident),+) => {
        impl Coded for $type {
            fn code(self) -> u16 {
                match self { $($type::$value => $code),+ }
            }

            fn from_code(code: u16) -> Result<Self> {
                match code {
                    $($code => Ok($type::$value),)+
                    _ => Err(unknown($what, code)),
                }
            }
        }
    };
}

/// The one way to refuse a number.
pub fn unknown(what: &str, code: u16) -> Error {
    Error::rejected(format!(
        "{what} {code} is not known; a newer act may know it"
    ))
}

codes!(Family, "model family", 1 => Bert, 2 => Ernie);
codes!(Activation, "activation function", 1 => Gelu, 2 => Relu);
codes!(DType, "element type", 1 => F32, 2 => F16, 3 => I8);
codes!(Calibrator, "calibrator",
    0 => None, 1 => AbsMax, 2 => Avg, 3 => Mse, 4 => Emd, 5 => Hist, 6 => Kl, 7 => MinMax);

/// TOKN `kind`: WordPiece with BERT's normaliser.
pub const WORDPIECE: u16 = 1;
/// QUAN weight `scheme`: symmetric int8, one scale an output channel (a row, of a table).
pub const SYMMETRIC_INT8_PER_ROW: u16 = 1;
/// QUAN activation `scheme`: one scale and zero point for all tokens.
pub const STATIC: u16 = 1;
/// QUAN activation `scheme`: each token's own scale.
pub const DYNAMIC_PER_TOKEN: u16 = 2;
