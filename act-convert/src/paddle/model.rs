//! From a walked program and its parameter stream to the plan and the tensors of an artifact. Factors
//! that the program applies between layers are multiplied into the weights beside them.

use std::collections::BTreeMap;

use act_core::plan::{HeadActivation, Position};
use act_core::{
    Block, Embedding, Embeddings, Error, Family, Head, LayerPlan, Linear, Norm, Params, Plan,
    Result, Tensor,
};

use super::params::ParamStream;
use super::walk::{Dense, EmbeddingTable, Encoder, Layer, LayerNorm, MatrixColumns};

/// Plan and tensors of an encoder whose numbers are in `stream`.
///
/// # Errors
/// Rejected: shapes that do not fit together, or one parameter in two places.
pub fn assemble(encoder: &Encoder<'_>, stream: &ParamStream<'_>) -> Result<(Plan, Params)> {
    let plan = plan(encoder, stream)?;
    let mut maker = Maker {
        stream,
        plan: &plan,
        params: Params::new(),
        used: BTreeMap::new(),
    };
    let tables = &encoder.embeddings;
    maker.table(Embedding::Word, &tables.word, 0)?;
    maker.table(Embedding::Position, &tables.position, 0)?;
    if let Some(table) = &tables.token_type {
        maker.table(Embedding::TokenType, table, 0)?;
    }
    if let Some(row) = tables.token_type_row {
        maker.repeat_row(Embedding::TokenType, row)?;
    }
    if let Some((table, row)) = &tables.task_type {
        maker.table(Embedding::TaskType, table, *row)?;
    }
    maker.norm(Norm::Embeddings, &encoder.embeddings_norm)?;
    if let Some(projection) = &encoder.projection {
        maker.dense(Linear::EmbeddingProjection, projection)?;
    }
    for (l, layer) in encoder.layers.iter().enumerate() {
        maker.layer(l, layer)?;
    }
    maker.dense(Linear::Pooler, &encoder.pooler)?;
    maker.dense(Linear::Classifier, &encoder.classifier)?;
    let params = maker.params;
    Ok((plan, params))
}

/// Sizes from the shapes of the parameters.
fn plan(encoder: &Encoder<'_>, stream: &ParamStream<'_>) -> Result<Plan> {
    let rows = |table: &EmbeddingTable<'_>| match stream.dims(table.parameter)? {
        [rows, _] => Ok(*rows),
        other => Err(wrong_shape(table.parameter, other, "[rows, hidden]")),
    };
    let outputs = |dense: &Dense<'_>| outputs(dense, stream);
    let tables = &encoder.embeddings;
    let width = stream.dims(tables.word.parameter)?.last().copied();
    let width = width.unwrap_or(0);
    let hidden_size = match &encoder.projection {
        None => width,
        Some(projection) => match outputs(projection)? {
            same if same == width => {
                return Err(Error::rejected(format!(
                    "the tables are projected to their own width, {width}; no family does that"
                )));
            }
            other => other,
        },
    };
    let layer_norm_eps = encoder.embeddings_norm.epsilon;
    // The walk gives no encoder without a layer.
    let hidden_act = encoder.layers[0].feed_forward.activation;
    let mut layers = Vec::with_capacity(encoder.layers.len());
    for (l, layer) in encoder.layers.iter().enumerate() {
        for norm in [&layer.attention_norm, &layer.output_norm] {
            if norm.epsilon != layer_norm_eps {
                return Err(norm.op.refuse(format!(
                    "has the epsilon {}, the embeddings' norm {layer_norm_eps}; one for all was \
                     expected",
                    norm.epsilon
                )));
            }
        }
        if layer.feed_forward.activation != hidden_act {
            return Err(Error::rejected(format!(
                "layer {l} has another activation than the layers before it"
            )));
        }
        let intermediate = outputs(&layer.feed_forward.intermediate)?;
        let attention = &layer.attention;
        // The walk has checked that the heads are few enough for a plan.
        layers.push(LayerPlan::full(
            attention.heads,
            attention.head_dim,
            intermediate,
        ));
    }
    let task_rows = tables.task_type.as_ref().map(|(table, _)| rows(table));
    let types = tables.token_type.as_ref().map(rows).transpose()?;
    let offset = tables.position_offset as usize;
    let position_rows = rows(&tables.position)?;
    let longest = position_rows.checked_sub(offset).ok_or_else(|| {
        Error::rejected(format!(
            "positions begin in row {offset} of a table of {position_rows}"
        ))
    })?;
    Ok(Plan {
        family: match (&tables.task_type, encoder.head, types) {
            (Some(_), ..) => Family::Ernie,
            (None, HeadActivation::Relu, None) => Family::DistilBert,
            (None, HeadActivation::Gelu, Some(_)) => Family::Electra,
            _ => Family::Bert,
        },
        hidden_size,
        layer_norm_eps,
        num_labels: outputs(&encoder.classifier)?,
        embeddings: Embeddings {
            task_type_vocab_size: task_rows.transpose()?.unwrap_or(0),
            positions: vec![Position::Learned { offset }],
            ..Embeddings::bert(rows(&tables.word)?, width, longest, types.unwrap_or(0))
        },
        block: Block::bert(hidden_act),
        layers,
        head: Head::first_token(encoder.head),
    })
}

/// Outputs of a linear layer before any columns are taken.
fn outputs(dense: &Dense<'_>, stream: &ParamStream<'_>) -> Result<usize> {
    match stream.dims(dense.weight)? {
        [out, _] if dense.transposed => Ok(*out),
        [_, out] => Ok(*out),
        other => Err(wrong_shape(dense.weight, other, "[in, out]")),
    }
}

/// Copies numbers from the stream to where the plan has them.
struct Maker<'a> {
    stream: &'a ParamStream<'a>,
    plan: &'a Plan,
    params: Params,
    /// Which columns of a parameter are taken: no number may be copied twice, or a small file could
    /// make a large model.
    used: BTreeMap<&'a str, Vec<bool>>,
}

impl<'a> Maker<'a> {
    fn layer(&mut self, l: usize, layer: &Layer<'a>) -> Result<()> {
        let attention = &layer.attention;
        // The engines multiply scores by 1 / sqrt(head_dim); what the program has beyond that is
        // the query's.
        let mut query = attention.query.clone();
        let ratio = attention.score_scale * (attention.head_dim as f32).sqrt();
        let right = (ratio - 1.0).abs() <= 1e-6;
        if !right {
            query.factor *= ratio;
        }
        self.dense(Linear::Query(l), &query)?;
        self.dense(Linear::Key(l), &attention.key)?;
        self.dense(Linear::Value(l), &attention.value)?;
        self.dense(Linear::AttentionOutput(l), &attention.output)?;
        self.norm(Norm::Attention(l), &layer.attention_norm)?;
        self.dense(Linear::Intermediate(l), &layer.feed_forward.intermediate)?;
        self.dense(Linear::Output(l), &layer.feed_forward.output)?;
        self.norm(Norm::Output(l), &layer.output_norm)
    }

    /// A table; `first` is the row that the artifact has as row 0, and changes places with it.
    fn table(&mut self, role: Embedding, table: &EmbeddingTable<'a>, first: u32) -> Result<()> {
        let (rows, width) = (self.plan.table_rows(role), self.plan.embeddings.width);
        let mut values = self.take(table.parameter, &MatrixColumns::range(0..1), &[rows, width])?;
        multiply(&mut values, table.factor);
        // A parameter has no dimension of 0, and `take` has seen its shape.
        if let Some(zero) = table.zero_row.filter(|&zero| (zero as usize) < rows) {
            let start = zero as usize * width;
            values[start..start + width].fill(0.0);
        }
        if first as usize >= rows {
            return Err(Error::rejected(format!(
                "row {first} of {role} is used, which has {rows} rows"
            )));
        }
        for column in 0..width {
            values.swap(column, first as usize * width + column);
        }
        self.put(role.weight(), vec![rows, width], values);
        Ok(())
    }

    fn norm(&mut self, role: Norm, norm: &LayerNorm<'a>) -> Result<()> {
        let width = match role {
            Norm::Embeddings => self.plan.embeddings.width,
            _ => self.plan.hidden_size,
        };
        for (name, parameter) in [(role.weight(), norm.scale), (role.bias(), norm.bias)] {
            let mut values = self.take(parameter, &MatrixColumns::range(0..1), &[width])?;
            multiply(&mut values, norm.factor);
            self.put(name, vec![width], values);
        }
        Ok(())
    }

    /// Makes every row of a table this one.
    fn repeat_row(&mut self, role: Embedding, row: u32) -> Result<()> {
        let (rows, width) = (self.plan.table_rows(role), self.plan.embeddings.width);
        let values = self.params.f32(&role.weight())?;
        let start = (row as usize).saturating_mul(width);
        let Some(values) = values.get(start..start.saturating_add(width)) else {
            return Err(Error::rejected(format!(
                "row {row} of {role} is used, which has {rows} rows"
            )));
        };
        let values = values.repeat(rows);
        self.put(role.weight(), vec![rows, width], values);
        Ok(())
    }

    fn dense(&mut self, role: Linear, dense: &Dense<'a>) -> Result<()> {
        let [out, input] = self.plan.linear_shape(role);
        let whole = outputs(dense, self.stream)?;
        let columns = dense
            .columns
            .clone()
            .unwrap_or(MatrixColumns::range(0..whole));
        if columns.total() != Some(out) || columns.end().is_none_or(|end| end > whole) {
            return Err(Error::rejected(format!(
                "{role} takes columns of {whole}, {columns:?}; {out} are needed"
            )));
        }
        let stored = if dense.transposed {
            [whole, input]
        } else {
            [input, whole]
        };
        let values = self.take(dense.weight, &columns, &stored)?;
        let mut weight: Vec<f32> = if dense.transposed {
            let rows = columns.iter().map(|c| &values[c * input..(c + 1) * input]);
            rows.flatten().copied().collect()
        } else {
            transpose(&values, whole, &columns)
        };
        multiply(&mut weight, dense.input_factor * dense.factor);
        let mut bias = match dense.bias {
            Some(bias) => {
                let values = self.take(bias, &columns, &[whole])?;
                columns.iter().map(|c| values[c]).collect()
            }
            None => vec![0.0; out],
        };
        multiply(&mut bias, dense.factor);
        self.put(role.weight(), vec![out, input], weight);
        self.put(role.bias(), vec![out], bias);
        Ok(())
    }

    /// The numbers of a parameter of this shape, of which these columns are still to be taken.
    fn take(
        &mut self,
        name: &'a str,
        columns: &MatrixColumns,
        shape: &[usize],
    ) -> Result<Vec<f32>> {
        let found = self.stream.dims(name)?;
        if found != shape {
            return Err(wrong_shape(name, found, &format!("{shape:?}")));
        }
        let used = self.used.entry(name).or_default();
        for column in columns.iter() {
            if used.len() <= column {
                used.resize(column + 1, false);
            }
            if std::mem::replace(&mut used[column], true) {
                return Err(Error::rejected(format!("parameter {name:?} is used twice")));
            }
        }
        self.stream.values(name)
    }

    fn put(&mut self, name: String, shape: Vec<usize>, values: Vec<f32>) {
        self.params.insert(name, Tensor::f32(shape, values));
    }
}

/// Columns of a matrix that is `width` wide, as rows.
fn transpose(values: &[f32], width: usize, columns: &MatrixColumns) -> Vec<f32> {
    let column = |c: usize| values.iter().skip(c).step_by(width).copied();
    columns.iter().flat_map(column).collect()
}

fn multiply(values: &mut [f32], factor: f32) {
    if factor != 1.0 {
        values.iter_mut().for_each(|v| *v *= factor);
    }
}

fn wrong_shape(name: &str, found: &[usize], wanted: &str) -> Error {
    Error::rejected(format!(
        "parameter {name:?} has the shape {found:?}; {wanted} was expected"
    ))
}
