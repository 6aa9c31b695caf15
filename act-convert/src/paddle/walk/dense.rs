//! Linear layers: a product with a parameter and the addition of another. Projections may be columns
//! of one fused product, cut by `split` or `slice`.

use std::ops::Range;

use act_core::Result;

use super::{Scaled, Walk};
use crate::paddle::op::Op;

/// A linear layer by its parameters' names.
#[derive(Debug, Clone)]
pub struct Dense<'a> {
    /// Weight, `[in, out]` unless `transposed`.
    pub weight: &'a str,
    /// Bias, `[out]`.
    pub bias: &'a str,
    /// The weight lies as `[out, in]`.
    pub transposed: bool,
    /// Which of the outputs are this layer's; all of them if absent.
    pub columns: Option<Range<usize>>,
    /// The layer's input is multiplied by this first.
    pub input_factor: f32,
    /// The layer's result is multiplied by this.
    pub factor: f32,
}

impl<'a> Walk<'a> {
    /// The linear layer with this result, and its input.
    pub(super) fn dense(&self, result: Scaled<'a>) -> Result<(Dense<'a>, &'a str)> {
        let add = self.expect(result.variable, &["elementwise_add"])?;
        add.reads_only(&["X", "Y"])?;
        let bias = self.parameter(add, "Y")?;
        if !matches!(add.int("axis", -1)?, -1 | 1 | 2) {
            return Err(add.refuse("adds its bias along another axis than the last"));
        }
        let product = self.expect(add.input("X")?, &["matmul_v2", "matmul", "mul"])?;
        let weight = self.parameter(product, "Y")?;
        let transposes = transposes(product)?;
        if transposes[0] || alpha(product)? != 1.0 {
            return Err(product.refuse("transposes or scales the input of a linear layer"));
        }
        let dense = Dense {
            weight,
            bias,
            transposed: transposes[1],
            columns: None,
            input_factor: 1.0,
            factor: result.factor,
        };
        Ok((dense, product.input("X")?))
    }

    /// A linear layer, or a part of one with more outputs.
    pub(super) fn projection(&self, result: Scaled<'a>) -> Result<(Dense<'a>, &'a str)> {
        let Some(cut) = self.program.writer(result.variable) else {
            return self.dense(result);
        };
        let (whole, columns) = match cut.kind() {
            "split" => (self.unary(cut)?, self.split_part(cut, result.variable)?),
            "slice" => {
                cut.reads_only(&["Input"])?;
                (cut.input("Input")?, slice_part(cut)?)
            }
            _ => return self.dense(result),
        };
        let whole = self.source(whole)?;
        let (mut dense, input) = self.dense(whole)?;
        dense.factor *= result.factor;
        dense.columns = Some(columns);
        Ok((dense, input))
    }

    /// Which columns of its input a `split` gives to a variable.
    fn split_part(&self, split: &'a Op, variable: &str) -> Result<Range<usize>> {
        let uneven =
            || split.refuse("does not cut the last axis of a linear layer into its outputs");
        let outputs = split.outputs("Out");
        let place = outputs.iter().position(|name| name == variable);
        let place = place.ok_or_else(uneven)?;
        if !matches!(split.int("axis", 0)?, -1 | 2) {
            return Err(uneven());
        }
        let sections = split.ints("sections")?;
        if !sections.is_empty() {
            let before: Option<i64> = sections
                .iter()
                .take(place)
                .try_fold(0i64, |sum, &n| sum.checked_add(n.max(0)));
            let end = before
                .zip(sections.get(place))
                .and_then(|(b, n)| b.checked_add(*n));
            return range(before, end).ok_or_else(uneven);
        }
        // Equal parts: the width is the bias's.
        let (dense, _) = self.dense(self.source(split.input("X")?)?)?;
        let declared = self.program.parameters().get(dense.bias);
        let width = declared.and_then(|d| d.dims.first()).copied().unwrap_or(0);
        let parts = split.int("num", 0)?;
        if parts != outputs.len() as i64 || width % parts != 0 {
            return Err(uneven());
        }
        let each = width / parts;
        let start = each.checked_mul(place as i64);
        range(start, start.and_then(|s| s.checked_add(each))).ok_or_else(uneven)
    }
}

/// Which columns a `slice` of the last axis takes.
fn slice_part(slice: &Op) -> Result<Range<usize>> {
    slice.expect_ints("axes", &[2])?;
    slice.expect_ints("decrease_axis", &[])?;
    let bound = |name| Ok(slice.ints(name)?.first().copied());
    let found = range(bound("starts")?, bound("ends")?);
    found.ok_or_else(|| slice.refuse("takes no columns"))
}

fn range(start: Option<i64>, end: Option<i64>) -> Option<Range<usize>> {
    let range = usize::try_from(start?).ok()?..usize::try_from(end?).ok()?;
    (!range.is_empty()).then_some(range)
}

/// Which of its two factors a product transposes.
pub(super) fn transposes(product: &Op) -> Result<[bool; 2]> {
    product.reads_only(&["X", "Y"])?;
    Ok(match product.kind() {
        "matmul" => [
            product.flag("transpose_X", false)?,
            product.flag("transpose_Y", false)?,
        ],
        "mul" => [false, false],
        _ => [
            product.flag("trans_x", false)?,
            product.flag("trans_y", false)?,
        ],
    })
}

/// What the old `matmul` multiplies its result by.
pub(super) fn alpha(product: &Op) -> Result<f32> {
    match product.kind() {
        "matmul" => Ok(product.float("alpha", 1.0)? as f32),
        _ => Ok(1.0),
    }
}
