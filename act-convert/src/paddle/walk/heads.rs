//! Projections cut into heads. Query, key and value may be layers of their own or columns of one
//! fused product, cut before or after the heads are, each in several ways.

use act_core::Result;

use super::{Dense, MatrixColumns, Scaled, Walk};
use crate::paddle::op::Op;

/// A projection cut into heads.
pub(super) struct Heads<'a> {
    pub dense: Dense<'a>,
    pub input: &'a str,
    /// `[heads, head_dim]`.
    pub shape: [usize; 2],
    /// The order of axes, of `[batch, sequence, head, head_dim]`.
    pub axes: Vec<i64>,
    /// What it is multiplied by after the projection.
    pub factor: f32,
}

impl<'a> Walk<'a> {
    /// The heads of a variable.
    pub(super) fn heads(&self, variable: &'a str) -> Result<Heads<'a>> {
        let mut at = self.source(variable)?;
        let mut axes = vec![0, 1, 2, 3];
        let mut factor = at.factor;
        while let Some("transpose2" | "transpose") = self.kind(at.variable) {
            let transpose = self.expect(at.variable, &["transpose2", "transpose"])?;
            axes = composed(transpose, &axes)?;
            at = self.source(self.unary(transpose)?)?;
            factor *= at.factor;
        }
        let op = self.expect(
            at.variable,
            &["reshape2", "reshape", "split", "slice", "unbind"],
        )?;
        let mut heads = match op.kind() {
            "reshape2" | "reshape" => self.cut(op)?,
            _ if self.over(op, 0)? => {
                // The part of [part, batch, head, sequence, size]; the axes of one part.
                axes = composed_with(op, &axes, &[0, 2, 1, 3])?;
                self.part_of_parts(op, at.variable)?
            }
            _ => self.part_of_heads(op, at.variable)?,
        };
        heads.axes = axes;
        heads.factor *= factor;
        Ok(heads)
    }

    /// A projection reshaped to `[batch, sequence, heads, size]`.
    fn cut(&self, reshape: &'a Op) -> Result<Heads<'a>> {
        let shape = match self.target(reshape)?[..] {
            [0 | -1, 0 | -1, heads, size] => [positive(reshape, heads)?, positive(reshape, size)?],
            ref other => {
                return Err(reshape.refuse(format!(
                    "has the shape {other:?}; [0, 0, heads, head size] was expected"
                )));
            }
        };
        let (plain, factor) = self.plain(reshape)?;
        let (dense, input) = self.projection(plain)?;
        Ok(Heads {
            dense,
            input,
            shape,
            axes: Vec::new(),
            factor,
        })
    }

    /// One of the parts of a fused projection that was reshaped to `[batch, sequence, part, head,
    /// size]` and turned to `[part, batch, head, sequence, size]`.
    fn part_of_parts(&self, op: &'a Op, variable: &str) -> Result<Heads<'a>> {
        let place = match op.kind() {
            "unbind" => {
                op.reads_only(&["X"])?;
                op.outputs("Out").iter().position(|name| name == variable)
            }
            "slice" => {
                op.reads_only(&["Input"])?;
                op.expect_ints("decrease_axis", &[0])?;
                match (op.ints("starts")?, op.ints("ends")?) {
                    ([start], [end]) if start.checked_add(1) == Some(*end) => {
                        usize::try_from(*start).ok()
                    }
                    _ => None,
                }
            }
            _ => None,
        };
        let place = place.ok_or_else(|| op.refuse("takes no part of a fused projection"))?;
        let slot = if op.kind() == "slice" { "Input" } else { "X" };
        let turned = self.source(op.input(slot)?)?;
        let transpose = self.expect(turned.variable, &["transpose2", "transpose"])?;
        transpose.expect_ints("axis", &[2, 0, 3, 1, 4])?;
        let whole = self.source(self.unary(transpose)?)?;
        let reshape = self.expect(whole.variable, &["reshape2", "reshape"])?;
        let [parts, heads, size] = match self.target(reshape)?[..] {
            [0 | -1, 0 | -1, parts, heads, size] => [
                positive(reshape, parts)?,
                positive(reshape, heads)?,
                positive(reshape, size)?,
            ],
            ref other => {
                return Err(reshape.refuse(format!(
                    "has the shape {other:?}; [0, 0, parts, heads, head size] was expected"
                )));
            }
        };
        let width = heads.checked_mul(size);
        let start = width.and_then(|width| width.checked_mul(place));
        let range = start
            .zip(width)
            .and_then(|(s, w)| Some(s..s.checked_add(w)?));
        let range = range.filter(|_| place < parts);
        let range = range.ok_or_else(|| op.refuse("takes a part that is not there"))?;
        let (plain, factor) = self.plain(reshape)?;
        let (mut dense, input) = self.dense(plain)?;
        dense.columns = Some(MatrixColumns::range(range));
        Ok(Heads {
            dense,
            input,
            shape: [heads, size],
            axes: Vec::new(),
            factor: factor * turned.factor * whole.factor,
        })
    }

    /// A third of each head of a fused projection that was reshaped to `[batch, sequence, head,
    /// parts times size]`.
    fn part_of_heads(&self, split: &'a Op, variable: &str) -> Result<Heads<'a>> {
        if split.kind() != "split" || !self.over(split, 3)? {
            return Err(split.refuse("takes no part of a fused projection"));
        }
        let whole = self.source(self.unary(split)?)?;
        let reshape = self.expect(whole.variable, &["reshape2", "reshape"])?;
        let mut heads = self.cut(reshape)?;
        let [count, size] = heads.shape;
        let part = self.split_range(split, variable, size)?;
        if heads.dense.columns.is_some() {
            return Err(split.refuse("splits a projection a second time"));
        }
        heads.shape = [count, part.len()];
        heads.dense.columns = Some(MatrixColumns {
            start: part.start,
            width: part.len(),
            step: size,
            count,
        });
        heads.factor *= whole.factor;
        Ok(heads)
    }

    /// What a reshape reads, and the factor on it.
    fn plain(&self, reshape: &'a Op) -> Result<(Scaled<'a>, f32)> {
        let projected = self.source(reshape.input("X")?)?;
        let plain = Scaled {
            factor: 1.0,
            ..projected
        };
        Ok((plain, projected.factor))
    }

    /// True if an operator takes parts along this axis, of four or five.
    fn over(&self, op: &Op, axis: i64) -> Result<bool> {
        let axes = match op.kind() {
            "slice" => op.ints("axes")?.to_vec(),
            _ => vec![op.int("axis", 0)?],
        };
        Ok(axes == [axis] || (axis == 3 && axes == [-1]))
    }
}

/// The order of axes of a transpose that is transposed again by `outer`.
fn composed(inner: &Op, outer: &[i64]) -> Result<Vec<i64>> {
    composed_with(inner, outer, inner.ints("axis")?)
}

fn composed_with(op: &Op, outer: &[i64], inner: &[i64]) -> Result<Vec<i64>> {
    let axis = |&place: &i64| inner.get(usize::try_from(place).ok()?).copied();
    let axes: Option<Vec<i64>> = outer.iter().map(axis).collect();
    axes.filter(|_| inner.len() == 4)
        .ok_or_else(|| op.refuse("does not order the four axes of heads"))
}

/// A size in a reshape's shape.
pub(super) fn positive(op: &Op, value: i64) -> Result<usize> {
    match usize::try_from(value) {
        Ok(value) if value > 0 => Ok(value),
        _ => Err(op.refuse(format!("has {value} in its shape"))),
    }
}
