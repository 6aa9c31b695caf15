//! What rounding with compensation costs for the shapes of a layer of width 768: the products of the channels over 4,096
//! tokens, the factor, and the rounding of every weight with pairs limited; random numbers.
//!
//!     cargo run --release -p act-quant --example rounding_time -- [THREADS]

use std::time::Instant;

use act_core::Seed;
use act_core::quant::GroupLimit;
use act_nn::linalg::Gram;
use act_quant::weight::compensate::Compensation;
use act_quant::weight::{Allowed, Granularity, quantize_compensated};
use rand::Rng;

const TOKENS: usize = 4096;

fn main() {
    let threads = std::env::args()
        .nth(1)
        .and_then(|n| n.parse().ok())
        .unwrap_or(2);
    let mut rng = Seed(1).stream("rounding_time");
    println!("{threads} threads; seconds, and MB of the products\n");
    println!("| inputs | outputs | products of {TOKENS} tokens | MB | factor | rounding |");
    println!("|--:|--:|--:|--:|--:|--:|");
    // What an input feeds: query, key and value together; the heads' output; both halves of the feed-forward.
    for (inputs, outputs) in [(768, 3 * 768), (768, 768), (768, 3072), (3072, 768)] {
        let values: Vec<f32> = (0..TOKENS * inputs)
            .map(|_| rng.random::<f32>() - 0.5)
            .collect();
        let weights: Vec<f32> = (0..outputs * inputs)
            .map(|_| rng.random::<f32>() - 0.5)
            .collect();
        let began = Instant::now();
        let mut gram = Gram::new(inputs);
        gram.add(&values, threads);
        let products = began.elapsed().as_secs_f64();
        let pairs = (0..inputs).flat_map(|i| (0..inputs).map(move |j| (i, j)));
        let moments = pairs.map(|(i, j)| f64::from(gram.at(i, j)) / TOKENS as f64);
        let moments = moments.collect();
        let began = Instant::now();
        let Some(compensation) = Compensation::new(moments, inputs, 0.01, threads) else {
            return eprintln!("the products are not finite");
        };
        let factor = began.elapsed().as_secs_f64();
        let limit = Some(GroupLimit { size: 2, max: 129 });
        let allowed = Allowed {
            limit,
            ..Allowed::within(127)
        };
        let began = Instant::now();
        let granularity = Granularity::Channel;
        let rows = quantize_compensated(
            "random",
            &weights,
            granularity,
            allowed,
            &compensation,
            threads,
        );
        let rounding = began.elapsed().as_secs_f64();
        assert!(rows.is_ok(), "random weights are finite");
        let megabytes = 2.0 * (inputs * inputs) as f64 / 1e6;
        println!(
            "| {inputs} | {outputs} | {products:.2} | {megabytes:.1} | {factor:.2} | {rounding:.2} |"
        );
    }
}
