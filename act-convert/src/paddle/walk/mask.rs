//! The attention mask: a large negative number added to the scores of pad tokens' keys. It is made
//! from a comparison of the tokens with the pad, or from an input of its own.

use act_core::Result;

use super::constant::{affine, whole};
use super::{Scaled, Walk};
use crate::paddle::op::Op;

/// At this distance a key's softmax weight is 0 in single precision, whatever the scores are.
const HIDDEN: f64 = -1000.0;

/// What an attention mask is made from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mask<'a> {
    /// Comparison of an input with a token.
    Pad {
        /// The input with the tokens.
        tokens: &'a str,
        /// The token whose keys are hidden.
        pad_id: u32,
    },
    /// An input that is 1 at keys to read and 0 at keys to hide.
    Given(&'a str),
}

/// Where a mask begins, and what it holds there for a key that is hidden and for one that is not.
struct Origin<'a> {
    mask: Mask<'a>,
    op: &'a Op,
    hidden: f64,
    shown: f64,
}

/// An axis of a mask on its way to `[batch, 1, 1, key]`.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Axis {
    Batch,
    One,
    Key,
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

    /// Follows a mask back to where it begins.
    fn mask(&self, mask: Scaled<'a>) -> Result<Mask<'a>> {
        let (mut at, mut steps, mut shapes) = (mask.variable, Vec::new(), Vec::new());
        let origin = loop {
            let op = self.expect(at, &MASK_KINDS)?;
            match op.kind() {
                "scale" => steps.push(op),
                "cast" => {}
                "unsqueeze2" | "unsqueeze" | "reshape2" | "reshape" | "expand_v2" => {
                    shapes.push(op);
                    at = op.input("X")?;
                    continue;
                }
                _ => break self.origin(op, at, &mut shapes)?,
            }
            at = self.unary(op)?;
        };
        let value = |start: f64| -> Result<f64> {
            let value = steps.iter().rev().try_fold(start, |x, op| affine(op, x))?;
            Ok(value * f64::from(mask.factor))
        };
        let hides = value(origin.hidden)? <= HIDDEN && value(origin.shown)? == 0.0;
        let mut axes = vec![Axis::Batch, Axis::Key];
        for op in shapes.iter().rev() {
            axes = self.shaped(op, axes)?;
        }
        if !hides || axes != [Axis::Batch, Axis::One, Axis::One, Axis::Key] {
            let why = "begins a mask that does not hide the keys of pad tokens";
            return Err(origin.op.refuse(why));
        }
        Ok(origin.mask)
    }

    /// The comparison, choice or input that a mask begins with, which writes `variable`.
    fn origin(
        &self,
        op: &'a Op,
        variable: &'a str,
        shapes: &mut Vec<&'a Op>,
    ) -> Result<Origin<'a>> {
        let (hidden, shown) = match op.kind() {
            "equal" => (1.0, 0.0),
            "not_equal" | "feed" => (0.0, 1.0),
            _ => return self.chosen(op, shapes),
        };
        let mask = match op.kind() {
            "feed" => Mask::Given(variable),
            _ => self.compared(op)?,
        };
        Ok(Origin {
            mask,
            op,
            hidden,
            shown,
        })
    }

    /// A `where` that chooses between two constants by a comparison.
    fn chosen(&self, choice: &'a Op, shapes: &mut Vec<&'a Op>) -> Result<Origin<'a>> {
        choice.reads_only(&["Condition", "X", "Y"])?;
        let mut condition = choice.input("Condition")?;
        while let Some("unsqueeze2" | "unsqueeze") = self.kind(condition) {
            let op = self.expect(condition, &["unsqueeze2", "unsqueeze"])?;
            shapes.push(op);
            condition = op.input("X")?;
        }
        let op = self.expect(condition, &["equal", "not_equal"])?;
        let value = |slot| {
            let value = self.constant(choice.input(slot)?)?;
            value.ok_or_else(|| choice.refuse(format!("chooses {slot}, which is no constant")))
        };
        let (yes, no) = (value("X")?, value("Y")?);
        let (hidden, shown) = match op.kind() {
            "equal" => (yes, no),
            _ => (no, yes),
        };
        Ok(Origin {
            mask: self.compared(op)?,
            op,
            hidden,
            shown,
        })
    }

    /// The axes after an operator that changes a shape.
    fn shaped(&self, op: &'a Op, mut axes: Vec<Axis>) -> Result<Vec<Axis>> {
        match op.kind() {
            "unsqueeze2" | "unsqueeze" => {
                op.reads_only(&["X"])?;
                for &axis in op.ints("axes")? {
                    let place = if axis < 0 {
                        axis + axes.len() as i64 + 1
                    } else {
                        axis
                    };
                    match usize::try_from(place) {
                        Ok(place) if place <= axes.len() && axes.len() < 4 => {
                            axes.insert(place, Axis::One);
                        }
                        _ => return Err(op.refuse("inserts an axis that no mask has")),
                    }
                }
                Ok(axes)
            }
            // Repeating along the two axes of one element changes no sum.
            "expand_v2" => match op.ints("shape")?.len() {
                4 if axes.len() == 4 => Ok(axes),
                _ => Err(op.refuse("expands a mask to other axes than the scores'")),
            },
            _ => match (&self.target(op)?[..], &axes[..]) {
                ([0 | -1, 1, 1, -1], [Axis::Batch, Axis::Key]) => {
                    Ok(vec![Axis::Batch, Axis::One, Axis::One, Axis::Key])
                }
                _ => Err(op.refuse("gives a mask another shape than [batch, 1, 1, keys]")),
            },
        }
    }

    /// The two sides of a comparison with a constant.
    pub(super) fn compared(&self, equal: &'a Op) -> Result<Mask<'a>> {
        let [x, y] = self.operands(equal)?;
        let sides = match (self.constant(x)?, self.constant(y)?) {
            (None, Some(pad)) => Some((x, pad)),
            (Some(pad), None) => Some((y, pad)),
            _ => None,
        };
        let no_tokens = || equal.refuse("does not compare an input with a pad token");
        let (tokens, pad) = sides.ok_or_else(no_tokens)?;
        let tokens = self.cast_ids(tokens)?;
        if self.kind(tokens) != Some("feed") {
            return Err(no_tokens());
        }
        let pad_id = whole(equal, pad)?;
        Ok(Mask::Pad { tokens, pad_id })
    }
}

/// What a mask may be made with.
const MASK_KINDS: [&str; 11] = [
    "equal",
    "not_equal",
    "where",
    "feed",
    "cast",
    "scale",
    "unsqueeze2",
    "unsqueeze",
    "reshape2",
    "reshape",
    "expand_v2",
];
