//! Scores against brute force: structures removed, and what that costs measured.

use act_prune::importance::compensate;
use act_prune::select::strongest;
use act_prune::shrink::shrink;
use act_prune::{Criterion, Kept, LayerScores};

use crate::toy::{HEADS, NEURONS, all, divergence, examples, loss, measure, scores_by, trained};

/// Neurons that brute force removes together.
const GROUP: usize = 8;

/// Every single head, and neurons in groups of like scores, with the sum of their scores.
fn removals(scores: &[LayerScores]) -> [Vec<(Vec<Kept>, f64)>; 2] {
    let (mut heads, mut neurons) = (Vec::new(), Vec::new());
    for (l, scores) in scores.iter().enumerate() {
        for head in 0..HEADS {
            let mut kept = all();
            kept[l].heads.retain(|&h| h != head);
            heads.push((kept, scores.heads[head]));
        }
        let mut order: Vec<usize> = (0..NEURONS).collect();
        order.sort_by(|&a, &b| scores.neurons[a].total_cmp(&scores.neurons[b]));
        for group in order.chunks(GROUP) {
            let mut kept = all();
            kept[l].neurons.retain(|j| !group.contains(j));
            neurons.push((kept, group.iter().map(|&j| scores.neurons[j]).sum()));
        }
    }
    [heads, neurons]
}

/// The weakest heads, or groups of neurons, of each layer that go together, for every number of
/// them, with the sum of their scores.
fn weakest(scores: &[LayerScores]) -> [Vec<(Vec<Kept>, f64)>; 2] {
    let (mut heads, mut neurons) = (Vec::new(), Vec::new());
    for (l, scores) in scores.iter().enumerate() {
        let lost = |all: &[f64], stay: &[usize]| {
            all.iter().sum::<f64>() - stay.iter().map(|&i| all[i]).sum::<f64>()
        };
        for stay in 0..HEADS {
            let mut kept = all();
            kept[l].heads = strongest(&scores.heads, stay);
            let lost = lost(&scores.heads, &kept[l].heads);
            heads.push((kept, lost));
        }
        for stay in (0..NEURONS).step_by(GROUP) {
            let mut kept = all();
            kept[l].neurons = strongest(&scores.neurons, stay);
            let lost = lost(&scores.neurons, &kept[l].neurons);
            neurons.push((kept, lost));
        }
    }
    [heads, neurons]
}

/// Spearman's rank correlation; no ties.
fn rank_correlation(pairs: &[(f64, f64)]) -> f64 {
    let ranks = |values: Vec<f64>| -> Vec<f64> {
        let rank = |v: &f64| values.iter().filter(|w| *w < v).count() as f64;
        values.iter().map(rank).collect()
    };
    let a = ranks(pairs.iter().map(|p| p.0).collect());
    let b = ranks(pairs.iter().map(|p| p.1).collect());
    let n = pairs.len() as f64;
    let squares: f64 = a.iter().zip(&b).map(|(a, b)| (a - b).powi(2)).sum();
    1.0 - 6.0 * squares / (n * (n * n - 1.0))
}

/// Heads one by one and neurons in groups: what the scores add up to, against the loss that rises.
#[test]
fn gradients_rank_as_brute_force_does() {
    let calibration = examples(3);
    let whole = loss(trained(), &calibration);
    assert!(
        (0.1..1.0).contains(&whole),
        "trained, with something left to lose: {whole}"
    );
    for criterion in [Criterion::FirstOrder, Criterion::Fisher] {
        for removals in removals(&scores_by(criterion, &calibration)) {
            let pairs: Vec<(f64, f64)> = removals
                .into_iter()
                .map(|(kept, score)| {
                    let cut = shrink(trained().clone(), &kept).unwrap();
                    (score, loss(&cut, &calibration) - whole)
                })
                .collect();
            let correlation = rank_correlation(&pairs);
            assert!(correlation > 0.8, "{criterion}: {correlation}: {pairs:?}");
        }
    }
}

/// Neurons one by one: Fisher information stands for how far the answers move.
#[test]
fn fisher_ranks_single_neurons_as_brute_force_does() {
    let calibration = examples(3);
    let mut by_loss = Vec::new();
    let mut by_answers = Vec::new();
    let whole = loss(trained(), &calibration);
    for (l, scores) in scores_by(Criterion::Fisher, &calibration)
        .iter()
        .enumerate()
    {
        for (neuron, &score) in scores.neurons.iter().enumerate() {
            let mut kept = all();
            kept[l].neurons.retain(|&j| j != neuron);
            let cut = shrink(trained().clone(), &kept).unwrap();
            by_loss.push((score, loss(&cut, &calibration) - whole));
            by_answers.push((score, divergence(&cut, &calibration)));
        }
    }
    let [by_loss, by_answers] = [by_loss, by_answers].map(|pairs| rank_correlation(&pairs));
    assert!(
        by_answers > 0.8,
        "by answers {by_answers}, by loss {by_loss}"
    );
}

/// Scores of optimal brain surgeon hold in their order: those of all that went before included.
#[test]
fn obs_ranks_as_brute_force_does() {
    let calibration = examples(3);
    let fresh = examples(4);
    let measure = measure(&calibration, 2);
    for removals in weakest(&scores_by(Criterion::Obs, &calibration)) {
        let pairs: Vec<(f64, f64)> = removals
            .into_iter()
            .map(|(kept, score)| {
                let obs = Criterion::Obs;
                let cut = compensate(obs, trained(), &kept, &measure)
                    .unwrap()
                    .artifact;
                (score, divergence(&cut, &fresh))
            })
            .collect();
        let correlation = rank_correlation(&pairs);
        assert!(correlation > 0.8, "{correlation}: {pairs:?}");
    }
}
