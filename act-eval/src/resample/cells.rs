//! Answers of several models as what the bootstrap draws from, and the figures of what was drawn.

use std::collections::HashMap;

use act_core::metrics::{Counts, Measure, Metric};

use crate::evaluation::Answers;

/// Examples with the same truth and the same answers of all models are one cell: there are few of them,
/// however many examples there are. Of sets and scores every example is one.
pub(super) struct Cells<'a> {
    answers: &'a [Answers],
    /// The cell of each example.
    pub(super) of_example: Vec<u32>,
    /// An example of each.
    examples: Vec<usize>,
    /// Examples in the order of the truth, and of each model's scores.
    orders: Vec<Vec<usize>>,
}

impl<'a> Cells<'a> {
    pub(super) fn new(answers: &'a [Answers]) -> Self {
        let n = answers.first().map_or(0, Answers::len);
        let mut known: HashMap<(u32, Vec<usize>), u32> = HashMap::new();
        let mut examples = Vec::new();
        let of_example = (0..n).map(|i| {
            let Some(key) = class_of(answers, i) else {
                examples.push(i);
                return i as u32;
            };
            *known.entry(key).or_insert_with(|| {
                examples.push(i);
                examples.len() as u32 - 1
            })
        });
        Self {
            of_example: of_example.collect(),
            examples,
            orders: orders(answers),
            answers,
        }
    }

    /// How many examples each has.
    pub(super) fn sizes(&self) -> Vec<u32> {
        let mut sizes = vec![0; self.examples.len()];
        self.of_example
            .iter()
            .for_each(|&cell| sizes[cell as usize] += 1);
        sizes
    }

    /// Model by model and figure by figure; each cell so many times.
    pub(super) fn values(&self, weights: &[u32], measures: &[Measure]) -> Vec<f64> {
        let mut values = Vec::with_capacity(self.answers.len() * measures.len());
        for (model, answers) in self.answers.iter().enumerate() {
            match answers {
                Answers::Classes { predicted, truth } => {
                    let mut counts = Counts::none(measures.first().map_or(0, Measure::classes));
                    for (&i, &weight) in self.examples.iter().zip(weights) {
                        counts.add(predicted[i], truth[i] as usize, weight as usize);
                    }
                    values.extend(measures.iter().map(|measure| measure.of(&counts)));
                }
                Answers::Sets {
                    predicted,
                    truth,
                    ranking,
                } => {
                    let mut counts = Counts::none(measures.first().map_or(0, Measure::classes));
                    let (mut ranks, mut all) = (0.0, 0.0);
                    for (i, &weight) in weights.iter().enumerate() {
                        counts.add_set(&predicted[i], &truth[i], weight as usize);
                        ranks += f64::from(weight) * ranking[i];
                        all += f64::from(weight);
                    }
                    values.extend(measures.iter().map(|measure| match measure.metric() {
                        Metric::Lrap => ranks / f64::max(all, 1.0),
                        _ => measure.of(&counts),
                    }));
                }
                Answers::Scores { predicted, truth } => {
                    let orders = [&self.orders[0], &self.orders[1 + model]];
                    values.extend(measures.iter().map(|measure| match measure.metric() {
                        Metric::Spearman => {
                            let x = weighted_ranks(truth, orders[0], weights);
                            let y = weighted_ranks(predicted, orders[1], weights);
                            weighted_pearson(&x, &y, weights)
                        }
                        _ => weighted_pearson(truth, predicted, weights),
                    }));
                }
            }
        }
        values
    }
}

/// What an example's cell is known by; `None` where every example is one.
fn class_of(answers: &[Answers], i: usize) -> Option<(u32, Vec<usize>)> {
    let mut truth_of = None;
    let predicted = answers.iter().map(|answers| match answers {
        Answers::Classes { predicted, truth } => {
            truth_of = Some(truth[i]);
            Some(predicted[i])
        }
        _ => None,
    });
    let predicted = predicted.collect::<Option<Vec<usize>>>()?;
    Some((truth_of?, predicted))
}

/// Examples by rising truth, and by each model's rising scores; nothing of other answers.
fn orders(answers: &[Answers]) -> Vec<Vec<usize>> {
    let sorted = |row: &[f64]| {
        let mut order: Vec<usize> = (0..row.len()).collect();
        order.sort_by(|&a, &b| row[a].total_cmp(&row[b]));
        order
    };
    let mut orders = Vec::new();
    for answers in answers {
        let Answers::Scores { predicted, truth } = answers else {
            return Vec::new();
        };
        if orders.is_empty() {
            orders.push(sorted(truth));
        }
        orders.push(sorted(predicted));
    }
    orders
}

/// Pearson's correlation of examples that occur so many times each; 0 where either row does not vary.
fn weighted_pearson(x: &[f64], y: &[f64], weights: &[u32]) -> f64 {
    let all: f64 = weights.iter().map(|&w| f64::from(w)).sum::<f64>().max(1.0);
    let mean = |row: &[f64]| {
        let sum = row.iter().zip(weights).map(|(x, &w)| x * f64::from(w));
        sum.sum::<f64>() / all
    };
    let (mx, my) = (mean(x), mean(y));
    let (mut xy, mut xx, mut yy) = (0.0, 0.0, 0.0);
    for ((x, y), &weight) in x.iter().zip(y).zip(weights) {
        let (a, b, w) = (x - mx, y - my, f64::from(weight));
        xy += w * a * b;
        xx += w * a * a;
        yy += w * b * b;
    }
    if xx == 0.0 || yy == 0.0 {
        0.0
    } else {
        (xy / (xx.sqrt() * yy.sqrt())).clamp(-1.0, 1.0)
    }
}

/// Ranks of examples that occur so many times each, equal numbers sharing the mean of theirs.
fn weighted_ranks(row: &[f64], order: &[usize], weights: &[u32]) -> Vec<f64> {
    let mut ranks = vec![0.0; row.len()];
    let mut below = 0.0;
    for equal in order.chunk_by(|&a, &b| row[a] == row[b]) {
        let here: f64 = equal.iter().map(|&i| f64::from(weights[i])).sum();
        let rank = below + (here + 1.0) / 2.0;
        equal.iter().for_each(|&i| ranks[i] = rank);
        below += here;
    }
    ranks
}
