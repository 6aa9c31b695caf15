//! The encoder as a graph: embeddings, layers, pooler, classifier.
//!
//! The computation is act-infer's, operator by operator. Where the head reads the first token alone,
//! only what that needs of the last layer is computed: keys and values of all tokens, everything
//! else of that position. Where the engine leaves padding out, the graph masks it.

use std::collections::HashMap;

use act_core::plan::{HeadActivation, Pooling};
use act_core::{Activation, Artifact, Embedding, Linear, Norm, Result};

use super::graph::{Attribute, Dim, Graph, Value};
use super::linear::{ActivationType, Linears};
use super::proto::{GraphProto, data_type};

mod attention;

/// What is added to the score of a masked key, as in BERT and in the engine.
const MASKED: f32 = -1e4;

const BATCH: Dim = Dim::Free("batch");
const SEQUENCE: Dim = Dim::Free("sequence");

/// The graph, and the linears whose input stays float though their weights are int8. `whole_tables` says
/// that tables of bytes become floats before rows are gathered from them.
pub fn graph(
    artifact: &Artifact,
    activations: ActivationType,
    whole_tables: bool,
) -> Result<(GraphProto, Vec<Linear>)> {
    let mut encoder = Encoder {
        artifact,
        whole_tables,
        graph: Graph::default(),
        linears: Linears::new(artifact, activations),
        windows: HashMap::new(),
        biases: HashMap::new(),
        angles: HashMap::new(),
    };
    encoder.build()?;
    let name = &artifact.task.name;
    Ok((encoder.graph.finish(name), encoder.linears.float_inputs))
}

struct Encoder<'a> {
    artifact: &'a Artifact,
    whole_tables: bool,
    graph: Graph,
    linears: Linears<'a>,
    /// What windows add to scores, by window and whether the first token alone asks.
    windows: HashMap<(usize, bool), Value>,
    /// What distances add to scores, by the heads and whether the first token alone asks.
    biases: HashMap<(Vec<u16>, bool), Value>,
    /// Cosines and sines, by base (its bits) and head size.
    angles: HashMap<(u32, usize), [Value; 2]>,
}

/// Who asks in a layer's attention, and whom.
struct Tokens<'a> {
    /// `[batch, _, hidden]`: those whose rows go on.
    rows: &'a Value,
    /// `[batch, sequence, hidden]`.
    all: &'a Value,
    /// The first token alone asks.
    first: bool,
    /// `[batch, 1, 1, sequence]`, to be added to the scores.
    mask: &'a Value,
    /// `[sequence]`: 0, 1, 2 and so on, where a layer needs to know.
    places: Option<&'a Value>,
}

impl Encoder<'_> {
    fn build(&mut self) -> Result<()> {
        let several_types = self.artifact.plan.embeddings.type_vocab_size > 1;
        let mut input = |name| self.graph.input(name, data_type::INT64, &[BATCH, SEQUENCE]);
        let ids = input("input_ids");
        let types = several_types.then(|| input("token_type_ids"));
        let present = input("attention_mask");

        let mask = self.key_mask(&present);
        let mut hidden = self.embeddings(&ids, types.as_ref(), &present)?;
        let plan = &self.artifact.plan;
        let window = plan.layers.iter().any(|layer| layer.window.is_some());
        let bias = plan.relative_bias().is_some();
        let needed =
            window || bias || (0..plan.layers.len()).any(|l| plan.rotary_theta(l).is_some());
        let places = needed.then(|| self.places("places", &ids));
        let (layers, mean) = (plan.layers.len(), plan.head.pooling == Pooling::Mean);
        let layer = |encoder: &mut Self, l: usize, rows: &Value, all: &Value, first: bool| {
            let (mask, places) = (&mask, places.as_ref());
            let tokens = Tokens {
                rows,
                all,
                first,
                mask,
                places,
            };
            encoder.layer(l, &tokens)
        };
        let whole = if mean {
            layers
        } else {
            layers.saturating_sub(1)
        };
        for l in 0..whole {
            hidden = layer(self, l, &hidden, &hidden, false)?;
        }
        if mean {
            let rows = self.final_norm(hidden)?;
            let rows = self.mean(&rows, &present);
            return self.head(&rows);
        }
        let first = self.graph.integers(&[0]);
        let axis = [("axis", Attribute::Int(1))];
        let mut rows = self
            .graph
            .node_with("first", "Gather", &[&hidden, &first], &axis);
        if let Some(last) = layers.checked_sub(1) {
            rows = layer(self, last, &rows, &hidden, true)?;
        }
        let rows = self.final_norm(rows)?;
        self.head(&rows)
    }

    fn final_norm(&mut self, rows: Value) -> Result<Value> {
        if self.artifact.plan.block.final_norm {
            self.norm(Norm::Final, "final_norm", &rows)
        } else {
            Ok(rows)
        }
    }

    /// The mean over a sequence's tokens, `[batch, 1, hidden]`.
    fn mean(&mut self, rows: &Value, present: &Value) -> Value {
        let (graph, place) = (&mut self.graph, "mean");
        let to_float = [("to", Attribute::Int(data_type::FLOAT.into()))];
        let counts = graph.node_with(place, "Cast", &[present], &to_float);
        let last = graph.integers(&[2]);
        let counts = graph.node(place, "Unsqueeze", &[&counts, &last]);
        let counted = graph.node(place, "Mul", &[rows, &counts]);
        let axis = graph.integers(&[1]);
        let sum = graph.node(place, "ReduceSum", &[&counted, &axis]);
        let count = graph.node(place, "ReduceSum", &[&counts, &axis]);
        graph.node(place, "Div", &[&sum, &count])
    }

    /// 0, 1, 2 and so on, as many as tokens of a sequence.
    fn places(&mut self, place: &str, ids: &Value) -> Value {
        let graph = &mut self.graph;
        let one = graph.integer(1);
        let shape = graph.node(place, "Shape", &[ids]);
        let length = graph.node(place, "Gather", &[&shape, &one]);
        let zero = graph.integer(0);
        graph.node(place, "Range", &[&zero, &length, &one])
    }

    /// What to add to each key's scores, `[batch, 1, 1, sequence]`: `(1 - mask) * MASKED`.
    fn key_mask(&mut self, mask: &Value) -> Value {
        let graph = &mut self.graph;
        let to_float = [("to", Attribute::Int(data_type::FLOAT.into()))];
        let mask = graph.node_with("mask", "Cast", &[mask], &to_float);
        let (one, masked) = (graph.float(1.0), graph.float(MASKED));
        let absent = graph.node("mask", "Sub", &[&one, &mask]);
        let scores = graph.node("mask", "Mul", &[&absent, &masked]);
        let axes = graph.integers(&[1, 2]);
        graph.node("mask", "Unsqueeze", &[&scores, &axes])
    }

    /// The normalised sum of the embeddings, `[batch, sequence, hidden]`. Where all tokens have one
    /// type (`types` is nothing), its row is added to each.
    fn embeddings(&mut self, ids: &Value, types: Option<&Value>, mask: &Value) -> Result<Value> {
        let place = "embeddings.position";
        let table = self.artifact.plan.table_rows(Embedding::Position) > 0;
        let positions = table.then(|| self.positions(place, ids, mask));
        let mut sum = self.rows(Embedding::Word, "embeddings.word", ids)?;
        let others = [
            (Embedding::TokenType, "embeddings.token_type", types),
            (Embedding::Position, place, positions.as_ref()),
            (Embedding::TaskType, "embeddings.task_type", None),
        ];
        for (table, place, ids) in others {
            if self.artifact.plan.table_rows(table) == 0 {
                continue;
            }
            let rows = match ids {
                Some(ids) => self.rows(table, place, ids)?,
                None => {
                    let first = self.graph.integer(0);
                    self.rows(table, place, &first)?
                }
            };
            sum = self.graph.node("embeddings", "Add", &[&sum, &rows]);
        }
        let sum = self.norm(Norm::Embeddings, "embeddings", &sum)?;
        if !self.artifact.plan.has_weight(Linear::EmbeddingProjection) {
            return Ok(sum);
        }
        self.linears
            .apply(&mut self.graph, Linear::EmbeddingProjection, &sum)
    }

    /// Rows of the position table: `[sequence]`, or, where pads are not counted, `[batch, sequence]`
    /// as `cumsum(mask) * mask + offset - 1`.
    fn positions(&mut self, place: &str, ids: &Value, mask: &Value) -> Value {
        let offset = self.artifact.plan.embeddings.position_offset();
        if let Some(offset) = offset.filter(|&offset| offset > 0) {
            let graph = &mut self.graph;
            let one = graph.integer(1);
            let count = graph.node(place, "CumSum", &[mask, &one]);
            let count = graph.node(place, "Mul", &[&count, mask]);
            let before = graph.integer(offset as i64 - 1);
            return graph.node(place, "Add", &[&count, &before]);
        }
        self.places(place, ids)
    }

    /// Rows of a table in real numbers, `[.., width]` for `ids` of `[..]`. Bytes become floats
    /// after the rows are gathered, so that no run converts the table, unless it is to be converted whole.
    fn rows(&mut self, table: Embedding, place: &str, ids: &Value) -> Result<Value> {
        let (params, plan) = (&self.artifact.params, &self.artifact.plan);
        let (name, graph) = (table.weight(), &mut self.graph);
        let dims = [plan.table_rows(table), plan.embeddings.width];
        if self.artifact.quant.embedding(table).is_none() {
            let rows = graph.floats(&name, &dims, params.f32(&name)?);
            return Ok(graph.node(place, "Gather", &[&rows, ids]));
        }
        let rows = graph.int8s(&name, &dims, params.i8(&name)?);
        let scale = table.scale();
        if self.whole_tables {
            let scales = graph.floats(&scale, &[dims[0]], params.f32(&scale)?);
            let axis = [("axis", Attribute::Int(0))];
            let rows = graph.node_with(place, "DequantizeLinear", &[&rows, &scales], &axis);
            return Ok(graph.node(place, "Gather", &[&rows, ids]));
        }
        // A column, so that the gathered scales line up with the gathered rows.
        let scales = graph.floats(&scale, &[dims[0], 1], params.f32(&scale)?);
        let rows = graph.node(place, "Gather", &[&rows, ids]);
        let scales = graph.node(place, "Gather", &[&scales, ids]);
        let one = graph.float(1.0);
        let rows = graph.node(place, "DequantizeLinear", &[&rows, &one]);
        Ok(graph.node(place, "Mul", &[&rows, &scales]))
    }

    /// One encoder layer.
    fn layer(&mut self, l: usize, tokens: &Tokens<'_>) -> Result<Value> {
        let plan = &self.artifact.plan;
        let place = format!("layer.{l}.attention");
        let norm = plan.has_attention_norm(l).then_some(Norm::Attention(l));
        let update = match plan.layers[l].attention_width() {
            0 => self
                .linears
                .bias(&mut self.graph, Linear::AttentionOutput(l))?,
            _ => {
                let all = self.before(norm, &place, tokens.all)?;
                let rows = if tokens.first {
                    self.before(norm, &place, tokens.rows)?
                } else {
                    all.clone()
                };
                let seen = Tokens {
                    rows: &rows,
                    all: &all,
                    ..*tokens
                };
                Some(self.attention(l, &seen)?)
            }
        };
        let rows = self.join(norm, &place, tokens.rows, update)?;

        let place = format!("layer.{l}");
        let norm = Some(Norm::Output(l));
        let update = match self.artifact.plan.layers[l].intermediate_size {
            0 => self.linears.bias(&mut self.graph, Linear::Output(l))?,
            _ => {
                let seen = self.before(norm, &place, &rows)?;
                Some(self.feed_forward(l, &seen)?)
            }
        };
        self.join(norm, &place, &rows, update)
    }

    /// What a block sees of the stream.
    fn before(&mut self, norm: Option<Norm>, place: &str, rows: &Value) -> Result<Value> {
        match norm.filter(|_| self.artifact.plan.block.norms.before()) {
            Some(norm) => self.norm(norm, place, rows),
            None => Ok(rows.clone()),
        }
    }

    /// The stream behind a block.
    fn join(
        &mut self,
        norm: Option<Norm>,
        place: &str,
        rows: &Value,
        update: Option<Value>,
    ) -> Result<Value> {
        let sum = match update {
            Some(update) => self.graph.node(place, "Add", &[rows, &update]),
            None => rows.clone(),
        };
        match norm.filter(|_| !self.artifact.plan.block.norms.before()) {
            Some(norm) => self.norm(norm, place, &sum),
            None => Ok(sum),
        }
    }

    fn feed_forward(&mut self, l: usize, rows: &Value) -> Result<Value> {
        let graph = &mut self.graph;
        let neurons = self.linears.apply(graph, Linear::Intermediate(l), rows)?;
        let place = format!("layer.{l}.intermediate");
        let neurons = match self.artifact.plan.block.activation {
            Activation::Relu => graph.node(&place, "Relu", &[&neurons]),
            Activation::Gelu => gelu(graph, &place, &neurons),
            Activation::GeluTanh => gelu_tanh(graph, &place, &neurons),
        };
        let neurons = if self.artifact.plan.block.gated {
            let gate = self.linears.apply(graph, Linear::Gate(l), rows)?;
            graph.node(&place, "Mul", &[&neurons, &gate])
        } else {
            neurons
        };
        self.linears.apply(graph, Linear::Output(l), &neurons)
    }

    fn norm(&mut self, norm: Norm, place: &str, input: &Value) -> Result<Value> {
        let params = &self.artifact.params;
        let mut vector = |name: String| -> Result<Value> {
            let values = params.f32(&name)?;
            Ok(self.graph.floats(&name, &[values.len()], values))
        };
        let gamma = vector(norm.weight())?;
        let beta = if self.artifact.plan.block.norm_bias {
            Some(vector(norm.bias())?)
        } else {
            None
        };
        let epsilon = self.artifact.plan.layer_norm_eps;
        let attributes = [
            ("axis", Attribute::Int(-1)),
            ("epsilon", Attribute::Float(epsilon)),
        ];
        let inputs: Vec<_> = [input, &gamma].into_iter().chain(&beta).collect();
        Ok(self
            .graph
            .node_with(place, "LayerNormalization", &inputs, &attributes))
    }

    /// The head's dense layer, if it has one, and the classifier over the classified positions,
    /// `[batch, 1, hidden]`.
    fn head(&mut self, rows: &Value) -> Result<()> {
        let graph = &mut self.graph;
        let pooled = match self.artifact.plan.head.dense {
            None => rows.clone(),
            Some(dense) => {
                let pooled = self.linears.apply(graph, Linear::Pooler, rows)?;
                let pooled = match dense.activation {
                    HeadActivation::Tanh => graph.node("pooler", "Tanh", &[&pooled]),
                    HeadActivation::Relu => graph.node("pooler", "Relu", &[&pooled]),
                    HeadActivation::Gelu => gelu(graph, "pooler", &pooled),
                };
                if dense.norm {
                    self.norm(Norm::Head, "pooler", &pooled)?
                } else {
                    pooled
                }
            }
        };
        let graph = &mut self.graph;
        let scores = self.linears.apply(graph, Linear::Classifier, &pooled)?;
        let axis = graph.integers(&[1]);
        let labels = Dim::Fixed(self.artifact.plan.num_labels);
        graph.output("logits", "Squeeze", &[&scores, &axis], &[BATCH, labels]);
        Ok(())
    }
}

/// Exact GELU, `x/2 (1 + erf(x/sqrt 2))` (Hendrycks & Gimpel 2016), in the order of operators that
/// runtimes know to fuse; opset 17 has no Gelu.
fn gelu(graph: &mut Graph, place: &str, x: &Value) -> Value {
    let root = graph.float(std::f32::consts::SQRT_2);
    let scaled = graph.node(place, "Div", &[x, &root]);
    let erf = graph.node(place, "Erf", &[&scaled]);
    let one = graph.float(1.0);
    let sum = graph.node(place, "Add", &[&erf, &one]);
    let product = graph.node(place, "Mul", &[x, &sum]);
    let half = graph.float(0.5);
    graph.node(place, "Mul", &[&product, &half])
}

/// `x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))` (the same).
fn gelu_tanh(graph: &mut Graph, place: &str, x: &Value) -> Value {
    let square = graph.node(place, "Mul", &[x, x]);
    let cube = graph.node(place, "Mul", &[&square, x]);
    let (third, root) = (graph.float(0.044_715), graph.float(0.797_884_6));
    let cube = graph.node(place, "Mul", &[&cube, &third]);
    let sum = graph.node(place, "Add", &[x, &cube]);
    let inner = graph.node(place, "Mul", &[&sum, &root]);
    let tanh = graph.node(place, "Tanh", &[&inner]);
    let one = graph.float(1.0);
    let sum = graph.node(place, "Add", &[&tanh, &one]);
    let product = graph.node(place, "Mul", &[x, &sum]);
    let half = graph.float(0.5);
    graph.node(place, "Mul", &[&product, &half])
}
