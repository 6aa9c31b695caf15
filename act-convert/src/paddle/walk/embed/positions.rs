//! Counts that are positions: 0, 1, 2, ... along each sequence, of all tokens or of those that are
//! no pads.

use act_core::Result;

use super::super::constant::{affine, whole};
use super::super::{Mask, Walk};
use crate::paddle::op::Op;

impl<'a> Walk<'a> {
    /// Checks that a range is 0, 1, 2, ... up to the length of the sequence.
    pub(super) fn ranges_over_tokens(&self, range: &'a Op) -> Result<()> {
        range.reads_only(&["Start", "End", "Step"])?;
        let constant = |slot| self.constant(range.input(slot)?);
        let counts = constant("Start")? == Some(0.0) && constant("Step")? == Some(1.0);
        if !counts || self.length(range.input("End")?)? != Some(1) {
            return Err(range.refuse("does not count the positions from 0"));
        }
        Ok(())
    }

    /// Checks that a difference is 0, 1, 2, ... along each sequence: the running sum of ones, less
    /// ones.
    pub(super) fn counts_from_zero(&self, difference: &'a Op) -> Result<()> {
        let [sum, ones] = self.operands(difference)?;
        let cumsum = self.expect(sum, &["cumsum"])?;
        let summed = self.constant(self.unary(cumsum)?)?;
        if !sums_along(cumsum)? || summed != Some(1.0) || self.constant(ones)? != Some(1.0) {
            return Err(cumsum.refuse("does not count the positions from 0"));
        }
        Ok(())
    }

    /// Checks that row numbers are RoBERTa's, `cumsum(not pad) * not pad + number`, of the pad that
    /// the mask hides, and gives the row of the first position.
    pub(super) fn counts_without_pads(&self, outermost: &'a Op, mask: Mask<'a>) -> Result<u32> {
        let refuse = |op: &Op| op.refuse("does not count the positions of tokens that are no pads");
        let (mut at, mut number) = (outermost, 0.0);
        let product = loop {
            let variable = match at.kind() {
                "scale" if at.float("scale", 1.0)? == 1.0 => {
                    number = affine(at, number)?;
                    self.unary(at)?
                }
                "cast" | "assign" => self.unary(at)?,
                "elementwise_add" => {
                    let [x, y] = self.operands(at)?;
                    number += self.constant(y)?.ok_or_else(|| refuse(at))?;
                    x
                }
                "elementwise_mul" => break at,
                _ => return Err(refuse(at)),
            };
            at = self.program.writer(variable).ok_or_else(|| refuse(at))?;
        };
        let [x, y] = self.operands(product)?;
        let (x, y) = (self.source(x)?, self.source(y)?);
        let count = |variable| {
            self.program
                .writer(variable)
                .filter(|op| op.kind() == "cumsum")
        };
        let (cumsum, kept) = match (count(x.variable), count(y.variable)) {
            (Some(cumsum), None) => (cumsum, y.variable),
            (None, Some(cumsum)) => (cumsum, x.variable),
            _ => return Err(refuse(product)),
        };
        let counted = self.not_pads(self.unary(cumsum)?)?;
        let plain = x.factor == 1.0 && y.factor == 1.0 && sums_along(cumsum)?;
        let hidden = matches!(mask, Mask::Pad { .. }).then_some(mask);
        if !plain || hidden.is_none() || counted != hidden || self.not_pads(kept)? != hidden {
            return Err(refuse(cumsum));
        }
        // The count of the first is 1.
        whole(outermost, number + 1.0)
    }

    /// The tokens and the pad of a comparison whose result is 1 for other tokens and 0 for pads.
    fn not_pads(&self, mut variable: &'a str) -> Result<Option<Mask<'a>>> {
        while let Some("cast") = self.kind(variable) {
            variable = self.unary(self.expect(variable, &["cast"])?)?;
        }
        let writer = self.program.writer(variable);
        let comparison = writer.filter(|op| op.kind() == "not_equal");
        comparison.map(|op| self.compared(op)).transpose()
    }
}

/// True for a running sum of each sequence.
fn sums_along(cumsum: &Op) -> Result<bool> {
    Ok(matches!(cumsum.int("axis", -1)?, 1 | -1)
        && !cumsum.flag("exclusive", false)?
        && !cumsum.flag("reverse", false)?
        && !cumsum.flag("flatten", false)?)
}
