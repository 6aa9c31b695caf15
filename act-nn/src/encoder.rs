//! The encoder: a post-norm BERT (Devlin et al. 2019) or its kin, whose layers may each have another
//! number of heads and neurons, or none.
//!
//! It computes on ragged sequences and calls the taps at every site; it knows no stage, no loss
//! and no device. Only the classified token needs the last layer's query, attention output and
//! feed-forward block; the rest of them is skipped unless a tap wants all tokens.

use act_core::{Artifact, Embedding, Linear, Norm, Plan, Site};
use burn::tensor::Tensor;

use crate::backend::{ActBackend, Ops};
use crate::dropout::{Dropout, Noise, Queries};
use crate::ragged::Ragged;
use crate::shapes::AttentionShape;
use crate::taps::Taps;
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
    let (first, last) = rows.split_at(rows.len() - 1);
    Embedded {
        words: B::embed(first),
        others: B::embed(last),
    }
}

/// True if the forward pass of this model comes through the site.
pub(crate) fn exists(artifact: &Artifact, site: Site) -> bool {
    let plan = &artifact.plan;
    let attends = |l: usize| plan.layers.get(l).is_some_and(|p| p.attention_width() > 0);
    let has_neurons = |l: usize| plan.layers.get(l).is_some_and(|p| p.intermediate_size > 0);
    match site {
        Site::EmbeddingsOutput | Site::Logits => true,
        Site::Hidden(l) => l < plan.layers.len(),
        Site::Heads(l) => attends(l),
        Site::Intermediate(l) => has_neurons(l),
        Site::Projection(Linear::Query(l) | Linear::Key(l) | Linear::Value(l)) => attends(l),
        Site::Projection(_) => false,
        Site::Input(linear) => match linear {
            Linear::Query(l) | Linear::Key(l) | Linear::Value(l) | Linear::AttentionOutput(l) => {
                attends(l)
            }
            Linear::Intermediate(l) | Linear::Output(l) => has_neurons(l),
            Linear::Classifier => true,
            Linear::EmbeddingProjection | Linear::Pooler => plan.has_weight(linear),
            Linear::Gate(_) => false,
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
    };
    let [gamma, beta] = weights.norm(Norm::Embeddings);
    let eps = weights.layout.plan.layer_norm_eps;
    let x = B::add_norm(
        embedded.words,
        embedded.others,
        gamma,
        beta,
        eps,
        Dropout::OFF,
    );
    let mut x = pass.enter_stream(x);
    let layers = weights.layout.plan.layers.len();
    let all_tokens = pass.taps.all_tokens();
    for layer in 0..layers {
        let last = layer + 1 == layers;
        let queries = if last && !all_tokens {
            Queries::First
        } else {
            Queries::All
        };
        x = pass.layer(layer, x, queries);
    }
    if layers == 0 || all_tokens {
        x = B::rows(x, &batch.starts);
    }
    let pooled = match weights.layout.plan.head.dense {
        Some(dense) => B::activate_head(pass.linear(Linear::Pooler, x), dense.activation),
        None => x,
    };
    let pooled = pass.taps.at(Site::Input(Linear::Classifier), pooled);
    let dropout = pass.noise.next_site(Queries::First);
    // What is dropped and scaled is no longer what the tap gave.
    let as_given = dropout.is_off();
    let logits = pass.affine(Linear::Classifier, B::dropout(pooled, dropout), as_given);
    pass.taps.at(Site::Logits, logits)
}

/// One forward pass on its way.
struct Pass<'a, B: Ops> {
    weights: &'a Weights<B>,
    batch: &'a Ragged,
    taps: &'a mut dyn Taps<B>,
    noise: &'a mut Noise,
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
        let residual = match queries {
            Queries::All => x.clone(),
            Queries::First => B::rows(x.clone(), &self.batch.starts),
        };
        let attended = self.attention(l, x, residual.clone(), queries);
        let x = self.add_norm(Norm::Attention(l), attended, residual, queries);
        let transformed = self.feed_forward(l, x.clone());
        let x = self.add_norm(Norm::Output(l), transformed, x, queries);
        self.taps.at(Site::Hidden(l), x)
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
            products: Some(products).filter(|products| *products != x.dtype()),
        };
        let q = self.projection(Linear::Query(l), asking);
        let k = self.projection(Linear::Key(l), x.clone());
        let v = self.projection(Linear::Value(l), x);
        let context = B::attend(q, k, v, &shape, self.noise.next_site(queries));
        let context = self.taps.at(Site::Heads(l), context);
        self.linear(Linear::AttentionOutput(l), context)
    }

    fn feed_forward(&mut self, l: usize, x: Tensor<B, 2>) -> Tensor<B, 2> {
        let plan = &self.weights.layout.plan;
        if plan.layers[l].intermediate_size == 0 {
            return self.bias_alone(Linear::Output(l), x.dims()[0]);
        }
        let activation = plan.block.activation;
        let x = self.linear(Linear::Intermediate(l), x);
        let x = B::activate(x, activation);
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

    fn add_norm(
        &mut self,
        norm: Norm,
        branch: Tensor<B, 2>,
        residual: Tensor<B, 2>,
        rows: Queries,
    ) -> Tensor<B, 2> {
        let [gamma, beta] = self.weights.norm(norm);
        let eps = self.weights.layout.plan.layer_norm_eps;
        let dropout = self.noise.next_site(rows);
        B::add_norm(branch, residual, gamma, beta, eps, dropout)
    }
}
