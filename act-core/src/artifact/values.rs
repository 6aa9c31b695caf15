//! What the numbers themselves must keep to: no infinity or NaN anywhere, scales positive, integer
//! weights within the magnitude that makes the kernels' arithmetic exact.
//!
//! The digests say that the numbers are the ones that were written; these rules say that an engine
//! may compute with them.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::quant::{ActivationScheme, GroupLimit, QuantSpec};
use crate::tensor::{Tensor, TensorData};

/// What is asked of one tensor beyond being finite.
enum Rule {
    /// No integer has a larger magnitude, and groups keep to their limit.
    Within(u8, Option<GroupLimit>),
    /// A divisor: above zero.
    Positive,
    /// Above zero, and this static scale divided by it is a normal number, by which engines divide.
    Divides(f32),
}

/// The rules of a quantisation, by tensor name.
pub struct ValueRules(BTreeMap<String, Rule>);

impl ValueRules {
    /// Rows of an embedding table use the whole symmetric range.
    const TABLE_MAX: u8 = 127;

    /// The rules.
    pub fn new(quant: &QuantSpec) -> Self {
        let mut rules = BTreeMap::new();
        for q in &quant.linears {
            rules.insert(q.linear.weight(), Rule::Within(q.weight_max, q.group_limit));
            rules.insert(q.linear.scale(), Rule::Positive);
            let multiplier = match q.activation {
                ActivationScheme::Static { scale, .. } => Rule::Divides(scale),
                ActivationScheme::DynamicPerToken => Rule::Positive,
            };
            rules.insert(q.linear.input_multiplier(), multiplier);
        }
        for table in &quant.embeddings {
            rules.insert(table.weight(), Rule::Within(Self::TABLE_MAX, None));
            rules.insert(table.scale(), Rule::Positive);
        }
        Self(rules)
    }

    /// Checks every number of a tensor; the error names the first bad one.
    pub fn check(&self, name: &str, tensor: &Tensor) -> Result<()> {
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
                let (max, limit) = match rule {
                    Some(Rule::Within(max, limit)) => (*max, *limit),
                    _ => (Self::TABLE_MAX, None),
                };
                all(name, v, &format!("within {max} of 0"), |x| {
                    x.unsigned_abs() <= max
                })?;
                limit.map_or(Ok(()), |limit| groups(name, tensor, v, limit))
            }
        }
    }
}

/// No group of a row is over its limit.
fn groups(name: &str, tensor: &Tensor, values: &[i8], limit: GroupLimit) -> Result<()> {
    let columns = tensor.shape().last().map_or(1, |&columns| columns.max(1));
    let mut rows = values.chunks(columns).enumerate();
    match rows.find_map(|(r, row)| (!limit.holds(row)).then(|| (r, limit.first_over(row)))) {
        Some((r, Some((g, sum)))) => Err(Error::rejected(format!(
            "tensor {name}: weights of one sign in group {g} of row {r} add up to {sum}, over {}",
            limit.max
        ))),
        _ => Ok(()),
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
    use crate::quant::LinearQuant;

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
            embeddings: vec![Embedding::Word],
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
            match (rules.check(name, &tensor), message) {
                (Ok(()), None) => {}
                (Err(e), Some(message)) => assert!(e.to_string().contains(message), "{e}"),
                (result, _) => panic!("{name}: {result:?}"),
            }
        }
    }
}
