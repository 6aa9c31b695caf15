//! Multi-head attention: softmax(q kᵀ / sqrt(head size) + mask) v, found from the product of two
//! values without parameters. Key and value may come in either order in the program.

use act_core::Result;
use act_core::artifact::limits;

use super::dense::{alpha, transposes};
use super::heads::{Heads, positive};
use super::{Dense, Mask, Scaled, Walk};

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

    /// What a reshape to `[batch, sequence, width]` reads, and the width if it says one.
    fn unshaped(&self, variable: &'a str) -> Result<(&'a str, Option<usize>)> {
        let kinds = ["reshape2", "reshape", "flatten_contiguous_range"];
        let reshape = self.expect(variable, &kinds)?;
        if reshape.kind() == "flatten_contiguous_range" {
            let axes = [reshape.int("start_axis", 1)?, reshape.int("stop_axis", 1)?];
            return match axes {
                [2, 3 | -1] => Ok((self.unary(reshape)?, None)),
                _ => Err(reshape.refuse("joins other axes than heads and head size")),
            };
        }
        let width = match self.target(reshape)?[..] {
            [0, 0, -1] => None,
            [0 | -1, 0 | -1, width] => Some(positive(reshape, width)?),
            ref other => {
                return Err(reshape.refuse(format!(
                    "has the shape {other:?}; [0, 0, heads times head size] was expected"
                )));
            }
        };
        Ok((reshape.input("X")?, width))
    }
}
