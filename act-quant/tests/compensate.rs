//! Rounding with compensation against NumPy (`tests/peers/compensate_record.py`).

use act_quant::weight::compensate::Compensation;
use act_quant::weight::{Allowed, Granularity, quantize_compensated};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    seed: u64,
    outputs: usize,
    inputs: usize,
    tokens: usize,
    largest: u8,
    /// Integers that are not the nearest.
    unlike_nearest: usize,
    integers: Vec<i8>,
    losses: Vec<f64>,
}

/// The script's weights and inputs, and the inputs' second moments.
fn layer(case: &Case) -> (Vec<f32>, Vec<f64>) {
    let mut state = case.seed;
    let mut draw = || {
        state = (state * 1_103_515_245 + 12345) % (1 << 31);
        (state >> 15) as f64 / 65536.0 - 0.5
    };
    let n = case.inputs;
    let weights = (0..case.outputs * n).map(|_| draw() as f32).collect();
    let few = 1 + n / 4;
    let mut moments = vec![0.0; n * n];
    for _ in 0..case.tokens {
        let factors: Vec<f64> = (0..few).map(|_| draw()).collect();
        let row: Vec<f64> = (0..n).map(|i| factors[i % few] + draw() / 4.0).collect();
        for (i, sums) in moments.chunks_mut(n).enumerate() {
            let products = sums.iter_mut().zip(&row);
            products.for_each(|(sum, x)| *sum += row[i] * x);
        }
    }
    moments
        .iter_mut()
        .for_each(|sum| *sum /= case.tokens as f64);
    (weights, moments)
}

#[test]
fn integers_and_losses_are_those_of_numpy() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("fixtures/compensate.json")).unwrap();
    for case in cases {
        let (weights, mut moments) = layer(&case);
        let n = case.inputs;
        let compensation = Compensation::new(moments.clone(), n, 0.01, 2).unwrap();
        let (granularity, allowed) = (Granularity::Channel, Allowed::within(case.largest));
        let found =
            quantize_compensated("w", &weights, granularity, allowed, &compensation, 2).unwrap();
        assert_eq!(found.values[..], case.integers);
        let mean = (0..n).map(|i| moments[i * n + i]).sum::<f64>() / n as f64;
        (0..n).for_each(|i| moments[i * n + i] += 0.01 * mean);
        let mut unlike = 0;
        for (row, expected) in case.losses.iter().enumerate() {
            let step = f64::from(found.scales[row]);
            let numbers = weights[row * n..].iter().zip(&found.values[row * n..]);
            let off: Vec<f64> = numbers
                .take(n)
                .map(|(&w, &q)| f64::from(w) - f64::from(q) * step)
                .collect();
            unlike += off
                .iter()
                .filter(|off| off.abs() > step * 0.500_001)
                .count();
            let sum = |i: usize| -> f64 {
                let terms = moments[i * n..][..n].iter().zip(&off);
                terms.map(|(h, off)| h * off).sum()
            };
            let loss: f64 = (0..n).map(|i| off[i] * sum(i)).sum();
            assert!(
                (loss - expected).abs() < 1e-9 * expected,
                "{loss} {expected}"
            );
        }
        assert_eq!(unlike, case.unlike_nearest);
    }
}
