//! Values that are one constant throughout, whatever their shape: pads, task numbers, divisors.

use act_core::Result;

use super::Walk;
use crate::paddle::op::Op;

/// Most operators between a constant and its use; a bound on what a hostile program can cost.
const MOST_STEPS: usize = 16;

impl<'a> Walk<'a> {
    /// The value of a variable all of whose elements are one constant, whatever its shape.
    pub(super) fn constant(&self, variable: &'a str) -> Result<Option<f64>> {
        let (mut at, mut steps) = (variable, Vec::new());
        let start = loop {
            let Some(op) = self.program.writer(at) else {
                return Ok(None);
            };
            if steps.len() == MOST_STEPS {
                return Ok(None);
            }
            match op.kind() {
                "scale" => steps.push(op),
                "cast" => steps.push(op),
                "fill_any_like" => {
                    op.reads_only(&["X"])?;
                    break op.float("value", 0.0)?;
                }
                "fill_constant" => break filled(op)?,
                _ => return Ok(None),
            }
            at = self.unary(op)?;
        };
        let mut steps = steps.iter().rev().filter(|op| op.kind() == "scale");
        steps.try_fold(start, |x, op| affine(op, x)).map(Some)
    }
}

/// The value of a `fill_constant`, whose shape may come from other operators.
fn filled(op: &Op) -> Result<f64> {
    op.reads_only(&["ShapeTensor", "ShapeTensorList"])?;
    match op.text("str_value", "")? {
        "" => op.float("value", 0.0),
        text => match text.parse() {
            Ok(value) if !f64::is_nan(value) => Ok(value),
            _ => Err(op.refuse(format!("has the value {text:?}, which is no number"))),
        },
    }
}

/// What a `scale` makes of a number.
pub(super) fn affine(op: &Op, x: f64) -> Result<f64> {
    op.reads_only(&["X"])?;
    let (scale, bias) = (op.float("scale", 1.0)?, op.float("bias", 0.0)?);
    Ok(if op.flag("bias_after_scale", true)? {
        x * scale + bias
    } else {
        (x + bias) * scale
    })
}

/// A constant that is a row or token number.
pub(super) fn whole(op: &Op, value: f64) -> Result<u32> {
    if value >= 0.0 && value <= f64::from(u32::MAX) && value.fract() == 0.0 {
        return Ok(value as u32);
    }
    Err(op.refuse(format!("uses {value} as a number of a row")))
}
