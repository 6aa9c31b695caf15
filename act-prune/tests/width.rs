//! Layers and units that are taken out: the cut model against the whole one with a mask, computed
//! straight from the formulas; and what is refused.

use act_core::testing::{TinyOptions, tiny_artifact};
use act_core::{Artifact, Embedding, Encoding, Linear, Norm};
use act_infer::{Batch, Engine};
use act_prune::width::narrow;

/// BERT's forward pass in f64 over one sequence, in which the units that are not kept do not exist: no norm
/// counts them and no product reads them.
struct Masked<'a> {
    model: &'a Artifact,
    units: Vec<usize>,
    pooled: Vec<usize>,
    layers: Vec<usize>,
}

type Rows = Vec<Vec<f64>>;

impl Masked<'_> {
    fn values(&self, name: &str) -> Vec<f64> {
        let values = self.model.params.f32(name).unwrap();
        values.iter().map(|&x| f64::from(x)).collect()
    }

    /// `x W^T + b`, reading these inputs of the row.
    fn linear(&self, linear: Linear, x: &Rows, read: &[usize]) -> Rows {
        let (weight, bias) = (self.values(&linear.weight()), self.values(&linear.bias()));
        let columns = weight.len() / bias.len();
        let row = |x: &Vec<f64>| {
            let output = |(o, b): (usize, &f64)| {
                b + read
                    .iter()
                    .map(|&i| weight[o * columns + i] * x[i])
                    .sum::<f64>()
            };
            bias.iter().enumerate().map(output).collect()
        };
        x.iter().map(row).collect()
    }

    fn norm(&self, norm: Norm, x: &Rows) -> Rows {
        let (gamma, beta) = (self.values(&norm.weight()), self.values(&norm.bias()));
        let n = self.units.len() as f64;
        let eps = f64::from(self.model.plan.layer_norm_eps);
        let row = |x: &Vec<f64>| {
            let mean = self.units.iter().map(|&u| x[u]).sum::<f64>() / n;
            let variance = self
                .units
                .iter()
                .map(|&u| (x[u] - mean).powi(2))
                .sum::<f64>()
                / n;
            let mut out = vec![f64::NAN; x.len()];
            for &u in &self.units {
                out[u] = (x[u] - mean) / (variance + eps).sqrt() * gamma[u] + beta[u];
            }
            out
        };
        x.iter().map(row).collect()
    }

    fn attention(&self, l: usize, x: &Rows) -> Rows {
        let [q, k, v] = [Linear::Query(l), Linear::Key(l), Linear::Value(l)]
            .map(|linear| self.linear(linear, x, &self.units));
        let plan = &self.model.plan.layers[l];
        let mut context = vec![vec![0.0; plan.attention_width()]; x.len()];
        for head in 0..plan.heads() {
            let part = head * plan.head_dim..(head + 1) * plan.head_dim;
            for i in 0..x.len() {
                let scores: Vec<f64> = (0..x.len())
                    .map(|j| {
                        let products = part.clone().map(|c| q[i][c] * k[j][c]);
                        products.sum::<f64>() / (plan.head_dim as f64).sqrt()
                    })
                    .collect();
                let most = scores.iter().copied().fold(f64::MIN, f64::max);
                let odds: Vec<f64> = scores.iter().map(|s| (s - most).exp()).collect();
                let sum: f64 = odds.iter().sum();
                for c in part.clone() {
                    context[i][c] = (0..x.len()).map(|j| odds[j] / sum * v[j][c]).sum();
                }
            }
        }
        let all: Vec<usize> = (0..plan.attention_width()).collect();
        self.linear(Linear::AttentionOutput(l), &context, &all)
    }

    fn logits(&self, sequence: &Encoding) -> Vec<f64> {
        let hidden = self.model.plan.hidden_size;
        let table = |table: Embedding| self.values(&table.weight());
        let (words, positions, types) = (
            table(Embedding::Word),
            table(Embedding::Position),
            table(Embedding::TokenType),
        );
        let tokens = sequence.input_ids.iter().zip(&sequence.token_type_ids);
        let sums = tokens.enumerate().map(|(p, (&id, &kind))| {
            let [id, kind] = [id, kind].map(|i| i as usize);
            let unit =
                |u| words[id * hidden + u] + positions[p * hidden + u] + types[kind * hidden + u];
            (0..hidden).map(unit).collect()
        });
        let mut x = self.norm(Norm::Embeddings, &sums.collect());
        let sum = |a: &Rows, b: &Rows| -> Rows {
            let rows = a.iter().zip(b);
            rows.map(|(a, b)| a.iter().zip(b).map(|(a, b)| a + b).collect())
                .collect()
        };
        for &l in &self.layers {
            let attended = self.attention(l, &x);
            x = self.norm(Norm::Attention(l), &sum(&x, &attended));
            let mut neurons = self.linear(Linear::Intermediate(l), &x, &self.units);
            neurons.iter_mut().flatten().for_each(|x| *x = gelu(*x));
            let all: Vec<usize> = (0..self.model.plan.layers[l].intermediate_size).collect();
            let output = self.linear(Linear::Output(l), &neurons, &all);
            x = self.norm(Norm::Output(l), &sum(&x, &output));
        }
        let mut pooled = self.linear(Linear::Pooler, &x[..1].to_vec(), &self.units);
        pooled.iter_mut().flatten().for_each(|x| *x = x.tanh());
        self.linear(Linear::Classifier, &pooled, &self.pooled)
            .remove(0)
    }
}

/// Exact, by the series of the error function.
fn gelu(x: f64) -> f64 {
    let z = x / std::f64::consts::SQRT_2;
    let (mut term, mut sum) = (z, z);
    for n in 1..200 {
        term *= -z * z / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    x * 0.5 * (1.0 + sum * 2.0 / std::f64::consts::PI.sqrt())
}

fn sequence() -> Encoding {
    Encoding {
        input_ids: vec![2, 7, 9, 3, 8, 3],
        token_type_ids: vec![0, 0, 0, 0, 1, 1],
    }
}

fn assert_same(model: Artifact, expected: &[f64]) {
    model.to_bytes().expect("every tensor is as the plan says");
    let logits = Engine::new(model)
        .unwrap()
        .forward(&Batch::new([&sequence()]))
        .unwrap();
    for (ours, expected) in logits[0].iter().zip(expected) {
        assert!(
            (f64::from(*ours) - expected).abs() < 2e-5,
            "{ours} is not {expected}"
        );
    }
}

#[test]
fn a_narrow_model_computes_what_the_masked_one_does() {
    let model = tiny_artifact(5, &TinyOptions::default());
    let hidden = model.plan.hidden_size;
    let layers: Vec<usize> = (0..model.plan.layers.len()).collect();
    let all: Vec<usize> = (0..hidden).collect();
    let whole = Masked {
        model: &model,
        units: all.clone(),
        pooled: all.clone(),
        layers: layers.clone(),
    };
    assert_same(model.clone(), &whole.logits(&sequence()));
    let units: Vec<usize> = all.iter().copied().filter(|u| u % 3 != 1).collect();
    let pooled: Vec<usize> = (0..units.len()).collect();
    let mut narrowed = model.clone();
    narrow(&mut narrowed, &units, &pooled).unwrap();
    assert_eq!(narrowed.plan.hidden_size, units.len());
    let masked = Masked {
        model: &model,
        units,
        pooled,
        layers,
    };
    assert_same(narrowed, &masked.logits(&sequence()));
}
