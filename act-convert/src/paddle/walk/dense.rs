//! Linear layers: a product with a parameter and, mostly, the addition of another. Projections may be
//! columns of one fused product, cut by `split` or `slice`.

use std::ops::Range;

use act_core::Result;

use super::{MatrixColumns, Scaled, Walk};
use crate::paddle::op::Op;

/// A linear layer by its parameters' names.
#[derive(Debug, Clone)]
pub struct Dense<'a> {
    /// Weight, `[in, out]` unless `transposed`.
    pub weight: &'a str,
    /// Bias, `[out]`, if it has one.
    pub bias: Option<&'a str>,
    /// The weight lies as `[out, in]`.
    pub transposed: bool,
    /// Which of the outputs are this layer's; all of them if absent.
    pub columns: Option<MatrixColumns>,
    /// The layer's input is multiplied by this first.
    pub input_factor: f32,
    /// The layer's result is multiplied by this.
    pub factor: f32,
}

impl<'a> Walk<'a> {
    /// The linear layer with this result of three axes, texts, tokens and outputs, and its input.
    pub(super) fn dense(&self, result: Scaled<'a>) -> Result<(Dense<'a>, &'a str)> {
        self.dense_of(result, 2)
    }

    /// The linear layer with this result of one token a text, and its input.
    pub(super) fn dense_of_one(&self, result: Scaled<'a>) -> Result<(Dense<'a>, &'a str)> {
        self.dense_of(result, 1)
    }

    /// The linear layer with this result, whose last axis has this number.
    fn dense_of(&self, result: Scaled<'a>, last_axis: i64) -> Result<(Dense<'a>, &'a str)> {
        let products = ["matmul_v2", "matmul", "mul"];
        let product_of = |op: &Op| products.contains(&op.kind());
        let last = self.program.writer(result.variable);
        let (product, bias) = match last.filter(|op| product_of(op)) {
            Some(product) => (product, None),
            None => {
                let add = self.expect(result.variable, &["elementwise_add"])?;
                add.reads_only(&["X", "Y"])?;
                let bias = self.parameter(add, "Y")?;
                if ![-1, last_axis].contains(&add.int("axis", -1)?) {
                    return Err(add.refuse("adds its bias along another axis than the last"));
                }
                (self.expect(add.input("X")?, &products)?, Some(bias))
            }
        };
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
        let whole = match cut.kind() {
            "split" => self.unary(cut)?,
            "slice" => {
                cut.reads_only(&["Input"])?;
                cut.input("Input")?
            }
            _ => return self.dense(result),
        };
        let (mut dense, input) = self.dense(self.source(whole)?)?;
        let columns = match cut.kind() {
            "split" if !matches!(cut.int("axis", 0)?, -1 | 2) => {
                return Err(cut.refuse("does not cut the outputs of a linear layer"));
            }
            "split" => self.split_range(cut, result.variable, self.outputs(&dense))?,
            _ => slice_range(cut, self.outputs(&dense))?,
        };
        dense.factor *= result.factor;
        dense.columns = Some(MatrixColumns::range(columns));
        Ok((dense, input))
    }

    /// Number of outputs that the program declares for a layer; the parameters' own are checked
    /// against it later.
    fn outputs(&self, dense: &Dense<'_>) -> usize {
        let declared = self.program.parameters().get(dense.weight);
        let out = declared.and_then(|d| d.dims.get(usize::from(!dense.transposed)));
        out.and_then(|&out| usize::try_from(out).ok()).unwrap_or(0)
    }

    /// Which places of its last axis, of this width, a `split` gives to a variable.
    pub(super) fn split_range(
        &self,
        split: &'a Op,
        variable: &str,
        width: usize,
    ) -> Result<Range<usize>> {
        let found = || {
            let outputs = split.outputs("Out");
            let place = outputs.iter().position(|name| name == variable)?;
            let sections = split.ints("sections").ok()?;
            let parts = outputs.len();
            let sizes: Vec<usize> = match sections {
                [] if width.is_multiple_of(parts) => vec![width / parts; parts],
                [] => return None,
                // One of them may be -1: what the others leave.
                _ => {
                    let mut given = sections.iter().filter_map(|&n| usize::try_from(n).ok());
                    let given = given.try_fold(0usize, usize::checked_add)?;
                    let left = width.checked_sub(given)?;
                    let size = |&n: &i64| usize::try_from(n).unwrap_or(left);
                    sections.iter().map(size).collect()
                }
            };
            let whole = sizes
                .iter()
                .try_fold(0usize, |sum, &n| sum.checked_add(n))?;
            let start: usize = sizes.get(..place)?.iter().sum();
            let end = start + sizes.get(place)?;
            (whole == width && sizes.len() == parts && start < end).then_some(start..end)
        };
        split.ints("sections")?;
        found().ok_or_else(|| split.refuse("does not cut its input into its outputs"))
    }
}

/// Which of `width` columns a `slice` of the last axis takes. Bounds below 0 count from the end, and
/// an open end is a large number.
fn slice_range(slice: &Op, width: usize) -> Result<Range<usize>> {
    slice.expect_ints("axes", &[2])?;
    slice.expect_ints("decrease_axis", &[])?;
    let bound = |name| {
        let bound = slice.ints(name)?.first().copied().unwrap_or(0);
        let width = width as i64;
        let from_start = if bound < 0 {
            bound.saturating_add(width)
        } else {
            bound
        };
        Ok(from_start.clamp(0, width) as usize)
    };
    let range = bound("starts")?..bound("ends")?;
    if range.is_empty() {
        return Err(slice.refuse("takes no columns"));
    }
    Ok(range)
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
