//! Finds the encoder in a program by walking back from its output, operator by operator. Names of
//! variables mean nothing here: they count constructions in the process that exported the model.
//!
//! Every operator that the output depends on must have its place in the architecture; the first
//! one without ends the walk with an error that names it. No number is read here, only structure.

mod activation;
mod attention;
mod casts;
mod columns;
mod constant;
mod dense;
mod embed;
mod heads;
mod known;
mod mask;
mod shape;

use act_core::artifact::limits;
use act_core::plan::HeadActivation;
use act_core::{Activation, Error, Result};

use super::op::Op;
use super::program::Program;

pub use attention::Attention;
pub use columns::MatrixColumns;
pub use dense::Dense;
pub use embed::{EmbeddingTable, Embeddings};
pub use mask::Mask;

/// A value times a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scaled<'a> {
    /// The variable.
    pub variable: &'a str,
    /// What it is multiplied by.
    pub factor: f32,
}

/// A layer norm over the last axis.
#[derive(Debug)]
pub struct LayerNorm<'a> {
    /// Where it stands.
    pub op: &'a Op,
    /// Parameter with gamma.
    pub scale: &'a str,
    /// Parameter with beta.
    pub bias: &'a str,
    /// Epsilon.
    pub epsilon: f32,
    /// Its result is multiplied by this before anyone reads it.
    pub factor: f32,
}

/// A feed-forward block.
#[derive(Debug)]
pub struct FeedForward<'a> {
    /// First linear layer.
    pub intermediate: Dense<'a>,
    /// What stands between.
    pub activation: Activation,
    /// Second linear layer.
    pub output: Dense<'a>,
}

/// One encoder layer: each block is followed by its residual and norm (post-norm).
#[derive(Debug)]
pub struct Layer<'a> {
    /// Attention block.
    pub attention: Attention<'a>,
    /// Norm after it.
    pub attention_norm: LayerNorm<'a>,
    /// Feed-forward block.
    pub feed_forward: FeedForward<'a>,
    /// Norm after it.
    pub output_norm: LayerNorm<'a>,
}

/// An encoder with a classification head, by the names of its parameters.
#[derive(Debug)]
pub struct Encoder<'a> {
    /// Tables.
    pub embeddings: Embeddings<'a>,
    /// Norm of their sum.
    pub embeddings_norm: LayerNorm<'a>,
    /// From the width of the tables to that of the layers.
    pub projection: Option<Dense<'a>>,
    /// The layers, first to last.
    pub layers: Vec<Layer<'a>>,
    /// Dense layer over the first token.
    pub pooler: Dense<'a>,
    /// What follows it.
    pub head: HeadActivation,
    /// Classification head.
    pub classifier: Dense<'a>,
    /// Token whose keys the mask hides, if it is not an input.
    pub pad_id: Option<u32>,
    /// The program gives probabilities: a softmax follows the logits.
    pub softmax: bool,
}

/// Walks a program.
pub struct Walk<'a> {
    program: &'a Program,
}

impl<'a> Walk<'a> {
    /// The encoder that the program computes.
    ///
    /// # Errors
    /// Rejected: it computes something else; the operator that does not fit is named.
    pub fn encoder(program: &'a Program) -> Result<Encoder<'a>> {
        let walk = Self { program };
        let fetch = walk.fetch()?;
        known::check(&program.ancestors(fetch))?;
        walk.classified(fetch.input("X")?)
    }

    /// The only output.
    fn fetch(&self) -> Result<&'a Op> {
        let mut all = self.program.ops().iter().filter(|op| op.kind() == "fetch");
        match (all.next(), all.next()) {
            (Some(fetch), None) => Ok(fetch),
            (None, _) => Err(Error::rejected(
                "the program has no fetch operator: no output",
            )),
            (_, Some(op)) => Err(op.refuse("is a second output; the logits alone were expected")),
        }
    }

    /// The logits of a program with this output, and whether a softmax stands between.
    fn logits(&self, output: &'a str) -> Result<(Scaled<'a>, bool)> {
        let output = self.source(output)?;
        if self.kind(output.variable) != Some("softmax") {
            return Ok((output, false));
        }
        let softmax = self.expect(output.variable, &["softmax"])?;
        if output.factor != 1.0 || !matches!(softmax.int("axis", -1)?, -1 | 1) {
            return Err(softmax.refuse("gives no probabilities of classes"));
        }
        Ok((self.source(self.unary(softmax)?)?, true))
    }

    fn classified(&self, output: &'a str) -> Result<Encoder<'a>> {
        let (logits, softmax) = self.logits(output)?;
        let (mut classifier, input) = self.dense_of_one(logits)?;
        let (head, pooled, factor) = self.head_activation(self.source(input)?)?;
        classifier.input_factor = factor;
        let (mut pooler, first) = self.dense_of_one(self.source(pooled)?)?;
        let first = self.source(first)?;
        pooler.input_factor = first.factor;
        let mut state = self.source(self.first_token(first.variable)?)?;

        let (mut layers, mut mask) = (Vec::new(), None);
        let projection = loop {
            if let Some((projection, tables)) = self.projected_tables(state)? {
                state = tables;
                break Some(projection);
            }
            let norm = self.expect(state.variable, &["layer_norm"])?;
            if self.sums_tables(norm)? {
                break None;
            }
            if layers.len() == limits::LAYERS {
                return Err(norm.refuse("begins a layer too many"));
            }
            let (layer, before, its_mask) = self.layer(state)?;
            if mask.is_some_and(|mask| mask != its_mask) {
                return Err(norm.refuse("ends a layer with another mask than the layers after it"));
            }
            mask = Some(its_mask);
            layers.push(layer);
            state = before;
        };
        layers.reverse();
        let (embeddings_norm, sum) = self.norm(state)?;
        let mask = mask.ok_or_else(|| Error::rejected("the program has no encoder layer"))?;
        let pad_id = match mask {
            Mask::Pad { pad_id, .. } => Some(pad_id),
            Mask::Given(_) => None,
        };
        Ok(Encoder {
            embeddings: self.embeddings(sum, mask)?,
            embeddings_norm,
            projection,
            layers,
            pooler,
            head,
            classifier,
            pad_id,
            softmax,
        })
    }

    /// What the first token is taken from, by a `slice` that drops the axis or a `squeeze` after it.
    fn first_token(&self, variable: &'a str) -> Result<&'a str> {
        let op = self.expect(variable, &["slice", "squeeze2", "squeeze"])?;
        let (slice, dropped) = match op.kind() {
            "slice" => (op, &[1][..]),
            _ => {
                op.expect_ints("axes", &[1])?;
                (self.expect(self.unary(op)?, &["slice"])?, &[][..])
            }
        };
        slice.reads_only(&["Input"])?;
        for (name, value) in [("axes", 1), ("starts", 0), ("ends", 1)] {
            slice.expect_ints(name, &[value])?;
        }
        slice.expect_ints("decrease_axis", dropped)?;
        slice.input("Input")
    }

    /// The layer with this result, the state before it, and its mask.
    fn layer(&self, state: Scaled<'a>) -> Result<(Layer<'a>, Scaled<'a>, Mask<'a>)> {
        let (output_norm, sum) = self.norm(state)?;
        let (residual, branch) = self.residual(sum)?;
        let (feed_forward, input) = self.feed_forward(branch)?;
        self.expect_same(sum, input, residual)?;
        let (attention_norm, sum) = self.norm(residual)?;
        let (before, branch) = self.residual(sum)?;
        let (attention, input, mask) = self.attention(branch)?;
        self.expect_same(sum, input, before)?;
        let layer = Layer {
            attention,
            attention_norm,
            feed_forward,
            output_norm,
        };
        Ok((layer, before, mask))
    }

    fn feed_forward(&self, branch: Scaled<'a>) -> Result<(FeedForward<'a>, Scaled<'a>)> {
        let (mut output, hidden) = self.dense(branch)?;
        let (activation, hidden, factor) = self.activation(self.source(hidden)?)?;
        output.input_factor = factor;
        let (intermediate, input) = self.dense(self.source(hidden)?)?;
        let block = FeedForward {
            intermediate,
            activation,
            output,
        };
        Ok((block, self.source(input)?))
    }

    /// The norm with this result, and what it normalises.
    fn norm(&self, state: Scaled<'a>) -> Result<(LayerNorm<'a>, &'a str)> {
        let op = self.expect(state.variable, &["layer_norm"])?;
        op.reads_only(&["X", "Scale", "Bias"])?;
        if op.int("begin_norm_axis", 1)? != 2 {
            return Err(op.refuse("normalises over more than the last axis"));
        }
        let norm = LayerNorm {
            op,
            scale: self.parameter(op, "Scale")?,
            bias: self.parameter(op, "Bias")?,
            epsilon: op.float("epsilon", 1e-5)? as f32,
            factor: state.factor,
        };
        Ok((norm, op.input("X")?))
    }

    /// The two terms before a norm: the residual, which a norm gave, and the block's result.
    fn residual(&self, sum: &'a str) -> Result<(Scaled<'a>, Scaled<'a>)> {
        let op = self.expect(sum, &["elementwise_add"])?;
        let [x, y] = self.operands(op)?;
        let (x, y) = (self.source(x)?, self.source(y)?);
        let normed = |s: Scaled<'a>| match self.kind(s.variable) {
            Some("layer_norm") => Ok(true),
            _ => Ok(self.projected_tables(s)?.is_some()),
        };
        match (normed(x)?, normed(y)?) {
            (true, false) => Ok((x, y)),
            (false, true) => Ok((y, x)),
            _ => Err(op.refuse("adds no block to the layer norm before it")),
        }
    }

    /// A block must read what its residual carries past it.
    fn expect_same(&self, sum: &str, input: Scaled<'_>, residual: Scaled<'_>) -> Result<()> {
        if input == residual {
            return Ok(());
        }
        let op = self.expect(sum, &["elementwise_add"])?;
        Err(op.refuse("adds a block to something that the block does not read"))
    }

    /// Goes back through operators that, at inference, do nothing but multiply by a number.
    fn source(&self, variable: &'a str) -> Result<Scaled<'a>> {
        let mut at = Scaled {
            variable,
            factor: 1.0,
        };
        while let Some(op) = self.program.writer(at.variable) {
            at.factor *= match op.kind() {
                "dropout" => kept_at_inference(op)?,
                "cast" if op.casts_to_float()? => 1.0,
                "scale" if op.float("bias", 0.0)? == 0.0 => op.float("scale", 1.0)? as f32,
                "assign" => 1.0,
                "elementwise_mul" | "elementwise_div" => {
                    let [x, y] = self.operands(op)?;
                    match self.constant(y)? {
                        Some(by) if op.kind() == "elementwise_div" => at.factor /= by as f32,
                        Some(by) => at.factor *= by as f32,
                        None => break,
                    }
                    at.variable = x;
                    continue;
                }
                _ => break,
            };
            at.variable = self.unary(op)?;
        }
        match self.program.writer(variable) {
            Some(op) if !at.factor.is_finite() => {
                Err(op.refuse(format!("multiplies by {}", at.factor)))
            }
            _ => Ok(at),
        }
    }

    /// The input of an operator that has one.
    fn unary(&self, op: &'a Op) -> Result<&'a str> {
        op.reads_only(&["X"])?;
        op.input("X")
    }

    /// Both inputs of an operator of two values of one shape.
    fn operands(&self, op: &'a Op) -> Result<[&'a str; 2]> {
        op.reads_only(&["X", "Y"])?;
        Ok([op.input("X")?, op.input("Y")?])
    }

    fn parameter(&self, op: &'a Op, slot: &str) -> Result<&'a str> {
        let name = self.uncast(op.input(slot)?)?;
        if self.program.is_parameter(name) {
            return Ok(name);
        }
        Err(op.refuse(format!("has {name:?} as {slot}, which is no parameter")))
    }

    /// Kind of the operator that writes a variable.
    fn kind(&self, variable: &str) -> Option<&'a str> {
        self.program.writer(variable).map(Op::kind)
    }

    /// The operator that writes a variable, which must be of one of these kinds; casts that are none of them
    /// are passed over.
    fn expect(&self, variable: &'a str, kinds: &[&str]) -> Result<&'a Op> {
        let wanted = kinds.join(" or ");
        let uncast = if kinds.contains(&"cast") {
            variable
        } else {
            self.uncast(variable)?
        };
        match self.program.writer(uncast) {
            Some(op) if kinds.contains(&op.kind()) => Ok(op),
            Some(op) => Err(op.refuse(format!("stands where {wanted} was expected"))),
            None => Err(Error::rejected(format!(
                "parameter {variable:?} stands where {wanted} was expected"
            ))),
        }
    }
}

/// What a dropout multiplies by at inference.
fn kept_at_inference(op: &Op) -> Result<f32> {
    match op.text("dropout_implementation", "downgrade_in_infer")? {
        "upscale_in_train" => Ok(1.0),
        "downgrade_in_infer" => Ok((1.0 - op.float("dropout_prob", 0.5)?) as f32),
        other => Err(op.refuse(format!("has the unknown implementation {other:?}"))),
    }
}
