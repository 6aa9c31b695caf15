//! Importance and repair on a small trained model: scores against brute force, repaired models
//! against masked ones, and what is refused.

use std::sync::OnceLock;

use act_core::testing::{TinyOptions, tiny_artifact};
use act_core::{Artifact, Batch, Encoding, ErrorKind, LayerPlan, Linear, Seed, Tensor};
use act_infer::Engine;
use act_nn::{Device, Objective, TrainOptions};
use act_prune::importance::{compensate, scores};
use act_prune::ratio::Keep;
use act_prune::select::strongest;
use act_prune::shrink::shrink;
use act_prune::{Calibration, Importance, Kept, LayerScores, Measure};
use rand::Rng;

const HEADS: usize = 4;
const NEURONS: usize = 48;
/// Neurons that brute force removes together.
const GROUP: usize = 8;

/// Which of three thirds of the vocabulary most tokens come from, one label in five drawn blindly,
/// so that a trained model still has a loss.
fn examples(seed: u64) -> Calibration {
    let mut rng = Seed(seed).stream("examples");
    let mut calibration = Calibration {
        encodings: Vec::new(),
        labels: Vec::new(),
    };
    for _ in 0..400 {
        let label = rng.random_range(0..3u32);
        let length = rng.random_range(4..14);
        let mut token = || match rng.random_bool(0.6) {
            true => 5 + 40 * label + rng.random_range(0..40),
            false => rng.random_range(5..125),
        };
        let ids: Vec<u32> = std::iter::once(2)
            .chain((0..length).map(|_| token()))
            .collect();
        calibration.encodings.push(Encoding {
            token_type_ids: vec![0; ids.len()],
            input_ids: ids,
        });
        let blind = rng.random_bool(0.2);
        calibration
            .labels
            .push(if blind { rng.random_range(0..3) } else { label });
    }
    calibration
}

/// A model that has learnt the examples.
fn trained() -> &'static Artifact {
    static MODEL: OnceLock<Artifact> = OnceLock::new();
    MODEL.get_or_init(|| {
        let options = TinyOptions {
            hidden_size: 32,
            layers: vec![LayerPlan::full(HEADS, 8, NEURONS); 3],
            ..TinyOptions::default()
        };
        let examples = examples(3);
        let options_of_training = TrainOptions {
            epochs: 7,
            max_steps: None,
            batch_size: 32,
            micro_batch: 32,
            eval_every: None,
            log_every: 100,
            learning_rate: 2e-3,
            warmup_ratio: 0.1,
            linear_decay: true,
            weight_decay: 0.0,
            grad_clip: 1.0,
            dropout: 0.0,
            target_accuracy: None,
            threads: 2,
            seed: Seed(1),
        };
        let objective = Objective {
            labels: 1.0,
            logits: 0.0,
        };
        let start = tiny_artifact(5, &options);
        let trained = act_nn::train(
            Device::NdArray,
            &start,
            examples.examples(),
            None,
            objective,
            &options_of_training,
            &mut |_| true,
        );
        Artifact {
            params: trained.unwrap().params,
            ..start
        }
    })
}

fn measure(calibration: &Calibration, threads: usize) -> Measure<'_> {
    Measure {
        calibration,
        batch_size: 16,
        device: Device::NdArray,
        threads,
    }
}

fn scores_by(criterion: Importance, calibration: &Calibration) -> Vec<LayerScores> {
    scores(criterion, trained(), &measure(calibration, 2), &mut |_| {
        true
    })
    .unwrap()
}

fn logits(artifact: &Artifact, encodings: &[Encoding]) -> Vec<Vec<f32>> {
    let engine = Engine::new(artifact.clone()).unwrap();
    engine.forward(&Batch::new(encodings)).unwrap()
}

/// Logarithms of probabilities.
fn log_softmax(logits: &[f32]) -> Vec<f64> {
    let sum: f64 = logits.iter().map(|&x| f64::from(x).exp()).sum();
    logits.iter().map(|&x| f64::from(x) - sum.ln()).collect()
}

/// Mean cross-entropy with the labels.
fn loss(artifact: &Artifact, calibration: &Calibration) -> f64 {
    let logits = logits(artifact, &calibration.encodings);
    let pairs = logits.iter().zip(&calibration.labels);
    let sum: f64 = pairs
        .map(|(row, &label)| -log_softmax(row)[label as usize])
        .sum();
    sum / calibration.labels.len() as f64
}

/// Mean divergence of a model's answers from the trained one's.
fn divergence(artifact: &Artifact, calibration: &Calibration) -> f64 {
    let before = logits(trained(), &calibration.encodings);
    let now = logits(artifact, &calibration.encodings);
    let of_example = |(p, q): (&Vec<f32>, &Vec<f32>)| -> f64 {
        let (p, q) = (log_softmax(p), log_softmax(q));
        p.iter().zip(&q).map(|(p, q)| p.exp() * (p - q)).sum()
    };
    before.iter().zip(&now).map(of_example).sum::<f64>() / before.len() as f64
}

/// Everything of the trained model.
fn all() -> Vec<Kept> {
    let layer = Kept {
        heads: (0..HEADS).collect(),
        neurons: (0..NEURONS).collect(),
    };
    vec![layer; 3]
}

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

#[test]
fn fisher_ranks_as_brute_force_does() {
    let calibration = examples(3);
    let whole = loss(trained(), &calibration);
    assert!(
        (0.1..1.0).contains(&whole),
        "trained, with something left to lose: {whole}"
    );
    for removals in removals(&scores_by(Importance::Fisher, &calibration)) {
        let pairs: Vec<(f64, f64)> = removals
            .into_iter()
            .map(|(kept, score)| {
                let cut = shrink(trained().clone(), &kept).unwrap();
                (score, loss(&cut, &calibration) - whole)
            })
            .collect();
        let correlation = rank_correlation(&pairs);
        assert!(correlation > 0.8, "{correlation}: {pairs:?}");
    }
}

/// Scores of optimal brain surgeon hold in their order: those of all that went before included.
#[test]
fn obs_ranks_as_brute_force_does() {
    let calibration = examples(3);
    let fresh = examples(4);
    let measure = measure(&calibration, 2);
    for removals in weakest(&scores_by(Importance::Obs, &calibration)) {
        let pairs: Vec<(f64, f64)> = removals
            .into_iter()
            .map(|(kept, score)| {
                let obs = Importance::Obs;
                let cut = compensate(obs, trained(), &kept, &measure, &mut |_| true).unwrap();
                (score, divergence(&cut, &fresh))
            })
            .collect();
        let correlation = rank_correlation(&pairs);
        assert!(correlation > 0.8, "{correlation}: {pairs:?}");
    }
}

/// One `part`th of everything, chosen by a criterion.
fn strongest_part(part: usize, scores: &[LayerScores]) -> Vec<Kept> {
    let keep = Keep {
        heads: HEADS / part,
        neurons: NEURONS / part,
    };
    scores.iter().map(|s| Kept::strongest(s, keep)).collect()
}

#[test]
fn repair_brings_the_answers_back() {
    let calibration = examples(3);
    let measure = measure(&calibration, 2);
    let kept = strongest_part(4, &scores_by(Importance::Fisher, &calibration));
    let far = |criterion| {
        let cut = compensate(criterion, trained(), &kept, &measure, &mut |_| true).unwrap();
        assert_eq!(cut.plan.layers[2].heads(), HEADS / 4);
        assert_eq!(cut.plan.layers[2].intermediate_size, NEURONS / 4);
        divergence(&cut, &calibration)
    };
    let [cut, rescaled, refitted] =
        [Importance::Magnitude, Importance::Fisher, Importance::Obs].map(far);
    assert!(rescaled < cut, "{rescaled} is not below {cut}");
    assert!(refitted < rescaled, "{refitted} is not below {rescaled}");
}

#[test]
fn what_loses_nothing_stays_as_it_is() {
    let calibration = examples(3);
    let measure = measure(&calibration, 1);
    let digest = trained().model_digest().unwrap();
    for criterion in Importance::ALL {
        let same = compensate(criterion, trained(), &all(), &measure, &mut |_| true).unwrap();
        assert_eq!(same.model_digest().unwrap(), digest, "{criterion}");
    }
}

/// The original with the repaired output projections in place and zeros for what is gone.
fn masked(repaired: &Artifact, kept: &[Kept]) -> Artifact {
    let mut masked = trained().clone();
    for (l, kept) in kept.iter().enumerate() {
        let head_dim = masked.plan.layers[l].head_dim;
        let of_heads = kept
            .heads
            .iter()
            .flat_map(|h| h * head_dim..(h + 1) * head_dim);
        for (linear, columns) in [
            (Linear::AttentionOutput(l), of_heads.collect::<Vec<_>>()),
            (Linear::Output(l), kept.neurons.clone()),
        ] {
            let [rows, width] = masked.plan.linear_shape(linear);
            let mut wide = vec![0.0; rows * width];
            if !columns.is_empty() {
                let narrow = repaired.params.f32(&linear.weight()).unwrap();
                for (r, row) in narrow.chunks_exact(columns.len()).enumerate() {
                    for (&column, &w) in columns.iter().zip(row) {
                        wide[r * width + column] = w;
                    }
                }
            }
            let bias = repaired.params.f32(&linear.bias()).unwrap().to_vec();
            masked
                .params
                .insert(linear.weight(), Tensor::f32([rows, width], wide));
            masked
                .params
                .insert(linear.bias(), Tensor::f32([rows], bias));
        }
    }
    masked
}

#[test]
fn repaired_and_masked_models_agree() {
    let calibration = examples(3);
    let measure = measure(&calibration, 2);
    let mut kept = strongest_part(2, &scores_by(Importance::Obs, &calibration));
    kept[1].heads.clear();
    kept[2].neurons.clear();
    let repaired = compensate(Importance::Obs, trained(), &kept, &measure, &mut |_| true).unwrap();
    assert_eq!(repaired.plan.layers[1].heads(), 0);
    let some = &calibration.encodings[..40];
    let pairs = logits(&repaired, some).concat().into_iter();
    for (a, b) in pairs.zip(logits(&masked(&repaired, &kept), some).concat()) {
        assert!((a - b).abs() < 1e-5, "{a} against {b}");
    }
    // A block that is gone leaves its mean behind, not its old bias.
    let bias = Linear::AttentionOutput(1).bias();
    assert_ne!(
        repaired.params.f32(&bias).unwrap(),
        trained().params.f32(&bias).unwrap()
    );
}

#[test]
fn results_do_not_depend_on_threads() {
    let calibration = examples(3);
    for criterion in [Importance::Fisher, Importance::Obs] {
        let run = |threads| {
            let measure = measure(&calibration, threads);
            let scores = scores(criterion, trained(), &measure, &mut |_| true).unwrap();
            let cut = compensate(
                criterion,
                trained(),
                &strongest_part(2, &scores),
                &measure,
                &mut |_| true,
            );
            (scores, cut.unwrap().model_digest().unwrap())
        };
        assert_eq!(run(1), run(3), "{criterion}");
    }
}

#[test]
fn a_block_that_says_the_same_of_everything_is_refused() {
    let options = TinyOptions::default();
    let mut constant = tiny_artifact(1, &options);
    for name in ["word", "position", "token_type"] {
        let name = format!("embeddings.{name}_embeddings.weight");
        let shape = constant.params.get(&name).unwrap().shape().to_vec();
        let zeros = vec![0.0; shape.iter().product()];
        constant.params.insert(name, Tensor::f32(shape, zeros));
    }
    let calibration = examples(3);
    let refused = scores(
        Importance::Obs,
        &constant,
        &measure(&calibration, 1),
        &mut |_| true,
    );
    let error = refused.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Failed);
    assert!(
        error
            .to_string()
            .contains("the same for every calibration example"),
        "{error}"
    );
}

#[test]
fn damaged_models_empty_calibrations_and_interrupts_end_it() {
    let mut damaged = tiny_artifact(1, &TinyOptions::default());
    let name = Linear::Intermediate(0).bias();
    let mut bias = damaged.params.f32(&name).unwrap().to_vec();
    bias[3] = f32::NAN;
    damaged.params.insert(name, Tensor::f32([bias.len()], bias));
    let calibration = examples(3);
    let empty = Calibration {
        encodings: Vec::new(),
        labels: Vec::new(),
    };
    let whole = tiny_artifact(1, &TinyOptions::default());
    for criterion in [Importance::FirstOrder, Importance::Fisher, Importance::Obs] {
        let run = |model: &Artifact, calibration: &Calibration, go: bool| {
            let measure = measure(calibration, 1);
            scores(criterion, model, &measure, &mut |_| go).unwrap_err()
        };
        let error = run(&damaged, &calibration, true);
        assert!(
            error.to_string().contains("not finite"),
            "{criterion}: {error}"
        );
        let error = run(&whole, &empty, true);
        assert_eq!(error.kind(), ErrorKind::Usage, "{criterion}: {error}");
        let error = run(&whole, &calibration, false);
        assert_eq!(error.kind(), ErrorKind::Interrupted, "{criterion}");
    }
    let kept = Kept {
        heads: vec![0],
        neurons: vec![0],
    };
    let kept = [kept.clone(), kept];
    for criterion in [Importance::Fisher, Importance::Obs] {
        let refused = compensate(criterion, &whole, &kept, &measure(&empty, 1), &mut |_| true);
        assert_eq!(refused.map(drop).unwrap_err().kind(), ErrorKind::Usage);
        let damaged = compensate(
            criterion,
            &damaged,
            &kept,
            &measure(&calibration, 1),
            &mut |_| true,
        );
        let error = damaged.map(drop).unwrap_err();
        assert!(
            error.to_string().contains("not finite"),
            "{criterion}: {error}"
        );
    }
}
