//! What stands between the two layers of a feed-forward block: relu, gelu, exact or by tanh, or gelu spelt out,
//! x / 2 * (1 + erf(x / sqrt(2))).

use std::f32::consts::FRAC_1_SQRT_2;

use act_core::plan::HeadActivation;
use act_core::{Activation, Result};

use super::{Scaled, Walk};
use crate::paddle::op::Op;

impl<'a> Walk<'a> {
    /// What follows the dense layer of the head, as [`Self::activation`].
    pub(super) fn head_activation(
        &self,
        result: Scaled<'a>,
    ) -> Result<(HeadActivation, &'a str, f32)> {
        if self.kind(result.variable) == Some("elementwise_mul") {
            let (_, input, factor) = self.activation(result)?;
            return Ok((HeadActivation::Gelu, input, factor));
        }
        let op = self.expect(result.variable, &["tanh", "relu", "gelu"])?;
        let activation = match op.kind() {
            "tanh" => HeadActivation::Tanh,
            "relu" => HeadActivation::Relu,
            _ if op.flag("approximate", false)? => {
                return Err(
                    op.refuse("approximates the head's gelu by tanh; the exact one is read")
                );
            }
            _ => HeadActivation::Gelu,
        };
        Ok((activation, self.unary(op)?, result.factor))
    }

    /// The activation with this result, its input, and what its result is multiplied by.
    pub(super) fn activation(&self, result: Scaled<'a>) -> Result<(Activation, &'a str, f32)> {
        let op = self.expect(result.variable, &["gelu", "relu", "elementwise_mul"])?;
        match op.kind() {
            "relu" => Ok((Activation::Relu, self.unary(op)?, result.factor)),
            "gelu" if op.flag("approximate", false)? => {
                Ok((Activation::GeluTanh, self.unary(op)?, result.factor))
            }
            "gelu" => Ok((Activation::Gelu, self.unary(op)?, result.factor)),
            _ => {
                let [x, y] = self.operands(op)?;
                let (x, y) = (self.source(x)?, self.source(y)?);
                let found = if self.shifted_erf(y.variable, x.variable)? {
                    Some(x.variable)
                } else if self.shifted_erf(x.variable, y.variable)? {
                    Some(y.variable)
                } else {
                    None
                };
                let input =
                    found.ok_or_else(|| op.refuse("is no gelu: x / 2 (1 + erf(x / √2))"))?;
                let factor = result.factor * x.factor * y.factor / 0.5;
                Ok((Activation::Gelu, input, factor))
            }
        }
    }

    /// True if `sum` is 1 + erf(`x` / sqrt(2)).
    fn shifted_erf(&self, sum: &'a str, x: &str) -> Result<bool> {
        let of_kind = |variable, kind| {
            self.program
                .writer(variable)
                .filter(|op: &&Op| op.kind() == kind)
        };
        let Some(shift) = of_kind(sum, "scale") else {
            return Ok(false);
        };
        let Some(erf) = of_kind(self.unary(shift)?, "erf") else {
            return Ok(false);
        };
        let argument = self.source(self.unary(erf)?)?;
        Ok(shift.float("scale", 1.0)? == 1.0
            && shift.float("bias", 0.0)? == 1.0
            && argument.variable == x
            && (argument.factor - FRAC_1_SQRT_2).abs() < 1e-6)
    }
}
