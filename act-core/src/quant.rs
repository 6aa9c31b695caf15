//! What is quantised and how: types, and what integers under a limit mean. The algorithms that choose
//! the numbers live in act-quant, the arithmetic that uses them in act-infer.
//!
//! Weights: `w = q * scale[row]`, q in `-weight_max..=weight_max`. Activations: `x = (q -
//! zero_point) * scale`, q an unsigned byte, `|q - 128| <= activation_max`. The ranges are
//! part of the model because exactness of the fast integer instructions depends on them; every
//! kernel computes the same 32-bit sums, whatever the machine.

mod four_bits;
mod groups;

use crate::named;
use crate::names::{Embedding, Linear};
pub use four_bits::{FourBits, WeightBits, packed};
pub use groups::GroupLimit;

/// How the input of a quantised linear becomes integers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ActivationScheme {
    /// One scale for the whole tensor, found by calibration.
    Static {
        /// Value of one step; finite and positive.
        scale: f32,
        /// The byte that stands for 0.0; 128 when symmetric, further off where the numbers lie to one
        /// side of zero.
        zero_point: u8,
    },
    /// Each token's own scale, `max |x| / activation_max`, zero point 128.
    DynamicPerToken,
}

named! {
    /// The algorithm that chose a static scale, by PaddleSlim's name; definitions in act-quant.
    #[allow(missing_docs)]
    pub enum Calibrator {
        AbsMax = "abs_max",
        Avg = "avg",
        Mse = "mse",
        Emd = "emd",
        Hist = "hist",
        Kl = "KL",
        MinMax = "min_max",
    }
}

/// Quantisation of one linear layer.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearQuant {
    /// Which linear.
    pub linear: Linear,
    /// Largest magnitude of a weight, 1..=127.
    pub weight_max: u8,
    /// How its weights are stored; what they keep to holds of them unpacked.
    pub bits: WeightBits,
    /// What groups of weights keep to beyond that.
    pub group_limit: Option<GroupLimit>,
    /// Largest magnitude of an activation about its zero point, 1..=127.
    pub activation_max: u8,
    /// How the input becomes integers.
    pub activation: ActivationScheme,
    /// Each channel of the input is multiplied by a number of its own before it is quantised.
    pub input_multiplier: bool,
    /// Who chose the scale, if calibration did.
    pub calibrator: Option<Calibrator>,
    /// The calibrator's argument (the percentile of `hist`), 0 without one.
    pub calibrator_arg: f32,
}

impl LinearQuant {
    /// Int8 weights and activations in their whole symmetric range, each token with its own scale:
    /// what needs no calibration.
    pub fn dynamic(linear: Linear) -> Self {
        Self {
            linear,
            weight_max: 127,
            bits: WeightBits::Eight,
            group_limit: None,
            activation_max: 127,
            activation: ActivationScheme::DynamicPerToken,
            input_multiplier: false,
            calibrator: None,
            calibrator_arg: 0.0,
        }
    }
}

/// A quantised embedding table: integers within 127 with one scale a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableQuant {
    /// Which table.
    pub table: Embedding,
    /// How its integers are stored.
    pub bits: WeightBits,
}

impl TableQuant {
    /// A byte a number.
    pub fn int8(table: Embedding) -> Self {
        let bits = WeightBits::Eight;
        Self { table, bits }
    }
}

/// What is quantised; nothing in a float model.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct QuantSpec {
    /// Quantised linears, in the plan's order.
    pub linears: Vec<LinearQuant>,
    /// Quantised embedding tables, in the plan's order.
    pub embeddings: Vec<TableQuant>,
    /// Layers whose attention multiplies queries by keys, and its weights by values, as bytes, rising.
    /// Their scales are found while the model runs.
    pub attention: Vec<usize>,
}

impl QuantSpec {
    /// True for a float model.
    pub fn is_empty(&self) -> bool {
        self.linears.is_empty() && self.embeddings.is_empty() && self.attention.is_empty()
    }

    /// Quantisation of a linear; `None` if it is float.
    pub fn linear(&self, linear: Linear) -> Option<&LinearQuant> {
        self.linears.iter().find(|q| q.linear == linear)
    }

    /// The quantised linear that has what belongs to the input of `linear`, a quantised one, and of
    /// all others that read it: of query, key and value, and of neurons and their gate, the first.
    pub fn first_reader(&self, linear: Linear) -> Linear {
        let mut readers = linear.readers().into_iter();
        let first = readers.find(|&l| self.linear(l).is_some());
        first.unwrap_or(linear)
    }

    /// Quantisation of a table; `None` if it is float.
    pub fn embedding(&self, table: Embedding) -> Option<TableQuant> {
        self.embeddings.iter().copied().find(|q| q.table == table)
    }

    /// Every quantised matrix: the name of its tensor, and how it is stored.
    pub fn matrices(&self) -> Vec<(String, WeightBits)> {
        let linears = self.linears.iter().map(|q| (q.linear.weight(), q.bits));
        let tables = self.embeddings.iter().map(|q| (q.table.weight(), q.bits));
        linears.chain(tables).collect()
    }

    /// Says of every matrix that it is stored like this.
    pub fn set_bits(&mut self, bits: WeightBits) {
        self.linears.iter_mut().for_each(|q| q.bits = bits);
        self.embeddings.iter_mut().for_each(|q| q.bits = bits);
    }

    /// True if something is stored in four bits.
    pub fn has_four_bits(&self) -> bool {
        self.matrices()
            .iter()
            .any(|(_, bits)| *bits != WeightBits::Eight)
    }

    /// `"int8"` or `"f32"`, as reports say it.
    pub fn precision(&self) -> &'static str {
        if self.linears.is_empty() {
            "f32"
        } else {
            "int8"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spec_finds_its_own() {
        let mut spec = QuantSpec::default();
        assert!(spec.is_empty());
        assert_eq!(spec.precision(), "f32");
        spec.embeddings.push(TableQuant::int8(Embedding::Word));
        assert!(!spec.is_empty());
        assert!(spec.embedding(Embedding::Word).is_some());
        assert_eq!(spec.embedding(Embedding::Position), None);
        assert_eq!(spec.linear(Linear::Pooler), None);
        let keys = [Linear::Key(1), Linear::Value(1), Linear::Output(1)];
        spec.linears = keys.map(LinearQuant::dynamic).to_vec();
        assert_eq!(spec.first_reader(Linear::Value(1)), Linear::Key(1));
        assert_eq!(spec.first_reader(Linear::Key(1)), Linear::Key(1));
        assert_eq!(spec.first_reader(Linear::Output(1)), Linear::Output(1));
    }
}
