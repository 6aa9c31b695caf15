//! The attention mask: a large negative number added to the scores of pad tokens' keys. It shows
//! which input holds the tokens, and which token is the pad.

use act_core::Result;

use super::{Scaled, Walk};
use crate::paddle::op::Op;

/// At this distance a key's softmax weight is 0 in single precision, whatever the scores are.
const HIDDEN: f64 = -1000.0;

/// What an attention mask is made from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mask<'a> {
    /// The input with the tokens.
    pub tokens: &'a str,
    /// The token whose keys are hidden.
    pub pad_id: u32,
}

impl<'a> Walk<'a> {
    /// The scores before the mask, and the mask.
    pub(super) fn masked(&self, sum: &'a str) -> Result<(Scaled<'a>, Mask<'a>)> {
        let sum = self.source(sum)?;
        let add = self.expect(sum.variable, &["elementwise_add"])?;
        if sum.factor != 1.0 {
            return Err(add.refuse("is scaled after the mask"));
        }
        let [x, y] = self.operands(add)?;
        let (x, y) = (self.source(x)?, self.source(y)?);
        let product = |s: Scaled<'_>| matches!(self.kind(s.variable), Some("matmul_v2" | "matmul"));
        match (product(x), product(y)) {
            (true, false) => Ok((x, self.mask(y)?)),
            (false, true) => Ok((y, self.mask(x)?)),
            _ => Err(add.refuse("adds no mask to attention scores")),
        }
    }

    /// Follows a mask back to the comparison of tokens with the pad.
    fn mask(&self, mask: Scaled<'a>) -> Result<Mask<'a>> {
        let (mut at, mut steps, mut axes) = (mask.variable, Vec::new(), Vec::new());
        let equal = loop {
            let kinds = ["equal", "cast", "scale", "unsqueeze2", "unsqueeze"];
            let op = self.expect(at, &kinds)?;
            match op.kind() {
                "equal" => break op,
                "scale" => steps.push(op),
                "cast" => {}
                _ => axes.extend_from_slice(op.ints("axes")?),
            }
            at = self.unary(op)?;
        };
        let value = |hidden: f64| -> Result<f64> {
            let value = steps.iter().rev().try_fold(hidden, |x, op| affine(op, x))?;
            Ok(value * f64::from(mask.factor))
        };
        axes.sort_unstable();
        let hides = value(1.0)? <= HIDDEN && value(0.0)? == 0.0;
        if !hides || axes != [1, 2] {
            return Err(equal.refuse("begins a mask that does not hide the keys of pad tokens"));
        }
        self.compared(equal)
    }

    /// The two sides of a comparison with a constant.
    fn compared(&self, equal: &'a Op) -> Result<Mask<'a>> {
        let [x, y] = self.operands(equal)?;
        let sides = match (self.constant(x)?, self.constant(y)?) {
            (None, Some(pad)) => Some((x, pad)),
            (Some(pad), None) => Some((y, pad)),
            _ => None,
        };
        match sides {
            Some((tokens, pad)) if self.kind(tokens) == Some("feed") => Ok(Mask {
                tokens,
                pad_id: whole(equal, pad)?,
            }),
            _ => Err(equal.refuse("does not compare an input with a pad token")),
        }
    }

    /// The value of a variable all of whose elements are one constant, whatever its shape.
    pub(super) fn constant(&self, variable: &'a str) -> Result<Option<f64>> {
        let (mut at, mut steps) = (variable, Vec::new());
        let start = loop {
            let Some(op) = self.program.writer(at) else {
                return Ok(None);
            };
            match op.kind() {
                "scale" => steps.push(op),
                "cast" => {}
                "fill_any_like" => {
                    op.reads_only(&["X"])?;
                    break op.float("value", 0.0)?;
                }
                "fill_constant" => break filled(op)?,
                _ => return Ok(None),
            }
            at = self.unary(op)?;
        };
        let mut steps = steps.iter().rev();
        steps.try_fold(start, |x, op| affine(op, x)).map(Some)
    }
}

/// The value of a `fill_constant`, whose shape may come from other operators.
fn filled(op: &Op) -> Result<f64> {
    op.reads_only(&["ShapeTensor", "ShapeTensorList"])?;
    match op.text("str_value", "")? {
        "" => op.float("value", 0.0),
        text => text
            .parse()
            .map_err(|_| op.refuse(format!("has the value {text:?}, which is no number"))),
    }
}

/// What a `scale` makes of a number.
fn affine(op: &Op, x: f64) -> Result<f64> {
    op.reads_only(&["X"])?;
    let (scale, bias) = (op.float("scale", 1.0)?, op.float("bias", 0.0)?);
    Ok(match op.flag("bias_after_scale", true)? {
        true => x * scale + bias,
        false => (x + bias) * scale,
    })
}

/// A constant that is a row or token number.
pub(super) fn whole(op: &Op, value: f64) -> Result<u32> {
    if value >= 0.0 && value <= f64::from(u32::MAX) && value.fract() == 0.0 {
        return Ok(value as u32);
    }
    Err(op.refuse(format!("uses {value} as a number of a row")))
}
