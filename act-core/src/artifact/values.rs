//! What the numbers themselves must keep to: no infinity or NaN anywhere, scales positive, integer
//! weights within the magnitude that makes the kernels' arithmetic exact.
//!
//! The digests say that the numbers are the ones that were written; these rules say that an engine
//! may compute with them.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::names::group_multipliers;
use crate::params::Params;
use crate::quant::{ActivationScheme, FourBits, GroupLimit, QuantSpec, WeightBits};
use crate::tensor::TensorData;

/// What is asked of one tensor beyond being finite.
enum Rule {
    /// Integers of bytes.
    Integers(Within),
    /// Multipliers of four-bit integers; the tensor of those, which comes before, and their groups.
    Multipliers(String, usize, Within),
    /// A divisor: above zero.
    Positive,
    /// Above zero, and this static scale divided by it is a normal number, by which engines divide.
    Divides(f32),
}

/// No integer has a larger magnitude, and groups keep to their limit.
#[derive(Clone, Copy)]
struct Within(u8, Option<GroupLimit>);

/// The rules of a quantisation, by tensor name.
pub struct ValueRules(BTreeMap<String, Rule>);

impl ValueRules {
    /// Rows of an embedding table use the whole symmetric range.
    const TABLE_MAX: u8 = 127;

    /// The rules.
    pub fn new(quant: &QuantSpec) -> Self {
        let mut rules = Self(BTreeMap::new());
        for q in &quant.linears {
            let within = Within(q.weight_max, q.group_limit);
            rules.add_matrix(q.linear.weight(), q.linear.scale(), q.bits, within);
            let multiplier = match q.activation {
                ActivationScheme::Static { scale, .. } => Rule::Divides(scale),
                ActivationScheme::DynamicPerToken => Rule::Positive,
            };
            rules.add(q.linear.input_multiplier(), multiplier);
        }
        for q in &quant.embeddings {
            let within = Within(Self::TABLE_MAX, None);
            rules.add_matrix(q.table.weight(), q.table.scale(), q.bits, within);
        }
        rules
    }

    fn add(&mut self, name: String, rule: Rule) {
        self.0.insert(name, rule);
    }

    fn add_matrix(&mut self, weight: String, scale: String, bits: WeightBits, within: Within) {
        self.add(scale, Rule::Positive);
        match bits {
            WeightBits::Eight => self.add(weight, Rule::Integers(within)),
            // Only with its multipliers is it known what a nibble stands for.
            WeightBits::Four { group } => {
                let multipliers = group_multipliers(&weight);
                self.add(multipliers, Rule::Multipliers(weight, group, within));
            }
        }
    }

    /// Checks every number of a tensor, of which `params` has those that come before it as well; the
    /// error names the first bad one.
    pub fn check(&self, name: &str, params: &Params) -> Result<()> {
        let tensor = params.get(name)?;
        match (tensor.data(), self.0.get(name)) {
            (TensorData::F32(v), Some(Rule::Positive)) => {
                all(name, v, "a finite number above 0", |x| {
                    x.is_finite() && x > 0.0
                })
            }
            (TensorData::F32(v), Some(&Rule::Divides(scale))) => {
                let wanted = format!("a number above 0 that {scale:e} can be divided by");
                all(name, v, &wanted, |x| {
                    x.is_finite() && x > 0.0 && (scale / x).is_normal()
                })
            }
            (TensorData::F32(v), _) => all(name, v, "a finite number", f32::is_finite),
            (TensorData::F16(v), _) => {
                const EXPONENT: u16 = 0x7c00;
                all(name, v, "the bits of a finite number", |x| {
                    x & EXPONENT != EXPONENT
                })
            }
            (TensorData::I8(v), rule) => {
                let within = match rule {
                    Some(Rule::Integers(within)) => *within,
                    _ => Within(Self::TABLE_MAX, None),
                };
                let columns = tensor.shape().last().map_or(1, |&columns| columns.max(1));
                within.check(name, v, columns)
            }
            (TensorData::U4(_), Some(Rule::Multipliers(weight, group, within))) => {
                within.check_four_bits(weight, FourBits::of(params, weight, *group)?)
            }
            (TensorData::I4(_) | TensorData::U4(_), _) => Ok(()),
        }
    }
}

impl Within {
    /// Integers, row by row.
    fn check(self, name: &str, values: &[i8], columns: usize) -> Result<()> {
        let Self(max, limit) = self;
        all(name, values, &format!("within {max} of 0"), |x| {
            x.unsigned_abs() <= max
        })?;
        let mut rows = values.chunks(columns).enumerate();
        let over = |limit: GroupLimit| {
            rows.find_map(|(r, row)| (!limit.holds(row)).then(|| (r, limit.first_over(row))))
        };
        match (limit, limit.and_then(over)) {
            (Some(GroupLimit { max, .. }), Some((r, Some((g, sum))))) => {
                Err(Error::rejected(format!(
                    "tensor {name}: weights of one sign in group {g} of row {r} add up to {sum}, \
                     over {max}"
                )))
            }
            _ => Ok(()),
        }
    }

    /// Four-bit integers, unpacked one row at a time.
    fn check_four_bits(self, name: &str, matrix: FourBits<'_>) -> Result<()> {
        for (r, row) in matrix.rows().enumerate() {
            let row = row.map_err(|e| e.context(format!("tensor {name}")))?;
            (self.check(name, &row, row.len().max(1)))
                .map_err(|e| e.context(format!("row {r}, unpacked")))?;
        }
        Ok(())
    }
}

/// The first pass has no early exit, so that it compiles to vector code; looking for the culprit
/// is left for when there is one.
fn all<T: Copy + std::fmt::Display>(
    name: &str,
    values: &[T],
    wanted: &str,
    good: impl Fn(T) -> bool,
) -> Result<()> {
    if values.iter().fold(true, |ok, &x| ok & good(x)) {
        return Ok(());
    }
    match values.iter().enumerate().find(|&(_, &x)| !good(x)) {
        Some((i, x)) => {
            let message = format!("tensor {name}: element {i} is {x}, not {wanted}");
            Err(Error::rejected(message))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::{Embedding, Linear};
    use crate::quant::{LinearQuant, TableQuant, packed};
    use crate::tensor::Tensor;

    #[test]
    fn numbers_that_no_engine_may_see_are_named() {
        let rules = ValueRules::new(&QuantSpec {
            linears: vec![
                LinearQuant {
                    weight_max: 64,
                    group_limit: Some(GroupLimit { size: 2, max: 127 }),
                    ..LinearQuant::dynamic(Linear::Pooler)
                },
                LinearQuant {
                    activation: ActivationScheme::Static {
                        scale: 1e-8,
                        zero_point: 128,
                    },
                    ..LinearQuant::dynamic(Linear::Classifier)
                },
            ],
            embeddings: vec![TableQuant::int8(Embedding::Word)],
            ..QuantSpec::default()
        });
        let f32s = |v: &[f32]| Tensor::f32([v.len()], v.to_vec());
        let i8s = |v: &[i8]| Tensor::i8([v.len()], v.to_vec());
        let f16s = |v: &[u16]| Tensor::new(vec![v.len()], TensorData::F16(v.to_vec().into()));
        let (weight, scale) = (Linear::Pooler.weight(), Linear::Pooler.scale());
        let of_row = Linear::Pooler.input_multiplier();
        let fixed = Linear::Classifier.input_multiplier();
        let cases: [(&str, Tensor, Option<&str>); 16] = [
            ("x", f32s(&[0.0, -1e-45, f32::MAX]), None),
            ("x", f32s(&[0.0, f32::NAN]), Some("element 1 is NaN")),
            ("x", f32s(&[f32::NEG_INFINITY]), Some("element 0 is -inf")),
            ("x", f16s(&[0x7bff, 0xfbff]), None),
            ("x", f16s(&[0, 0xfc00]), Some("element 1")),
            (&scale, f32s(&[1e-30]), None),
            (&scale, f32s(&[1.0, 0.0]), Some("element 1 is 0")),
            (&of_row, f32s(&[1e-30, 1e38]), None),
            (&fixed, f32s(&[1e-30, 1e29]), None),
            (&fixed, f32s(&[1.0, 1e38]), Some("element 1 is 1")),
            (
                &fixed,
                f32s(&[0.0]),
                Some("element 0 is 0, not a number above 0"),
            ),
            (&weight, i8s(&[0, 64, 64, -64, -63, -64]), None),
            (
                &weight,
                i8s(&[0, 64, -64, -64]),
                Some("in group 1 of row 0 add up to 128, over 127"),
            ),
            (
                &weight,
                i8s(&[64, -65]),
                Some("element 1 is -65, not within 64"),
            ),
            (&Embedding::Word.weight(), i8s(&[-127, 127]), None),
            (
                &Embedding::Word.weight(),
                i8s(&[-128]),
                Some("element 0 is -128"),
            ),
        ];
        for (name, tensor, message) in cases {
            let params = Params::from_iter([(name.to_string(), tensor)]);
            match (rules.check(name, &params), message) {
                (Ok(()), None) => {}
                (Err(e), Some(message)) => assert!(e.to_string().contains(message), "{e}"),
                (result, _) => panic!("{name}: {result:?}"),
            }
        }
    }

    #[test]
    fn limits_hold_of_four_bit_integers_unpacked() {
        let check = |q: [i8; 3], m: u8, weight_max, limit: Option<u16>| {
            let linear = LinearQuant {
                weight_max,
                bits: WeightBits::Four { group: 32 },
                group_limit: limit.map(|max| GroupLimit { size: 2, max }),
                ..LinearQuant::dynamic(Linear::Pooler)
            };
            let spec = QuantSpec {
                linears: vec![linear],
                ..QuantSpec::default()
            };
            let weight = Linear::Pooler.weight();
            let names = [weight.clone(), group_multipliers(&weight)];
            let tensors = packed(&q, &[m], [1, 3], 32);
            let params = Params::from_iter(names.clone().into_iter().zip(tensors));
            let rules = ValueRules::new(&spec);
            rules.check(&weight, &params)?;
            rules.check(&names[1], &params)
        };
        assert!(check([7, -8, 7], 15, 127, None).is_ok());
        assert!(check([7, 0, -8], 9, 72, Some(72)).is_ok());
        for (error, wanted) in [
            (
                check([7, -8, 7], 16, 127, None),
                "pooler.dense.weight: a product",
            ),
            (
                check([0, 0, 7], 10, 69, None),
                "element 2 is 70, not within 69",
            ),
            (
                check([7, 7, 0], 9, 127, Some(125)),
                "in group 0 of row 0 add up to 126, over 125",
            ),
        ] {
            let message = error.unwrap_err().to_string();
            assert!(message.contains(wanted), "{message}");
        }
    }
}
