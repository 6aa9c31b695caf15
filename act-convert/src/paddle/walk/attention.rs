//! Multi-head attention: softmax(q kᵀ / sqrt(head size) + mask) v, found from the product of two
//! values without parameters. Key and value may come in either order in the program.

use act_core::Result;
use act_core::artifact::limits;

use super::dense::{alpha, transposes};
use super::{Dense, Mask, Scaled, Walk};
use crate::paddle::op::Op;

/// An attention block.
#[derive(Debug)]
pub struct Attention<'a> {
    /// Query projection.
    pub query: Dense<'a>,
    /// Key projection.
    pub key: Dense<'a>,
    /// Value projection.
    pub value: Dense<'a>,
    /// Output projection.
    pub output: Dense<'a>,
    /// Number of heads.
    pub heads: usize,
    /// Size of a head.
    pub head_dim: usize,
    /// What the scores are multiplied by; 1 / sqrt(head_dim) in every model we know.
    pub score_scale: f32,
}

/// A projection cut into heads.
struct Heads<'a> {
    dense: Dense<'a>,
    input: &'a str,
    /// `[heads, head_dim]`.
    shape: [usize; 2],
    /// The order of axes, of `[batch, sequence, head, head_dim]`.
    axes: &'a [i64],
    /// What it is multiplied by after the projection.
    factor: f32,
}

impl<'a> Walk<'a> {
    /// The attention block with this result, its input, and its mask.
    pub(super) fn attention(
        &self,
        branch: Scaled<'a>,
    ) -> Result<(Attention<'a>, Scaled<'a>, Mask<'a>)> {
        let (mut output, joined) = self.dense(branch)?;
        let joined = self.source(joined)?;
        let (context, shape) = self.unshaped(joined.variable)?;
        let turned = self.source(context)?;
        let transpose = self.expect(turned.variable, &["transpose2", "transpose"])?;
        transpose.expect_ints("axis", &[0, 2, 1, 3])?;
        let context = self.source(self.unary(transpose)?)?;

        let product = self.expect(context.variable, &["matmul_v2", "matmul"])?;
        let [weights, value] = self.operands(product)?;
        if transposes(product)? != [false, false] {
            return Err(product.refuse("transposes attention weights or values"));
        }
        let weights = self.source(weights)?;
        let value = self.heads(value)?;
        output.input_factor = joined.factor * turned.factor * context.factor;
        output.input_factor *= alpha(product)? * weights.factor * value.factor;

        let softmax = self.expect(weights.variable, &["softmax"])?;
        if !matches!(softmax.int("axis", -1)?, -1 | 3) {
            return Err(softmax.refuse("is not over the keys"));
        }
        let (scores, mask) = self.masked(self.unary(softmax)?)?;
        let (query, key, score_scale) = self.scores(scores)?;

        let widths = [query.shape, key.shape, value.shape];
        let [heads, head_dim] = query.shape;
        let joined_width = heads.checked_mul(head_dim);
        let fits = joined_width.is_some_and(|joined| shape.is_none_or(|width| width == joined));
        if widths != [query.shape; 3] || !fits || heads > limits::HEADS {
            return Err(product.refuse(format!("joins heads of the shapes {widths:?}")));
        }
        if value.axes != [0, 2, 1, 3] {
            return Err(product.refuse("reads values whose axes are in another order"));
        }
        let input = self.source(query.input)?;
        if self.source(key.input)? != input || self.source(value.input)? != input {
            return Err(product.refuse("attends between different inputs"));
        }
        let block = Attention {
            query: query.dense,
            key: key.dense,
            value: value.dense,
            output,
            heads,
            head_dim,
            score_scale,
        };
        Ok((block, input, mask))
    }

    /// Query and key of a score, and what it is multiplied by.
    fn scores(&self, scores: Scaled<'a>) -> Result<(Heads<'a>, Heads<'a>, f32)> {
        let product = self.expect(scores.variable, &["matmul_v2", "matmul"])?;
        let [x, y] = self.operands(product)?;
        let (query, key) = (self.heads(x)?, self.heads(y)?);
        // The product sums over the size of a head, so one side must be turned.
        let turned: &[i64] = match transposes(product)? {
            [false, true] => &[0, 2, 1, 3],
            [false, false] => &[0, 2, 3, 1],
            _ => return Err(product.refuse("transposes the query")),
        };
        if query.axes != [0, 2, 1, 3] || key.axes != turned {
            return Err(product.refuse("is not the product of query and transposed key"));
        }
        let scale = scores.factor * alpha(product)? * query.factor * key.factor;
        Ok((query, key, scale))
    }

    /// A projection, reshaped to heads and transposed.
    fn heads(&self, variable: &'a str) -> Result<Heads<'a>> {
        let turned = self.source(variable)?;
        let transpose = self.expect(turned.variable, &["transpose2", "transpose"])?;
        let cut = self.source(self.unary(transpose)?)?;
        let reshape = self.expect(cut.variable, &["reshape2", "reshape"])?;
        let shape = match reshape.ints("shape")? {
            [0 | -1, 0 | -1, heads, size] => {
                [positive(reshape, *heads)?, positive(reshape, *size)?]
            }
            other => {
                return Err(reshape.refuse(format!(
                    "has the shape {other:?}; [0, 0, heads, head size] was expected"
                )));
            }
        };
        let projected = self.source(self.unary(reshape)?)?;
        let factor = turned.factor * cut.factor * projected.factor;
        let plain = Scaled {
            factor: 1.0,
            ..projected
        };
        let (dense, input) = self.projection(plain)?;
        Ok(Heads {
            dense,
            input,
            shape,
            axes: transpose.ints("axis")?,
            factor,
        })
    }

    /// What a reshape to `[batch, sequence, width]` reads, and the width if it says one.
    fn unshaped(&self, variable: &'a str) -> Result<(&'a str, Option<usize>)> {
        let reshape = self.expect(variable, &["reshape2", "reshape"])?;
        let width = match reshape.ints("shape")? {
            [0, 0, -1] => None,
            [0 | -1, 0 | -1, width] => Some(positive(reshape, *width)?),
            other => {
                return Err(reshape.refuse(format!(
                    "has the shape {other:?}; [0, 0, heads times head size] was expected"
                )));
            }
        };
        Ok((self.unary(reshape)?, width))
    }
}

fn positive(op: &Op, value: i64) -> Result<usize> {
    match usize::try_from(value) {
        Ok(value) if value > 0 => Ok(value),
        _ => Err(op.refuse(format!("has {value} in its shape"))),
    }
}
