//! The encoder once more, straight from the formulas: f64, one token and one output at a time, no
//! packing, no blocks. Shares no code with the engine.

use act_core::names::RELATIVE_BIAS;
use act_core::plan::{HeadActivation, Pooling, Position};
use act_core::quant::{ActivationScheme, LinearQuant};
use act_core::tensor::TensorData;
use act_core::{Activation, Artifact, Embedding, Encoding, Linear, Norm};

/// Rows of numbers.
type Matrix = Vec<Vec<f64>>;

/// Class scores of one sequence.
pub fn reference_logits(model: &Artifact, sequence: &Encoding) -> Vec<f64> {
    let mut x = embed(model, sequence);
    for l in 0..model.plan.layers.len() {
        x = layer(model, l, &x, &sequence.input_ids);
    }
    if model.plan.block.final_norm {
        x = norm(model, Norm::Final, &x);
    }
    let read = pool(model, &x, &sequence.input_ids);
    let pooled = match model.plan.head.dense {
        None => read,
        Some(dense) => {
            let pooled = linear(model, Linear::Pooler, &read);
            let pooled = match dense.activation {
                HeadActivation::Tanh => map(&pooled, f64::tanh),
                HeadActivation::Relu => map(&pooled, |x| x.max(0.0)),
                HeadActivation::Gelu => map(&pooled, gelu),
            };
            if dense.norm {
                norm(model, Norm::Head, &pooled)
            } else {
                pooled
            }
        }
    };
    linear(model, Linear::Classifier, &pooled).remove(0)
}

/// What the head reads: the first row, or the mean of those that are no pads.
fn pool(model: &Artifact, x: &Matrix, ids: &[u32]) -> Matrix {
    if model.plan.head.pooling == Pooling::FirstToken {
        return x[..1].to_vec();
    }
    let pad = model.tokenizer.pad_id();
    let all = ids.iter().all(|&id| id == pad);
    let rows: Vec<_> = (0..x.len()).filter(|&i| all || ids[i] != pad).collect();
    let mean = |c: usize| rows.iter().map(|&i| x[i][c]).sum::<f64>() / rows.len() as f64;
    vec![(0..x[0].len()).map(mean).collect()]
}

fn embed(model: &Artifact, sequence: &Encoding) -> Matrix {
    let embeddings = &model.plan.embeddings;
    let tokens = sequence.input_ids.iter().zip(&sequence.token_type_ids);
    let offset = embeddings.position_offset().unwrap_or(0);
    let mut count = 0;
    let rows = tokens.map(|(&id, &kind)| {
        // Pads are not counted where rows come before the positions, and read the last of those.
        let counted = offset == 0 || id != model.tokenizer.pad_id();
        count += usize::from(counted);
        let position = if counted { count } else { 0 } + offset;
        let mut rows = vec![table_row(model, Embedding::Word, id as usize)];
        if embeddings.position_offset().is_some() {
            rows.push(table_row(model, Embedding::Position, position - 1));
        }
        if embeddings.type_vocab_size > 0 {
            rows.push(table_row(model, Embedding::TokenType, kind as usize));
        }
        if embeddings.task_type_vocab_size > 0 {
            rows.push(table_row(model, Embedding::TaskType, 0));
        }
        (0..embeddings.width)
            .map(|c| rows.iter().map(|row| row[c]).sum())
            .collect()
    });
    let sums = norm(model, Norm::Embeddings, &rows.collect::<Matrix>());
    if model.plan.has_weight(Linear::EmbeddingProjection) {
        return linear(model, Linear::EmbeddingProjection, &sums);
    }
    sums
}

fn table_row(model: &Artifact, table: Embedding, row: usize) -> Vec<f64> {
    let scale = match model.quant.embedding(table) {
        Some(_) => f64::from(model.params.f32(&table.scale()).unwrap()[row]),
        None => 1.0,
    };
    let values = numbers(model, &table.weight());
    let width = model.plan.embeddings.width;
    values[row * width..][..width]
        .iter()
        .map(|v| v * scale)
        .collect()
}

fn layer(model: &Artifact, l: usize, x: &Matrix, ids: &[u32]) -> Matrix {
    let plan = &model.plan.layers[l];
    let before = model.plan.block.norms.before();
    let seen = if before && model.plan.has_attention_norm(l) {
        norm(model, Norm::Attention(l), x)
    } else {
        x.clone()
    };
    let [mut q, mut k, v] =
        [Linear::Query(l), Linear::Key(l), Linear::Value(l)].map(|name| linear(model, name, &seen));
    if let Some(theta) = model.plan.rotary_theta(l) {
        turn(&mut q, plan.head_dim, theta.into());
        turn(&mut k, plan.head_dim, theta.into());
    }
    let mut context = vec![Vec::new(); x.len()];
    for h in 0..plan.heads() {
        let columns = h * plan.head_dim..(h + 1) * plan.head_dim;
        for (i, row) in context.iter_mut().enumerate() {
            let scores = (0..x.len()).map(|j| {
                let dot: f64 = columns.clone().map(|c| q[i][c] * k[j][c]).sum();
                let outside = plan.window.is_some_and(|w| i.abs_diff(j) > w.get());
                let mask = if outside {
                    f64::NEG_INFINITY
                } else if ids[j] == model.tokenizer.pad_id() {
                    -1e4
                } else {
                    0.0
                };
                let score = dot / (plan.head_dim as f64).sqrt() + mask;
                score + relative_bias(model, plan.kept_heads[h].into(), i, j)
            });
            let weights = softmax(&scores.collect::<Vec<_>>());
            let mixed = columns
                .clone()
                .map(|c| (0..x.len()).map(|j| weights[j] * v[j][c]).sum());
            row.extend(mixed.collect::<Vec<f64>>());
        }
    }
    let attention = linear(model, Linear::AttentionOutput(l), &context);
    let mut x = sum(x, &attention);
    if !before {
        x = norm(model, Norm::Attention(l), &x);
    }
    let seen = if before {
        norm(model, Norm::Output(l), &x)
    } else {
        x.clone()
    };
    let activation = |value: f64| match model.plan.block.activation {
        Activation::Gelu => gelu(value),
        Activation::Relu => value.max(0.0),
        Activation::GeluTanh => {
            let root = (2.0 / std::f64::consts::PI).sqrt();
            value / 2.0 * (1.0 + (root * (value + 0.044715 * value.powi(3))).tanh())
        }
    };
    let mut neurons = map(&linear(model, Linear::Intermediate(l), &seen), activation);
    if model.plan.block.gated {
        let gates = linear(model, Linear::Gate(l), &seen);
        for (neuron, gate) in neurons.iter_mut().flatten().zip(gates.iter().flatten()) {
            *neuron *= gate;
        }
    }
    let update = linear(model, Linear::Output(l), &neurons);
    if before {
        sum(&x, &update)
    } else {
        norm(model, Norm::Output(l), &sum(&x, &update))
    }
}

/// What is added to the score of key `j` for query `i`, as MPNet's own code says it.
fn relative_bias(model: &Artifact, head: usize, i: usize, j: usize) -> f64 {
    let bias = model
        .plan
        .embeddings
        .positions
        .iter()
        .find_map(|p| match *p {
            Position::Bias {
                buckets,
                max_distance,
                heads,
            } => Some((buckets, max_distance as f64, heads)),
            _ => None,
        });
    let Some((buckets, furthest, heads)) = bias else {
        return 0.0;
    };
    let (half, distance) = (buckets / 2, i.abs_diff(j));
    let exact = half / 2;
    let log = |x: f64| (x / exact as f64).ln();
    let far = || exact + (log(distance as f64) / log(furthest) * (half - exact) as f64) as usize;
    let bucket = if distance < exact {
        distance
    } else {
        far().min(half - 1)
    };
    let bucket = bucket + if j > i { half } else { 0 };
    numbers(model, RELATIVE_BIAS)[bucket * heads + head]
}

/// Turns number `i` of every head with that half a head further on by the angle
/// `place * theta^(-2i / head_dim)`.
fn turn(x: &mut Matrix, head_dim: usize, theta: f64) {
    for (place, row) in x.iter_mut().enumerate() {
        for head in row.chunks_exact_mut(head_dim) {
            for i in 0..head_dim / 2 {
                let angle = place as f64 * theta.powf(-2.0 * i as f64 / head_dim as f64);
                let (a, b) = (head[i], head[i + head_dim / 2]);
                head[i] = a * angle.cos() - b * angle.sin();
                head[i + head_dim / 2] = b * angle.cos() + a * angle.sin();
            }
        }
    }
}

/// A linear layer; its input is rounded to the model's integers first if it is quantised.
fn linear(model: &Artifact, linear: Linear, x: &[Vec<f64>]) -> Matrix {
    let [out, input] = model.plan.linear_shape(linear);
    let row = |row: &Vec<f64>| -> Vec<f64> {
        if out == 0 {
            return Vec::new();
        }
        let bias = if model.plan.has_bias(linear) {
            numbers(model, &linear.bias())
        } else {
            vec![0.0; out]
        };
        if input == 0 {
            return bias;
        }
        let weight = numbers(model, &linear.weight());
        let quant = model.quant.linear(linear);
        let (row, scale) = match quant {
            Some(quant) => {
                let multiplier = model.input_multiplier(linear).unwrap();
                let channels = row.iter().zip(multiplier.into_iter().flatten());
                let products: Vec<f64> = channels.map(|(x, &m)| x * f64::from(m)).collect();
                quantize(multiplier.map_or(row, |_| &products), quant)
            }
            None => (row.clone(), 1.0),
        };
        let weight_scale = |o: usize| match quant {
            Some(_) => f64::from(model.params.f32(&linear.scale()).unwrap()[o]),
            None => 1.0,
        };
        let dot = |o: usize| -> f64 {
            weight[o * input..][..input]
                .iter()
                .zip(&row)
                .map(|(w, x)| w * x)
                .sum()
        };
        (0..out)
            .map(|o| dot(o) * scale * weight_scale(o) + bias[o])
            .collect()
    };
    x.iter().map(row).collect()
}

/// Integers and the value of one step.
fn quantize(row: &[f64], quant: &LinearQuant) -> (Vec<f64>, f64) {
    let limit = f64::from(quant.activation_max);
    let (scale, zero_point) = match quant.activation {
        ActivationScheme::Static { scale, zero_point } => (f64::from(scale), f64::from(zero_point)),
        ActivationScheme::DynamicPerToken => {
            let largest = row.iter().fold(0f64, |m, x| m.max(x.abs()));
            (if largest > 0.0 { largest / limit } else { 1.0 }, 128.0)
        }
    };
    let integers = row.iter().map(|x| {
        let q = (x / scale).round_ties_even() + zero_point;
        q.clamp(128.0 - limit, 128.0 + limit) - zero_point
    });
    (integers.collect(), scale)
}

fn norm(model: &Artifact, name: Norm, x: &Matrix) -> Matrix {
    let gamma = numbers(model, &name.weight());
    let beta = if model.plan.block.norm_bias {
        numbers(model, &name.bias())
    } else {
        vec![0.0; gamma.len()]
    };
    let row = |row: &Vec<f64>| -> Vec<f64> {
        let count = row.len() as f64;
        let mean = row.iter().sum::<f64>() / count;
        let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
        let deviation = (variance + f64::from(model.plan.layer_norm_eps)).sqrt();
        (0..row.len())
            .map(|c| (row[c] - mean) / deviation * gamma[c] + beta[c])
            .collect()
    };
    x.iter().map(row).collect()
}

fn numbers(model: &Artifact, name: &str) -> Vec<f64> {
    match model.params.get(name).unwrap().data() {
        TensorData::F32(values) => values.iter().map(|&v| f64::from(v)).collect(),
        TensorData::I8(values) => values.iter().map(|&v| f64::from(v)).collect(),
        _ => unreachable!("the models here have no others"),
    }
}

fn softmax(scores: &[f64]) -> Vec<f64> {
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = scores.iter().map(|s| (s - largest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|p| p / sum).collect()
}

fn gelu(x: f64) -> f64 {
    x / 2.0 * (1.0 + erf(x / 2f64.sqrt()))
}

/// The integral of the definition, by Simpson's rule.
fn erf(x: f64) -> f64 {
    let end = x.abs().min(6.0);
    let f = |t: f64| (-t * t).exp();
    let steps = 2 * (1.0 + end * 60.0) as usize;
    let h = end / steps as f64;
    let inner: f64 = (1..steps)
        .map(|i| f(i as f64 * h) * if i % 2 == 1 { 4.0 } else { 2.0 })
        .sum();
    let integral = h / 3.0 * (f(0.0) + inner + f(end));
    (std::f64::consts::FRAC_2_SQRT_PI * integral).copysign(x)
}

fn map(x: &Matrix, f: impl Fn(f64) -> f64) -> Matrix {
    x.iter()
        .map(|row| row.iter().map(|&v| f(v)).collect())
        .collect()
}

fn sum(a: &Matrix, b: &Matrix) -> Matrix {
    a.iter()
        .zip(b)
        .map(|(a, b)| a.iter().zip(b).map(|(a, b)| a + b).collect())
        .collect()
}
