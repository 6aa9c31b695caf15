//! What is trained.

use act_core::testing::{CHARACTERS, TinyOptions, tiny_artifact};
use act_core::{Artifact, LayerPlan, Linear, Tensor};

/// A random model that is sure of its answers.
pub fn model() -> Artifact {
    let options = TinyOptions {
        hidden_size: 16,
        layers: vec![LayerPlan::full(2, 8, 32); 2],
        ..TinyOptions::default()
    };
    let mut model = tiny_artifact(3, &options);
    let name = Linear::Classifier.weight();
    let sure: Vec<f32> = model
        .params
        .f32(&name)
        .unwrap()
        .iter()
        .map(|w| 10.0 * w)
        .collect();
    let shape = model.plan.linear_shape(Linear::Classifier);
    model.params.insert(name, Tensor::f32(shape, sure));
    model
}

pub fn texts(count: usize) -> impl Iterator<Item = String> {
    let characters: Vec<char> = CHARACTERS.chars().collect();
    (0..count).map(move |i| {
        let length = 2 + i % 7;
        let character = |j| characters[(i * 13 + j * (5 + i / 11)) % characters.len()];
        (0..length).map(character).collect()
    })
}
