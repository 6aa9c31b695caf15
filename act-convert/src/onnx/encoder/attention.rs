//! The attention of a layer, and what layers share of it: windows, biases by distance, angles.

use act_core::arithmetic::rotary::Frequencies;
use act_core::names::RELATIVE_BIAS;
use act_core::{Linear, Result};

use super::super::graph::{Attribute, Value};
use super::super::proto::data_type;
use super::{Encoder, Tokens};

/// What is added to the score of a key outside of a window; no other score is as low.
const OUTSIDE: f32 = -1e30;

impl Encoder<'_> {
    /// `softmax(q k' / sqrt(head_dim) + mask) v`, then the output projection.
    pub(super) fn attention(&mut self, l: usize, tokens: &Tokens<'_>) -> Result<Value> {
        let layer = &self.artifact.plan.layers[l];
        let Tokens { rows, all, .. } = *tokens;
        // The first token stands at place 0, where nothing is turned.
        let asking = tokens.places.filter(|_| !tokens.first);
        let query = self.heads(l, Linear::Query(l), rows, asking, &[0, 2, 1, 3])?;
        let key = self.heads(l, Linear::Key(l), all, tokens.places, &[0, 2, 3, 1])?;
        let value = self.heads(l, Linear::Value(l), all, None, &[0, 2, 1, 3])?;
        let bias = match tokens.places {
            Some(places) => self.relative_bias(l, places, tokens.first)?,
            None => None,
        };
        let window = layer.window.zip(tokens.places);
        let window = window.map(|(window, places)| self.window(window.get(), places, tokens.first));

        let (graph, place) = (&mut self.graph, format!("layer.{l}.heads"));
        let scale = graph.float(1.0 / (layer.head_dim as f32).sqrt());
        let scores = graph.node(&place, "MatMul", &[&query, &key]);
        let scores = graph.node(&place, "Mul", &[&scores, &scale]);
        let mut scores = graph.node(&place, "Add", &[&scores, tokens.mask]);
        if let Some(bias) = bias {
            scores = graph.node(&place, "Add", &[&scores, &bias]);
        }
        if let Some(window) = window {
            scores = graph.node(&place, "Add", &[&scores, &window]);
        }
        let last = [("axis", Attribute::Int(-1))];
        let weights = graph.node_with(&place, "Softmax", &[&scores], &last);
        let context = graph.node(&place, "MatMul", &[&weights, &value]);
        let order = [("perm", Attribute::Ints(&[0, 2, 1, 3]))];
        let context = graph.node_with(&place, "Transpose", &[&context], &order);
        let shape = graph.integers(&[0, 0, layer.attention_width() as i64]);
        let context = graph.node(&place, "Reshape", &[&context, &shape]);
        self.linears
            .apply(graph, Linear::AttentionOutput(l), &context)
    }

    /// What to add to the scores of keys by queries, `[_, sequence]`: nothing in the window. Layers of one
    /// window share it.
    fn window(&mut self, window: usize, places: &Value, first: bool) -> Value {
        if let Some(known) = self.windows.get(&(window, first)) {
            return known.clone();
        }
        let (graph, place) = (&mut self.graph, format!("window.{window}"));
        let (one, zero) = (graph.integers(&[1]), graph.integers(&[0]));
        let asking = if first {
            graph.integers(&[0])
        } else {
            graph.node(&place, "Unsqueeze", &[places, &one])
        };
        let keys = graph.node(&place, "Unsqueeze", &[places, &zero]);
        let distance = graph.node(&place, "Sub", &[&asking, &keys]);
        let distance = graph.node(&place, "Abs", &[&distance]);
        let most = graph.integer(window as i64);
        let outside = graph.node(&place, "Greater", &[&distance, &most]);
        let to_float = [("to", Attribute::Int(data_type::FLOAT.into()))];
        let outside = graph.node_with(&place, "Cast", &[&outside], &to_float);
        let score = graph.float(OUTSIDE);
        let scores = graph.node(&place, "Mul", &[&outside, &score]);
        self.windows.insert((window, first), scores.clone());
        scores
    }

    /// What to add to the scores by distance, `[1, heads, _, sequence]`, if anything is. The buckets of all
    /// distances are a constant; which one a query and a key have is looked up.
    fn relative_bias(&mut self, l: usize, places: &Value, first: bool) -> Result<Option<Value>> {
        let plan = &self.artifact.plan;
        let Some(buckets) = plan.relative_bias() else {
            return Ok(None);
        };
        let heads = &plan.layers[l].kept_heads;
        let key = (heads.clone(), first);
        if let Some(known) = self.biases.get(&key) {
            return Ok(Some(known.clone()));
        }
        let longest = plan.embeddings.longest;
        let table = self.artifact.params.get(RELATIVE_BIAS)?;
        let (columns, values) = (table.shape()[1], self.artifact.params.f32(RELATIVE_BIAS)?);
        // A row for each distance from the key to the query, from the furthest behind on.
        let distances = (0..2 * longest - 1).map(|d| match d.checked_sub(longest - 1) {
            Some(behind) => buckets.of(behind, 0),
            None => buckets.of(0, longest - 1 - d),
        });
        let rows: Vec<f32> = distances
            .flat_map(|bucket| {
                heads
                    .iter()
                    .map(move |&h| values[bucket * columns + usize::from(h)])
            })
            .collect();
        let (graph, place) = (&mut self.graph, format!("layer.{l}.bias"));
        let dims = [2 * longest - 1, heads.len()];
        let rows = graph.floats(&format!("{place}.distances"), &dims, &rows);
        let (one, zero) = (graph.integers(&[1]), graph.integers(&[0]));
        let asking = if first {
            graph.integers(&[0])
        } else {
            graph.node(&place, "Unsqueeze", &[places, &one])
        };
        let keys = graph.node(&place, "Unsqueeze", &[places, &zero]);
        let distance = graph.node(&place, "Sub", &[&asking, &keys]);
        let furthest = graph.integer(longest as i64 - 1);
        let distance = graph.node(&place, "Add", &[&distance, &furthest]);
        let added = graph.node(&place, "Gather", &[&rows, &distance]);
        let order = [("perm", Attribute::Ints(&[2, 0, 1]))];
        let added = graph.node_with(&place, "Transpose", &[&added], &order);
        let added = graph.node(&place, "Unsqueeze", &[&added, &zero]);
        self.biases.insert(key, added.clone());
        Ok(Some(added))
    }

    /// A projection split into heads, turned by the tokens' places where they are given and the layer
    /// turns, its `[batch, tokens, heads, head_dim]` put in `order`.
    fn heads(
        &mut self,
        l: usize,
        linear: Linear,
        rows: &Value,
        places: Option<&Value>,
        order: &'static [i64],
    ) -> Result<Value> {
        let layer = &self.artifact.plan.layers[l];
        let graph = &mut self.graph;
        let projection = self.linears.apply(graph, linear, rows)?;
        let shape = graph.integers(&[0, 0, layer.heads() as i64, layer.head_dim as i64]);
        let place = linear.to_string();
        let mut heads = graph.node(&place, "Reshape", &[&projection, &shape]);
        if let (Some(theta), Some(places)) = (self.artifact.plan.rotary_theta(l), places) {
            heads = self.turned(&place, &heads, (theta, layer.head_dim), places);
        }
        let order = [("perm", Attribute::Ints(order))];
        Ok(self.graph.node_with(&place, "Transpose", &[&heads], &order))
    }

    /// Heads `[batch, tokens, heads, head_dim]` turned by the tokens' places.
    fn turned(
        &mut self,
        place: &str,
        heads: &Value,
        (theta, head_dim): (f32, usize),
        places: &Value,
    ) -> Value {
        let [cosines, sines] = self.angles(theta, head_dim, places);
        let (graph, pairs) = (&mut self.graph, head_dim as i64 / 2);
        let last = graph.integers(&[3]);
        let [start, middle, end] = [0, pairs, 2 * pairs].map(|at| graph.integers(&[at]));
        let a = graph.node(place, "Slice", &[heads, &start, &middle, &last]);
        let b = graph.node(place, "Slice", &[heads, &middle, &end, &last]);
        let mut times = |x: &Value, y: &Value| graph.node(place, "Mul", &[x, y]);
        let [ac, bs, bc, sa] = [
            times(&a, &cosines),
            times(&b, &sines),
            times(&b, &cosines),
            times(&a, &sines),
        ];
        let first = graph.node(place, "Sub", &[&ac, &bs]);
        let second = graph.node(place, "Add", &[&bc, &sa]);
        let axis = [("axis", Attribute::Int(-1))];
        graph.node_with(place, "Concat", &[&first, &second], &axis)
    }

    /// Cosines and sines of all tokens' angles, `[sequence, 1, pairs]`. Layers of one base share them.
    fn angles(&mut self, theta: f32, head_dim: usize, places: &Value) -> [Value; 2] {
        let key = (theta.to_bits(), head_dim);
        if let Some(known) = self.angles.get(&key) {
            return known.clone();
        }
        let (frequencies, pairs) = (Frequencies::new(theta, head_dim), head_dim / 2);
        let longest = self.artifact.plan.embeddings.longest;
        let mut turns = Vec::with_capacity(longest * head_dim);
        (0..longest).for_each(|place| frequencies.extend(place, &mut turns));
        let graph = &mut self.graph;
        let angles = ["cosines", "sines"].map(|name| {
            let skipped = if name == "sines" { pairs } else { 0 };
            let rows = turns.chunks_exact(head_dim.max(1));
            let values: Vec<f32> = rows
                .flat_map(|row| &row[skipped..skipped + pairs])
                .copied()
                .collect();
            let place = format!("rotary.{theta}.{head_dim}.{name}");
            let table = graph.floats(&place, &[longest, 1, pairs], &values);
            graph.node(&place, "Gather", &[&table, places])
        });
        self.angles.insert(key, angles.clone());
        angles
    }
}
