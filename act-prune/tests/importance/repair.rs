//! Repaired models against masked ones and against those that were only cut.

use act_core::testing::{TinyOptions, tiny_artifact};
use act_core::{Artifact, Family, LayerPlan, Linear, Tensor};
use act_prune::importance::compensate;
use act_prune::select::strongest;
use act_prune::{Criterion, Kept, Measure, Origin, Scored};

use crate::toy::{
    HEADS, NEURONS, all, divergence, examples, logits, measure, scores_by, strongest_part, trained,
};

#[test]
fn repair_brings_the_answers_back() {
    let calibration = examples(3);
    let measure = measure(&calibration, 2);
    let kept = strongest_part(4, &scores_by(Criterion::Fisher, &calibration));
    let far = |criterion| {
        let cut = compensate(criterion, trained(), &kept, &measure);
        let cut = cut.unwrap().artifact;
        assert_eq!(cut.plan.layers[2].heads(), HEADS / 4);
        assert_eq!(cut.plan.layers[2].intermediate_size, NEURONS / 4);
        divergence(&cut, &calibration)
    };
    let [cut, rescaled, refitted] =
        [Criterion::Magnitude, Criterion::Fisher, Criterion::Obs].map(far);
    assert!(rescaled < cut, "{rescaled} is not below {cut}");
    assert!(refitted < rescaled, "{refitted} is not below {rescaled}");
}

#[test]
fn what_loses_nothing_stays_as_it_is() {
    let calibration = examples(3);
    let measure = measure(&calibration, 1);
    let digest = trained().model_digest().unwrap();
    for criterion in Criterion::ALL {
        let same = compensate(criterion, trained(), &all(), &measure);
        let same = same.unwrap().artifact;
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
    let mut kept = strongest_part(2, &scores_by(Criterion::Obs, &calibration));
    kept[1].heads.clear();
    kept[2].neurons.clear();
    let repaired = compensate(Criterion::Obs, trained(), &kept, &measure);
    let repaired = repaired.unwrap().artifact;
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

/// Fisher information re-pairs the heads that were chosen by their scores; what is reported is
/// what the model has.
#[test]
fn the_report_has_the_heads_that_stay() {
    let calibration = examples(3);
    let fisher = Criterion::Fisher;
    let scores = scores_by(fisher, &calibration);
    let mut exchanged = false;
    for ratio in [0.25, 0.5, 0.75] {
        let origin = Origin::of(trained()).unwrap();
        let measure: Measure<'_> = measure(&calibration, 2);
        let scored = Scored::new(trained().clone(), origin, fisher, measure).unwrap();
        let ratio = act_prune::Ratio::new(ratio).unwrap();
        let pruned = scored.by_ratio(ratio).unwrap();
        for (layer, scores) in pruned.layers.iter().zip(&scores) {
            let kept: Vec<usize> = layer.kept_heads.iter().map(|&h| usize::from(h)).collect();
            exchanged |= kept != strongest(&scores.heads, kept.len());
            let sum: f64 = kept.iter().map(|&h| scores.heads[h]).sum();
            let share = sum / scores.heads.iter().sum::<f64>();
            assert!((layer.head_importance_kept - share).abs() < 1e-12);
        }
    }
    assert!(exchanged, "no head was exchanged: the test shows nothing");
}

/// Norms before the blocks and gates: a neuron that is there twice goes, and what repairs the block, which
/// compares with the residual stream, gives its part to the other.
#[test]
fn what_is_there_twice_goes_without_a_trace_from_gated_blocks_too() {
    let calibration = examples(3);
    let measure = measure(&calibration, 2);
    for seed in [2, 3] {
        let options = TinyOptions {
            family: Family::ModernBert,
            hidden_size: 16,
            layers: vec![LayerPlan::full(2, 8, 10); 3],
            ..TinyOptions::default()
        };
        let mut model = tiny_artifact(seed, &options);
        for linear in [Linear::Intermediate(1), Linear::Gate(1)] {
            let mut weight = model.params.f32(&linear.weight()).unwrap().to_vec();
            weight.copy_within(..16, 16);
            model
                .params
                .insert(linear.weight(), Tensor::f32([10, 16], weight));
        }
        let whole = Kept {
            heads: vec![0, 1],
            neurons: (0..10).collect(),
        };
        let mut kept = vec![whole; 3];
        kept[1].neurons.remove(1);
        let some = &calibration.encodings[..40];
        let far = |criterion| {
            let cut = compensate(criterion, &model, &kept, &measure)
                .unwrap()
                .artifact;
            let pairs = logits(&cut, some).concat().into_iter();
            let pairs = pairs.zip(logits(&model, some).concat());
            pairs.fold(0f32, |most, (a, b)| most.max((a - b).abs()))
        };
        let [cut, refitted] = [Criterion::Magnitude, Criterion::Obs].map(far);
        assert!(refitted < cut / 20.0, "{refitted} after {cut}");
    }
}
