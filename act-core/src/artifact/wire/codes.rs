//! The numbers that stand for enum values in files. A number is never reused; a new value gets a
//! new number, which older readers refuse by name.

use crate::error::{Error, Result};
use crate::plan::{Activation, Family, HeadActivation, NormPlace, Pooling};
use crate::quant::Calibrator;
use crate::tensor::DType;
use crate::tokenizer::Split;

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

codes!(Family, "model family",
    1 => Bert, 2 => Ernie, 3 => DistilBert, 4 => Roberta, 5 => XlmRoberta, 6 => Camembert,
    7 => Electra, 8 => Albert, 9 => ModernBert, 10 => Mpnet);
// One table for both: 4 is silu, which nothing computes yet.
codes!(Activation, "activation function", 1 => Gelu, 2 => Relu, 3 => GeluTanh);
codes!(HeadActivation, "activation function of the head", 1 => Gelu, 2 => Relu, 5 => Tanh);
codes!(NormPlace, "place of the norms", 1 => After, 2 => Before, 3 => BeforeButFirst);
codes!(Pooling, "pooling", 1 => FirstToken, 2 => Mean);
codes!(Split, "way to split words",
    1 => Punctuation, 2 => PunctuationAndSymbols, 3 => SymbolsOutsideWholeTokens);
codes!(DType, "element type", 1 => F32, 2 => F16, 3 => I8, 4 => I4, 5 => U4);
codes!(Calibrator, "calibrator",
    1 => AbsMax, 2 => Avg, 3 => Mse, 4 => Emd, 5 => Hist, 6 => Kl, 7 => MinMax);

/// 0 stands for nothing.
impl<T: Coded> Coded for Option<T> {
    fn code(self) -> u16 {
        self.map_or(0, T::code)
    }

    fn from_code(code: u16) -> Result<Self> {
        if code == 0 {
            return Ok(None);
        }
        T::from_code(code).map(Some)
    }
}

/// TOKN `kind`: WordPiece with BERT's normaliser.
pub const WORDPIECE: u16 = 1;
/// TOKN `kind`: a whole `tokenizer.json`.
pub const TOKENIZER_JSON: u16 = 2;
/// QUAN weight scheme of schema 2: keys and values of attention, int8 as they come.
pub const ATTENTION: u16 = 3;
/// META position scheme: a table.
pub const LEARNED: u16 = 1;
/// META position scheme: queries and keys are turned.
pub const ROTARY: u16 = 2;
/// META position scheme: a number a head and distance.
pub const BIAS: u16 = 3;
/// META position scheme: content against position.
pub const DISENTANGLED: u16 = 4;
/// META problem type: the largest score.
pub const SINGLE_LABEL: u16 = 1;
/// META problem type: each score against its threshold.
pub const MULTI_LABEL: u16 = 2;
/// META problem type: the score itself.
pub const REGRESSION: u16 = 3;
/// QUAN weight `scheme`: symmetric int8, one scale an output channel (a row, of a table).
pub const SYMMETRIC_INT8_PER_ROW: u16 = 1;
/// The same, stored as four bits in groups, with the groups' size.
pub const FOUR_BITS_IN_GROUPS: u16 = 2;
/// QUAN activation `scheme`: one scale and zero point for all tokens.
pub const STATIC: u16 = 1;
/// QUAN activation `scheme`: each token's own scale.
pub const DYNAMIC_PER_TOKEN: u16 = 2;
