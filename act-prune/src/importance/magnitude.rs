//! Magnitude: the squares of the weights that go with a head or a neuron, summed.
//!
//! The naive baseline (Hagiwara 1994; structured as in Li et al. 2017): it reads no data and knows
//! neither activations nor loss.

use act_core::{Artifact, Linear, Params, Result};
use act_nn::LayerScores;

/// Scores every head (query, key, value and output projections) and neuron (incoming and outgoing
/// weights); biases do not count. Errors: int8 weights.
pub fn magnitude(artifact: &Artifact) -> Result<Vec<LayerScores>> {
    let params = &artifact.params;
    let layers = artifact.plan.layers.iter().enumerate();
    layers
        .map(|(l, layer)| {
            let mut channels = vec![0.0; layer.attention_width()];
            if layer.attention_width() > 0 {
                for linear in [Linear::Query(l), Linear::Key(l), Linear::Value(l)] {
                    add_rows(params, linear, &mut channels)?;
                }
                add_columns(params, Linear::AttentionOutput(l), &mut channels)?;
            }
            let mut neurons = vec![0.0; layer.intermediate_size];
            if layer.intermediate_size > 0 {
                add_rows(params, Linear::Intermediate(l), &mut neurons)?;
                if artifact.plan.has_weight(Linear::Gate(l)) {
                    add_rows(params, Linear::Gate(l), &mut neurons)?;
                }
                add_columns(params, Linear::Output(l), &mut neurons)?;
            }
            let heads = channels.chunks(layer.head_dim.max(1));
            Ok(LayerScores {
                heads: heads.map(|channels| channels.iter().sum()).collect(),
                neurons,
            })
        })
        .collect()
}

/// Adds the squares of each row of a weight to its sum.
fn add_rows(params: &Params, linear: Linear, sums: &mut [f64]) -> Result<()> {
    let weight = params.f32(&linear.weight())?;
    let rows = weight.chunks(weight.len() / sums.len());
    for (sum, row) in sums.iter_mut().zip(rows) {
        *sum += row.iter().map(|&w| f64::from(w).powi(2)).sum::<f64>();
    }
    Ok(())
}

/// Adds the squares of each column of a weight to its sum.
fn add_columns(params: &Params, linear: Linear, sums: &mut [f64]) -> Result<()> {
    for row in params.f32(&linear.weight())?.chunks(sums.len()) {
        for (sum, &w) in sums.iter_mut().zip(row) {
            *sum += f64::from(w).powi(2);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use act_core::testing::{TinyOptions, tiny_artifact};
    use act_core::{LayerPlan, Tensor};

    use super::*;

    #[test]
    fn counts_every_weight_of_the_structure_once() {
        let options = TinyOptions {
            layers: vec![LayerPlan::full(2, 4, 3), LayerPlan::full(0, 4, 0)],
            ..TinyOptions::default()
        };
        let mut model = tiny_artifact(1, &options);
        for linear in Linear::of_layer(0) {
            let shape = model.plan.linear_shape(linear);
            let twos = vec![2.0; shape[0] * shape[1]];
            model
                .params
                .insert(linear.weight(), Tensor::f32(shape, twos));
        }
        let scores = magnitude(&model).unwrap();
        // Hidden size 8: a head has 4 x 4 x 8 weights, a neuron 2 x 8.
        assert_eq!(scores[0].heads, [512.0; 2]);
        assert_eq!(scores[0].neurons, [64.0; 3]);
        assert!(scores[1].heads.is_empty() && scores[1].neurons.is_empty());
    }
}
