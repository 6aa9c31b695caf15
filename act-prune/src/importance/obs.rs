//! Optimal brain surgeon scores (ZipLM, Kurtic et al. 2023): what losing a structure costs after
//! the rest of its block has made up for it.
//!
//! [`Elimination`] orders the structures of each block and says how its output error grows. Errors
//! of different blocks do not compare, so each block's curve is tied to what the model answers: at
//! a few levels the block alone is cut and refitted, and the divergence of the answers measured
//! (ZipLM searches with whole models instead, SPDY). Scores are the slopes of the curve's convex
//! hull, so that the cheapest structures come in the order of elimination.

use act_core::{Artifact, Batch, Error, Plan, Problem, Result};
use act_infer::{Engine, Stream};
use act_nn::LayerScores;

use super::elimination::Elimination;
use crate::block::{Block, affine, set_affine};
use crate::cholesky::Cholesky;
use crate::measure::Measure;
use crate::moments::Moments;
use crate::passes::{BATCH, Passes};
use crate::refit::{DAMPING, damped, refit, unsolvable};
use crate::select::Kept;
use crate::shrink::shrink;

/// Levels of a block at which the answers are measured, beside the whole block.
const LEVELS: usize = 4;
/// Examples on which they are.
const ANSWERS: usize = 128;

/// Scores every head and neuron, in nats of divergence. Errors: as in [`scores`](super::scores).
pub fn obs(artifact: &Artifact, measure: &Measure<'_>) -> Result<Vec<LayerScores>> {
    let passes = Passes::new(measure)?;
    let asked = passes.len().min(ANSWERS / BATCH);
    passes.begin("importance", work(&artifact.plan, passes.len(), asked));
    let engine = Engine::new(artifact.clone())?;
    let mut streams = passes.embed(&engine)?;
    let answers = logits(&engine, &streams[..asked], &passes)?;
    let problem = &artifact.task.problem;
    let mut scores = Vec::with_capacity(artifact.plan.layers.len());
    for layer in 0..artifact.plan.layers.len() {
        let [heads, neurons] = Block::of_layer(layer);
        let blocks = [heads, neurons].into_iter();
        let blocks = blocks.filter(|b| b.structures(&artifact.plan.layers).0 > 0);
        let blocks: Vec<Block> = blocks.collect();
        // A model cut here does the same up to here.
        let before = streams[..asked].to_vec();
        let of_all = Moments::of_blocks((artifact, &engine), &blocks, &mut streams, &passes)?;
        let mut of_layer = LayerScores::default();
        for (&block, moments) in blocks.iter().zip(of_all) {
            let order = passes.install(|| eliminate(artifact, block, &moments))?;
            let mut divergence = |kept: &[usize]| {
                let cut = passes.install(|| cut_alone(artifact, block, &moments, kept))?;
                let now = logits(&Engine::new(cut)?, &before, &passes)?;
                Ok(mean_divergence(problem, &answers, &now))
            };
            let scores = slopes(&order, &curve(&order, &mut divergence)?);
            match block {
                Block::Attention(_) => of_layer.heads = scores,
                Block::FeedForward(_) => of_layer.neurons = scores,
            }
        }
        scores.push(of_layer);
    }
    Ok(scores)
}

/// How often [`obs`] takes a batch through a layer, of `all` batches and those that are `asked`.
fn work(plan: &Plan, all: usize, asked: usize) -> usize {
    let layers = plan.layers.len();
    let to_end = plan.layers.iter().enumerate().map(|(l, layer)| {
        let levels = layer.heads().min(LEVELS) + layer.intermediate_size.min(LEVELS);
        levels * (layers - l)
    });
    layers * all + (layers + to_end.sum::<usize>()) * asked
}

/// Structures of a block in the order in which they go, each with the error that it adds.
pub fn eliminate(
    artifact: &Artifact,
    block: Block,
    moments: &Moments,
) -> Result<Vec<(usize, f64)>> {
    let (_, size) = block.structures(&artifact.plan.layers);
    let weights = affine(artifact, block.output())?;
    let factor = Cholesky::new(damped(moments, DAMPING).0).ok_or_else(|| unsolvable(block))?;
    Ok(Elimination::new(&factor.inverse(), &weights, size).run())
}

/// The model with some structures of one block alone, the block's output refitted.
fn cut_alone(
    artifact: &Artifact,
    block: Block,
    moments: &Moments,
    kept: &[usize],
) -> Result<Artifact> {
    let (_, size) = block.structures(&artifact.plan.layers);
    let layers = artifact.plan.layers.iter().enumerate();
    let all = layers.map(|(l, layer)| {
        let mut all = Kept {
            heads: (0..layer.heads()).collect(),
            neurons: (0..layer.intermediate_size).collect(),
        };
        match block {
            Block::Attention(b) if b == l => all.heads = kept.to_vec(),
            Block::FeedForward(b) if b == l => all.neurons = kept.to_vec(),
            _ => {}
        }
        all
    });
    let all: Vec<Kept> = all.collect();
    let mut cut = shrink(artifact.clone(), &all)?;
    let inputs = kept.iter().flat_map(|k| 1 + k * size..1 + (k + 1) * size);
    let moments = moments.select(&std::iter::once(0).chain(inputs).collect::<Vec<_>>());
    let weights = affine(&cut, block.output())?;
    let refitted = refit(&moments, &weights, DAMPING, block)?;
    set_affine(&mut cut, block.output(), &refitted);
    Ok(cut)
}

/// The answers' logits, example by example, from some batches' streams on.
fn logits(engine: &Engine, streams: &[Stream], passes: &Passes<'_>) -> Result<Vec<Vec<f32>>> {
    let mut all = Vec::new();
    let layers = streams.first().map_or(0, |s| s.layers_left(engine));
    let finish = |batch: &Batch, stream: &mut &Stream| engine.finish(batch, stream.clone());
    let mut streams: Vec<&Stream> = streams.iter().collect();
    passes.each(&mut streams, layers, finish, |logits| all.extend(logits))?;
    if !all.iter().flatten().all(|x| x.is_finite()) {
        return Err(Error::rejected(
            "the model's answers are not finite: it is damaged or its training diverged",
        ));
    }
    Ok(all)
}

/// Mean over examples of the Kullback-Leibler divergence of `now` from `before`.
fn mean_divergence(problem: &Problem, before: &[Vec<f32>], now: &[Vec<f32>]) -> f64 {
    let pairs = before.iter().zip(now);
    pairs.map(|(p, q)| problem.divergence(p, q)).sum::<f64>() / before.len() as f64
}

/// What losing the first `k` structures of an order costs, for every `k` from 0 on: measured at
/// some levels, in between as the block's own error goes.
fn curve(
    order: &[(usize, f64)],
    divergence: &mut dyn FnMut(&[usize]) -> Result<f64>,
) -> Result<Vec<f64>> {
    let n = order.len();
    let mut errors = vec![0.0];
    for (_, error) in order {
        errors.push(errors[errors.len() - 1] + error.max(0.0));
    }
    let mut levels: Vec<usize> = (1..=LEVELS).map(|i| (n * i).div_ceil(LEVELS)).collect();
    levels.dedup();
    let mut costs = vec![0.0; n + 1];
    let mut from = 0;
    for level in levels {
        let mut kept: Vec<usize> = order[level..].iter().map(|(g, _)| *g).collect();
        kept.sort_unstable();
        costs[level] = divergence(&kept)?;
        let (error, rise) = (errors[level] - errors[from], costs[level] - costs[from]);
        for k in from + 1..level {
            let share = if error > 0.0 {
                (errors[k] - errors[from]) / error
            } else {
                (k - from) as f64 / (level - from) as f64
            };
            costs[k] = costs[from] + rise * share;
        }
        from = level;
    }
    Ok(costs)
}

/// For each structure the slope of the lower convex hull of `curve` where it goes: rising along the
/// order, strictly, so that the order can be read from the scores.
fn slopes(order: &[(usize, f64)], curve: &[f64]) -> Vec<f64> {
    // Pool adjacent violators: (sum of rises, steps) of stretches with rising means.
    let mut stretches: Vec<(f64, usize)> = Vec::new();
    for pair in curve.windows(2) {
        let mut last = (pair[1] - pair[0], 1);
        while let Some(&(rise, steps)) = stretches.last() {
            if rise / steps as f64 <= last.0 / last.1 as f64 {
                break;
            }
            stretches.pop();
            last = (last.0 + rise, last.1 + steps);
        }
        stretches.push(last);
    }
    let means = stretches.iter();
    let means = means.flat_map(|&(rise, steps)| std::iter::repeat_n(rise / steps as f64, steps));
    let mut scores = vec![0.0; order.len()];
    let mut least = 0.0f64;
    for ((structure, _), mean) in order.iter().zip(means) {
        least = mean.max(least.next_up());
        scores[*structure] = least;
    }
    scores
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::select::strongest;

    #[test]
    fn a_curve_meets_its_measurements_and_follows_the_error_between() {
        let order: Vec<(usize, f64)> = (0..8).map(|g| (7 - g, g as f64)).collect();
        let mut asked = Vec::new();
        let mut divergence = |kept: &[usize]| {
            asked.push(kept.len());
            Ok((8 - kept.len()) as f64 * 10.0)
        };
        let curve = curve(&order, &mut divergence).unwrap();
        assert_eq!(asked, [6, 4, 2, 0]);
        assert_eq!(
            [curve[0], curve[2], curve[4], curve[8]],
            [0.0, 20.0, 40.0, 80.0]
        );
        // Errors 2 and 3 on the way from 20 to 40.
        assert!((curve[3] - 28.0).abs() < 1e-12);
    }

    #[test]
    fn divergence_of_known_answers() {
        let [p, q] = [vec![vec![0.0f32, 0.0]], vec![vec![0.0, 3f32.ln()]]];
        let mean_divergence = |p, q| mean_divergence(&Problem::SingleLabel, p, q);
        assert!(mean_divergence(&p, &p).abs() < 1e-12);
        // 0.5 ln(0.5/0.25) + 0.5 ln(0.5/0.75)
        let want = 0.5 * 2f64.ln() + 0.5 * (2.0f64 / 3.0).ln();
        assert!((mean_divergence(&p, &q) - want).abs() < 1e-7);
    }

    proptest! {
        #[test]
        fn scores_keep_the_order_and_the_hull(rises in prop::collection::vec(-1.0f64..3.0, 1..30)) {
            let n = rises.len();
            let order: Vec<(usize, f64)> = (0..n).map(|k| ((k * 7 + 3) % n.max(1), 1.0)).collect();
            prop_assume!((0..n).all(|g| order.iter().any(|(o, _)| *o == g)));
            let mut curve = vec![0.0];
            rises.iter().for_each(|r| curve.push(curve[curve.len() - 1] + r));
            let scores = slopes(&order, &curve);
            for kept in 0..=n {
                let mut want: Vec<usize> = order[n - kept..].iter().map(|(g, _)| *g).collect();
                want.sort_unstable();
                prop_assert_eq!(strongest(&scores, kept), want);
            }
            prop_assert!(scores.iter().all(|s| s.is_finite() && *s > 0.0));
        }
    }
}
