//! From a walked program and its parameter stream to the plan and the tensors of an artifact. Factors
//! that the program applies between layers are multiplied into the weights beside them.

use std::collections::BTreeMap;
use std::ops::Range;

use act_core::{Embedding, Error, Family, LayerPlan, Linear, Norm, Params, Plan, Result, Tensor};

use super::params::ParamStream;
use super::walk::{Dense, Encoder, Layer, LayerNorm, Table};

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
    maker.table(Embedding::TokenType, &tables.token_type, 0)?;
    if let Some((table, row)) = &tables.task_type {
        maker.table(Embedding::TaskType, table, *row)?;
    }
    maker.norm(Norm::Embeddings, &encoder.embeddings_norm)?;
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
    let rows = |table: &Table<'_>| match stream.dims(table.parameter)? {
        [rows, _] => Ok(*rows),
        other => Err(wrong_shape(table.parameter, other, "[rows, hidden]")),
    };
    let outputs = |dense: &Dense<'_>| match stream.dims(dense.bias)? {
        [width] => Ok(*width),
        other => Err(wrong_shape(dense.bias, other, "[out]")),
    };
    let tables = &encoder.embeddings;
    let hidden_size = stream.dims(tables.word.parameter)?.last().copied();
    let layer_norm_eps = encoder.embeddings_norm.epsilon;
    // The walk gives no encoder without a layer.
    let hidden_act = encoder.layers[0].feed_forward.activation;
    let mut layers = Vec::with_capacity(encoder.layers.len());
    for (l, layer) in encoder.layers.iter().enumerate() {
        let epsilons = [&layer.attention_norm, &layer.output_norm].map(|n| n.epsilon);
        let activation = layer.feed_forward.activation;
        if epsilons != [layer_norm_eps; 2] || activation != hidden_act {
            return Err(Error::rejected(format!(
                "layer {l} has another epsilon or activation than the layers before it"
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
    Ok(Plan {
        family: match tables.task_type {
            Some(_) => Family::Ernie,
            None => Family::Bert,
        },
        hidden_size: hidden_size.unwrap_or(0),
        vocab_size: rows(&tables.word)?,
        max_position_embeddings: rows(&tables.position)?,
        type_vocab_size: rows(&tables.token_type)?,
        task_type_vocab_size: task_rows.transpose()?.unwrap_or(0),
        layer_norm_eps,
        hidden_act,
        num_labels: outputs(&encoder.classifier)?,
        layers,
    })
}

/// Copies numbers from the stream to where the plan has them.
struct Maker<'a> {
    stream: &'a ParamStream<'a>,
    plan: &'a Plan,
    params: Params,
    /// Which columns of a parameter are taken: no number may be copied twice, or a small file could
    /// make a large model.
    used: BTreeMap<&'a str, Vec<Range<usize>>>,
}

impl<'a> Maker<'a> {
    fn layer(&mut self, l: usize, layer: &Layer<'a>) -> Result<()> {
        let attention = &layer.attention;
        // The engines multiply scores by 1 / sqrt(head_dim); what the program has beyond that is
        // the query's.
        let mut query = attention.query.clone();
        let ratio = attention.score_scale * (attention.head_dim as f32).sqrt();
        if (ratio - 1.0).abs() > 1e-6 {
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
    fn table(&mut self, role: Embedding, table: &Table<'a>, first: u32) -> Result<()> {
        let (rows, hidden) = (self.plan.embedding_rows(role), self.plan.hidden_size);
        let mut values = self.take(table.parameter, 0..1, &[rows, hidden])?;
        multiply(&mut values, table.factor);
        // A parameter has no dimension of 0, and `take` has seen its shape.
        if let Some(zero) = table.zero_row.filter(|&zero| (zero as usize) < rows) {
            let start = zero as usize * hidden;
            values[start..start + hidden].fill(0.0);
        }
        if first as usize >= rows {
            return Err(Error::rejected(format!(
                "row {first} of {role} is used, which has {rows} rows"
            )));
        }
        for column in 0..hidden {
            values.swap(column, first as usize * hidden + column);
        }
        self.put(role.weight(), vec![rows, hidden], values);
        Ok(())
    }

    fn norm(&mut self, role: Norm, norm: &LayerNorm<'a>) -> Result<()> {
        let hidden = self.plan.hidden_size;
        for (name, parameter) in [(role.weight(), norm.scale), (role.bias(), norm.bias)] {
            let mut values = self.take(parameter, 0..1, &[hidden])?;
            multiply(&mut values, norm.factor);
            self.put(name, vec![hidden], values);
        }
        Ok(())
    }

    fn dense(&mut self, role: Linear, dense: &Dense<'a>) -> Result<()> {
        let [out, input] = self.plan.linear_shape(role);
        let columns = dense.columns.clone().unwrap_or(0..out);
        let whole = match dense.columns {
            None => out,
            Some(_) => self.stream.dims(dense.bias)?.first().copied().unwrap_or(0),
        };
        if columns.len() != out || columns.end > whole {
            return Err(Error::rejected(format!(
                "{role} takes columns {columns:?} of {whole}; {out} are needed"
            )));
        }
        let stored = match dense.transposed {
            true => [whole, input],
            false => [input, whole],
        };
        let values = self.take(dense.weight, columns.clone(), &stored)?;
        let mut weight = match dense.transposed {
            true => values[columns.start * input..columns.end * input].to_vec(),
            false => transpose(&values, whole, columns.clone()),
        };
        multiply(&mut weight, dense.input_factor * dense.factor);
        let mut bias = self.take(dense.bias, columns.clone(), &[whole])?[columns].to_vec();
        multiply(&mut bias, dense.factor);
        self.put(role.weight(), vec![out, input], weight);
        self.put(role.bias(), vec![out], bias);
        Ok(())
    }

    /// The numbers of a parameter of this shape, of which these columns are still to be taken.
    fn take(&mut self, name: &'a str, columns: Range<usize>, shape: &[usize]) -> Result<Vec<f32>> {
        let found = self.stream.dims(name)?;
        if found != shape {
            return Err(wrong_shape(name, found, &format!("{shape:?}")));
        }
        let used = self.used.entry(name).or_default();
        let overlaps =
            |other: &Range<usize>| other.start < columns.end && columns.start < other.end;
        if used.iter().any(overlaps) {
            return Err(Error::rejected(format!("parameter {name:?} is used twice")));
        }
        used.push(columns);
        self.stream.values(name)
    }

    fn put(&mut self, name: String, shape: Vec<usize>, values: Vec<f32>) {
        self.params.insert(name, Tensor::f32(shape, values));
    }
}

/// Columns of a matrix that is `width` wide, as rows.
fn transpose(values: &[f32], width: usize, columns: Range<usize>) -> Vec<f32> {
    let column = |c: usize| values.iter().skip(c).step_by(width).copied();
    columns.flat_map(column).collect()
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
