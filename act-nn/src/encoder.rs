//! The encoder: a BERT (Devlin et al. 2019) or its kin, of the plan's parts, whose layers may each have
//! another number of heads and neurons, or none.
//!
//! It computes on ragged sequences and calls the taps at every site; it knows no stage, no loss
//! and no device. Where the head reads the first token alone, only that needs the last layer's query,
//! attention output and feed-forward block; the rest of them is skipped unless a tap wants all tokens.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use act_core::names::RELATIVE_BIAS;
use act_core::plan::Pooling;
use act_core::{Artifact, Embedding, Linear, Norm, Plan, Site};
use burn::tensor::Tensor;

use crate::backend::{ActBackend, Ops};
use crate::dropout::{Dropout, Noise, Queries};
use crate::ragged::Ragged;
use crate::shapes::{AttentionShape, Turns};
use crate::taps::Taps;
use crate::tensors::{int_row, tensor};
use crate::weights::Weights;

/// The sum of the embeddings in two parts, `[tokens, hidden]` each. The tables stay outside the
/// graph: the gradient of the words' part is that of every table's rows ([`tables`]).
pub(crate) struct Embedded<B: Ops> {
    /// Rows of the word table and of all others but the last, summed.
    pub(crate) words: Tensor<B, 2>,
    /// Rows of the last table.
    pub(crate) others: Tensor<B, 2>,
}

impl<B: ActBackend> Embedded<B> {
    /// The same as constants of a graph.
    pub(crate) fn untracked(self) -> Embedded<B::Graph> {
        Embedded {
            words: Tensor::from_inner(self.words),
            others: Tensor::from_inner(self.others),
        }
    }
}

/// The embedding tables in the order in which the engine adds them, and of each the row of every token.
pub(crate) fn tables(plan: &Plan, batch: &Ragged) -> Vec<(Embedding, Vec<u32>)> {
    let ids = |table| match table {
        Embedding::Word => batch.input_ids.clone(),
        Embedding::Position => batch.positions.clone(),
        Embedding::TokenType => batch.token_type_ids.clone(),
        // ERNIE adds the row of task 0 to every token.
        Embedding::TaskType => vec![0; batch.tokens()],
    };
    let tables = [
        Embedding::Word,
        Embedding::TokenType,
        Embedding::Position,
        Embedding::TaskType,
    ];
    let tables = tables.into_iter().filter(|t| plan.table_rows(*t) > 0);
    tables.map(|table| (table, ids(table))).collect()
}

/// Looks the embeddings up.
pub(crate) fn embed<B: Ops>(weights: &Weights<B>, batch: &Ragged) -> Embedded<B> {
    let tables = tables(&weights.layout.plan, batch);
    let rows: Vec<_> = tables
        .iter()
        .map(|(table, ids)| (weights.get(&table.weight()), &ids[..]))
        .collect();
    // A model may have no other table than that of the words.
    let (first, last) = rows.split_at((rows.len() - 1).max(1));
    let words = B::embed(first);
    let others = match last {
        [] => words.zeros_like(),
        last => B::embed(last),
    };
    Embedded { words, others }
}

/// True if the forward pass of this model comes through the site.
pub(crate) fn exists(artifact: &Artifact, site: Site) -> bool {
    let plan = &artifact.plan;
    let attends = |l: usize| plan.layers.get(l).is_some_and(|p| p.attention_width() > 0);
    let has_neurons = |l: usize| plan.layers.get(l).is_some_and(|p| p.intermediate_size > 0);
    match site {
        Site::EmbeddingsOutput | Site::Logits => true,
        Site::Hidden(l) => l < plan.layers.len(),
        Site::Attended(l) => plan.block.norms.before() && l < plan.layers.len(),
        Site::Heads(l) => attends(l),
        Site::Intermediate(l) => has_neurons(l),
        Site::Projection(Linear::Query(l) | Linear::Key(l) | Linear::Value(l)) => attends(l),
        Site::Projection(_) => false,
        Site::Input(linear) => match linear {
            Linear::Query(l) | Linear::Key(l) | Linear::Value(l) | Linear::AttentionOutput(l) => {
                attends(l)
            }
            Linear::Intermediate(l) | Linear::Output(l) => has_neurons(l),
            Linear::Gate(l) => plan.block.gated && has_neurons(l),
            Linear::Classifier => true,
            Linear::EmbeddingProjection | Linear::Pooler => plan.has_weight(linear),
        },
    }
}

/// Class scores, `[sequences, labels]`.
pub(crate) fn logits<B: Ops>(
    weights: &Weights<B>,
    embedded: Embedded<B>,
    batch: &Ragged,
    taps: &mut dyn Taps<B>,
    noise: &mut Noise,
) -> Tensor<B, 2> {
    let mut pass = Pass {
        weights,
        batch,
        taps,
        noise,
        turns: BTreeMap::new(),
    };
    let plan = &weights.layout.plan;
    let [gamma, beta] = weights.norm(Norm::Embeddings);
    let eps = plan.layer_norm_eps;
    let x = B::add_norm(
        embedded.words,
        embedded.others,
        gamma,
        beta,
        eps,
        Dropout::OFF,
    );
    let mut x = pass.enter_stream(x);
    let layers = plan.layers.len();
    let mean = plan.head.pooling == Pooling::Mean;
    let all_tokens = mean || pass.taps.all_tokens();
    for layer in 0..layers {
        let last = layer + 1 == layers;
        let queries = if last && !all_tokens {
            Queries::First
        } else {
            Queries::All
        };
        x = pass.layer(layer, x, queries);
    }
    if !mean && (layers == 0 || all_tokens) {
        x = B::rows(x, &batch.starts);
    }
    if plan.block.final_norm {
        x = pass.norm(Norm::Final, x);
    }
    if mean {
        x = means::<B>(batch, &x.device()).matmul(x);
    }
    let pooled = match plan.head.dense {
        Some(dense) => {
            let pooled = pass.linear(Linear::Pooler, x);
            let pooled = B::activate_head(pooled, dense.activation);
            if dense.norm {
                pass.norm(Norm::Head, pooled)
            } else {
                pooled
            }
        }
        None => x,
    };
    let pooled = pass.taps.at(Site::Input(Linear::Classifier), pooled);
    let dropout = pass.noise.next_site(Queries::First);
    // What is dropped and scaled is no longer what the tap gave.
    let as_given = dropout.is_off();
    let logits = pass.affine(Linear::Classifier, B::dropout(pooled, dropout), as_given);
    pass.taps.at(Site::Logits, logits)
}

/// What the tokens' rows are multiplied by to give each sequence's mean, `[sequences, tokens]`: pads do not
/// count where there are other tokens.
fn means<B: Ops>(batch: &Ragged, device: &B::Device) -> Tensor<B, 2> {
    let (tokens, sequences) = (batch.tokens(), batch.lengths.len());
    let mut shares = vec![0f32; sequences * tokens];
    let sequences_of = batch.starts.iter().zip(&*batch.lengths);
    for (row, (&start, &length)) in shares.chunks_exact_mut(tokens.max(1)).zip(sequences_of) {
        let place = start as usize..start as usize + length;
        let bias = batch.key_bias.as_ref().map(|bias| &bias[place.clone()]);
        let read = |i: usize| bias.is_none_or(|bias| bias[i] == 0.0);
        let count = (0..length).filter(|&i| read(i)).count();
        for (i, share) in row[place].iter_mut().enumerate() {
            *share = match count {
                0 => 1.0 / length as f32,
                _ if read(i) => 1.0 / count as f32,
                _ => 0.0,
            };
        }
    }
    tensor(shares, [sequences, tokens], device)
}

/// One forward pass on its way.
struct Pass<'a, B: Ops> {
    weights: &'a Weights<B>,
    batch: &'a Ragged,
    taps: &'a mut dyn Taps<B>,
    noise: &'a mut Noise,
    /// What queries and keys are turned by, of each base (its bits) and head size.
    turns: BTreeMap<(u32, usize), Turns>,
}

impl<B: Ops> Pass<'_, B> {
    /// From the normalised sum of the embeddings to the stream before the first layer. Dropout is
    /// of what the tables give, as in ELECTRA and ALBERT.
    fn enter_stream(&mut self, x: Tensor<B, 2>) -> Tensor<B, 2> {
        if !self
            .weights
            .layout
            .plan
            .has_weight(Linear::EmbeddingProjection)
        {
            let x = self.taps.at(Site::EmbeddingsOutput, x);
            return B::dropout(x, self.noise.next_site(Queries::All));
        }
        let x = B::dropout(x, self.noise.next_site(Queries::All));
        let x = self.linear(Linear::EmbeddingProjection, x);
        self.taps.at(Site::EmbeddingsOutput, x)
    }

    fn layer(&mut self, l: usize, x: Tensor<B, 2>, queries: Queries) -> Tensor<B, 2> {
        let has_norm = self.weights.layout.plan.has_attention_norm(l);
        let norm = has_norm.then_some(Norm::Attention(l));
        let residual = match queries {
            Queries::All => x.clone(),
            Queries::First => B::rows(x.clone(), &self.batch.starts),
        };
        let answering = self.before(norm, x);
        let asking = match queries {
            Queries::All => answering.clone(),
            Queries::First => self.before(norm, residual.clone()),
        };
        let attended = self.attention(l, answering, asking, queries);
        let mut x = self.join(norm, attended, residual, queries);
        if self.weights.layout.plan.block.norms.before() {
            x = self.taps.at(Site::Attended(l), x);
        }
        let norm = Some(Norm::Output(l));
        let seen = self.before(norm, x.clone());
        let transformed = self.feed_forward(l, seen);
        let x = self.join(norm, transformed, x, queries);
        self.taps.at(Site::Hidden(l), x)
    }

    /// What a block sees of the stream: its norm of it, where norms stand before the blocks.
    fn before(&self, norm: Option<Norm>, x: Tensor<B, 2>) -> Tensor<B, 2> {
        match norm.filter(|_| self.weights.layout.plan.block.norms.before()) {
            Some(norm) => self.norm(norm, x),
            None => x,
        }
    }

    /// The stream behind a block: the sum, or the norm of it, where norms stand behind the blocks.
    fn join(
        &mut self,
        norm: Option<Norm>,
        branch: Tensor<B, 2>,
        residual: Tensor<B, 2>,
        rows: Queries,
    ) -> Tensor<B, 2> {
        let dropout = self.noise.next_site(rows);
        let plan = &self.weights.layout.plan;
        match norm.filter(|_| !plan.block.norms.before()) {
            Some(norm) => {
                let [gamma, beta] = self.weights.norm(norm);
                B::add_norm(branch, residual, gamma, beta, plan.layer_norm_eps, dropout)
            }
            None => residual + B::dropout(branch, dropout),
        }
    }

    fn norm(&self, norm: Norm, x: Tensor<B, 2>) -> Tensor<B, 2> {
        let [gamma, beta] = self.weights.norm(norm);
        B::norm(x, gamma, beta, self.weights.layout.plan.layer_norm_eps)
    }

    /// `x` answers, `asking` (`x` or its first tokens) asks.
    fn attention(
        &mut self,
        l: usize,
        x: Tensor<B, 2>,
        asking: Tensor<B, 2>,
        queries: Queries,
    ) -> Tensor<B, 2> {
        let plan = &self.weights.layout.plan.layers[l];
        if plan.attention_width() == 0 {
            return self.bias_alone(Linear::AttentionOutput(l), asking.dims()[0]);
        }
        let products = self.weights.get(&Linear::Key(l).weight()).dtype();
        let shape = AttentionShape {
            lengths: self.batch.lengths.clone(),
            key_bias: self.batch.key_bias.clone(),
            queries,
            heads: plan.heads(),
            head_dim: plan.head_dim,
            window: plan.window.map(NonZeroUsize::get),
            products: Some(products).filter(|products| *products != x.dtype()),
        };
        let mut q = self.projection(Linear::Query(l), asking);
        let mut k = self.projection(Linear::Key(l), x.clone());
        if let Some(theta) = self.weights.layout.plan.rotary_theta(l) {
            let turns = self.turns.entry((theta.to_bits(), plan.head_dim));
            let turns =
                turns.or_insert_with(|| Turns::new(theta, plan.head_dim, &self.batch.lengths));
            k = B::turn(k, turns);
            // The first token stands at place 0, where nothing is turned.
            if queries == Queries::All {
                q = B::turn(q, turns);
            }
        }
        let v = self.projection(Linear::Value(l), x);
        let dropout = self.noise.next_site(queries);
        let context = match self.relative_bias(l, queries) {
            None => B::attend(q, k, v, &shape, dropout),
            Some(bias) => B::attend_biased([q, k, v], bias, &shape, dropout),
        };
        let context = self.taps.at(Site::Heads(l), context);
        self.linear(Linear::AttentionOutput(l), context)
    }

    /// What is added to the scores by distance, `[1, heads, queries, keys]` of the longest sequence.
    fn relative_bias(&self, l: usize, queries: Queries) -> Option<Tensor<B, 4>> {
        let plan = &self.weights.layout.plan;
        let buckets = plan.relative_bias()?;
        let keys = self.batch.lengths.iter().copied().max().unwrap_or(0);
        let asking = match queries {
            Queries::All => keys,
            Queries::First => 1,
        };
        let of_query = |query| (0..keys).map(move |key| (query, key));
        let pairs = (0..asking).flat_map(of_query);
        let places: Vec<u32> = pairs.map(|(q, k)| buckets.of(q, k) as u32).collect();
        let rows = B::rows(self.weights.get(RELATIVE_BIAS).clone(), &places);
        let heads: Vec<u32> = plan.layers[l]
            .kept_heads
            .iter()
            .map(|&h| h.into())
            .collect();
        let columns = rows.select(1, int_row(&heads, &self.weights.tensors[0].device()));
        let shape = [1, asking, keys, heads.len()];
        Some(columns.reshape(shape).permute([0, 3, 1, 2]))
    }

    fn feed_forward(&mut self, l: usize, x: Tensor<B, 2>) -> Tensor<B, 2> {
        let plan = &self.weights.layout.plan;
        if plan.layers[l].intermediate_size == 0 {
            return self.bias_alone(Linear::Output(l), x.dims()[0]);
        }
        let activation = plan.block.activation;
        let gate = plan.block.gated.then(|| x.clone());
        let x = self.linear(Linear::Intermediate(l), x);
        let gate = gate.map(|x| self.linear(Linear::Gate(l), x));
        let x = B::activate(x, activation);
        let x = match gate {
            Some(gate) => x * gate,
            None => x,
        };
        let x = self.taps.at(Site::Intermediate(l), x);
        self.linear(Linear::Output(l), x)
    }

    fn linear(&mut self, linear: Linear, x: Tensor<B, 2>) -> Tensor<B, 2> {
        let x = self.taps.at(Site::Input(linear), x);
        self.affine(linear, x, true)
    }

    /// A linear layer without its tap, of values as the tap gave them or others.
    fn affine(&mut self, linear: Linear, x: Tensor<B, 2>, as_given: bool) -> Tensor<B, 2> {
        let rows = x.dims()[0];
        let (Some(weight), bias) = self.weights.linear(linear) else {
            return self.bias_alone(linear, rows);
        };
        let inputs = self.taps.units(linear).filter(|_| as_given);
        match (inputs, self.weights.steps.get(&linear)) {
            (Some(inputs), Some(steps)) => B::affine_in_integers(x, weight, bias, inputs, steps),
            _ => B::affine(x, weight, bias),
        }
    }

    fn projection(&mut self, linear: Linear, x: Tensor<B, 2>) -> Tensor<B, 2> {
        let x = self.linear(linear, x);
        self.taps.at(Site::Projection(linear), x)
    }

    /// What is left of a block that pruning took away.
    fn bias_alone(&self, linear: Linear, rows: usize) -> Tensor<B, 2> {
        let (_, bias) = self.weights.linear(linear);
        let width = bias.dims()[1];
        bias.expand([rows, width])
    }
}
