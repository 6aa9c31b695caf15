use act_core::testing::{TinyOptions, tiny_artifact};
use burn::backend::NdArray;

use super::*;
use crate::gradcheck::{Reference, on_cards, random, to_f64};
use crate::tensors::tensor;

const VALUE: [f32; 4] = [0.5, -1.0, 0.25, 0.0];
const GRADIENTS: [[f32; 4]; 4] = [
    [0.1, -0.2, 0.3, 0.4],
    [1.0, 0.5, -0.5, 0.25],
    [-0.3, 0.2, 0.0, 0.7],
    [0.05, -0.6, 0.4, -0.1],
];
const RATES: [f64; 4] = [0.1, 0.05, 0.2, 0.1];

fn adam(weight_decay: f64) -> UpdateRule {
    UpdateRule::Adam {
        beta1: 0.9,
        beta2: 0.999,
        eps: 1e-8,
        weight_decay,
    }
}

/// A rule, its L2 penalty, and the value after the four steps above. Recorded with torch.optim of
/// PyTorch 2.15 in double precision; momentum and SGD are `torch.optim.SGD`.
fn recorded() -> [(UpdateRule, f64, [f64; 4]); 6] {
    let momentum = |momentum, nesterov| UpdateRule::Momentum { momentum, nesterov };
    [
        (
            adam(0.1),
            0.0,
            [
                0.22327127267601005,
                -0.9768602967131484,
                0.18398427640794343,
                -0.4005110744755229,
            ],
        ),
        (
            UpdateRule::Adam {
                beta1: 0.8,
                beta2: 0.95,
                eps: 1e-3,
                weight_decay: 0.1,
            },
            0.0,
            [
                0.2338721762918382,
                -0.9807428794037059,
                0.1875640096402169,
                -0.39793526766041976,
            ],
        ),
        (
            adam(0.0),
            0.1,
            [
                0.22246217475005142,
                -0.93560899955955,
                0.174133435258543,
                -0.4038873852216663,
            ],
        ),
        (
            UpdateRule::Sgd,
            0.1,
            [0.474084265, -0.9402435299999998, 0.1942184075, -0.17934146],
        ),
        (
            momentum(0.9, false),
            0.1,
            [
                0.18393978999999996,
                -0.9708295800000001,
                0.22613454500000002,
                -0.4162475600000001,
            ],
        ),
        (
            momentum(0.8, true),
            0.0,
            [
                0.3134639999999999,
                -1.040328,
                0.205992,
                -0.48824400000000007,
            ],
        ),
    ]
}

fn unclipped(rule: UpdateRule, l1: f64, l2: f64) -> OptimizerOptions {
    OptimizerOptions {
        rule,
        l1,
        l2,
        grad_clip: 0.0,
    }
}

fn four_steps<B: ActBackend>(options: OptimizerOptions) -> Vec<f64> {
    let device = Default::default();
    let row = |values: [f32; 4]| tensor::<B, 2>(values.to_vec(), [1, 4], &device);
    let mut slot = Slot {
        value: row(VALUE),
        moments: vec![row([0.0; 4]); options.moments()],
    };
    for (step, (gradient, rate)) in GRADIENTS.into_iter().zip(RATES).enumerate() {
        let whole = WholeStep {
            clip: options.grad_clip,
            decayed: &[true],
            update: &|scale, decayed| options.update(step + 1, rate, scale, decayed),
        };
        let (mut slots, _) = B::step(vec![slot], vec![row(gradient)], &whole);
        slot = slots.remove(0);
    }
    to_f64(&slot.value)
}

/// Four steps on every backend.
fn everywhere(options: OptimizerOptions) -> Vec<Vec<f64>> {
    #[cfg_attr(not(feature = "gpu"), allow(unused_mut))]
    let mut all = vec![
        four_steps::<NdArray>(options),
        four_steps::<Reference>(options),
    ];
    on_cards!(B => all.push(four_steps::<B>(options)));
    all
}

#[test]
fn every_optimiser_equals_pytorchs() {
    for (rule, l2, expected) in recorded() {
        let options = unclipped(rule, 0.0, l2);
        for got in everywhere(options) {
            for (got, want) in got.iter().zip(expected) {
                assert!((got - want).abs() < 1e-6, "{rule:?}: {got} {want}");
            }
        }
    }
}

#[test]
fn an_l1_penalty_pulls_towards_zero() {
    let options = unclipped(UpdateRule::Sgd, 0.5, 0.0);
    // The value minus the rates times (gradient + 0.5 sign(value)), no sign changing on the way
    // but that of the last element, which starts at 0 and goes below.
    let by_hand = |i: usize| {
        let mut value = f64::from(VALUE[i]);
        for (gradient, rate) in GRADIENTS.iter().zip(RATES) {
            let sign = if value == 0.0 { 0.0 } else { value.signum() };
            value -= rate * (f64::from(gradient[i]) + 0.5 * sign);
        }
        value
    };
    for got in everywhere(options) {
        for (i, got) in got.into_iter().enumerate() {
            assert!((got - by_hand(i)).abs() < 1e-6, "{i}: {got} {}", by_hand(i));
        }
    }
}

/// SGD of rate 1 leaves `-gradient`, scaled, plus what decay took: clipping and exemption show.
fn clipping<B: ActBackend>() {
    const CLIP: f64 = 5.0;
    let artifact = tiny_artifact(1, &TinyOptions::default());
    let device = Default::default();
    let mut weights = Weights::<B>::load(&artifact, &device).unwrap();
    let options = OptimizerOptions {
        rule: UpdateRule::Sgd,
        l1: 0.0,
        l2: 0.25,
        grad_clip: CLIP,
    };
    let mut optimizer = Optimizer::new(&weights, options, None);
    // The second gradient is small enough not to be clipped.
    for (step, size) in [(1, 1.0), (2, 1e-3)] {
        let before: Vec<Vec<f64>> = weights.tensors.iter().map(to_f64).collect();
        let gradient = |(i, t): (usize, &Tensor<B, 2>)| {
            let [rows, columns] = t.dims();
            let values = random((100 * step + i) as u64, rows * columns);
            let values: Vec<f32> = values.iter().map(|v| v * size).collect();
            tensor::<B, 2>(values, [rows, columns], &device)
        };
        let gradients: Vec<_> = weights.tensors.iter().enumerate().map(gradient).collect();
        let values: Vec<Vec<f64>> = gradients.iter().map(to_f64).collect();
        let norm = values.iter().flatten().map(|g| g * g).sum::<f64>().sqrt();
        assert_eq!(norm > CLIP, step == 1);
        let scale = (CLIP / norm).min(1.0);
        let reported = optimizer.step(&mut weights, gradients, step, 0.1);
        assert!((reported - norm).abs() < 1e-5 * norm);
        for (i, (tensor, spec)) in weights
            .tensors
            .iter()
            .zip(&weights.layout.specs)
            .enumerate()
        {
            let is_bias_or_norm = spec.name.ends_with("bias") || spec.name.contains("LayerNorm");
            let decay = if is_bias_or_norm { 0.0 } else { 0.25 };
            for (e, got) in to_f64(tensor).into_iter().enumerate() {
                let want = before[i][e] - 0.1 * (values[i][e] * scale + decay * before[i][e]);
                assert!(
                    (got - want).abs() < 1e-6,
                    "{}[{e}]: {got} {want}",
                    spec.name
                );
            }
        }
    }
}

#[test]
fn the_whole_gradient_is_clipped_and_biases_and_norms_do_not_decay() {
    clipping::<NdArray>();
    clipping::<Reference>();
    on_cards!(B => clipping::<B>());
}
