//! A folder with models and data, and the program run in it.

use act_core::testing::{CHARACTERS, TinyInt8, TinyOptions, tiny_artifact};
use act_core::{Artifact, LayerPlan, Linear, Tensor};
use act_stage::testing::Workshop;

/// The folder: `float.act`, `int8.act`, and `data` for both. The program writes `out.act`.
pub fn workshop() -> Workshop {
    let program = env!("CARGO_BIN_EXE_act-quant");
    let workshop = Workshop::new(program, "tiny", &[("--data", "data"), ("-o", "out.act")]);
    workshop.write_data("data", in_turn(texts(93)));
    workshop.save("float.act", &float());
    let int8 = TinyOptions {
        int8: Some(TinyInt8::default()),
        ..TinyOptions::default()
    };
    workshop.save("int8.act", &tiny_artifact(1, &int8));
    workshop
}

/// Texts with their classes, which come in turn.
pub fn in_turn(texts: impl IntoIterator<Item = String>) -> impl Iterator<Item = (String, usize)> {
    texts.into_iter().enumerate().map(|(i, text)| (text, i % 3))
}

/// A random model that is sure of its answers, and gives more than one.
pub fn float() -> Artifact {
    let options = TinyOptions {
        hidden_size: 16,
        layers: vec![LayerPlan::full(2, 8, 32); 2],
        ..TinyOptions::default()
    };
    let mut model = tiny_artifact(3, &options);
    change(&mut model, Linear::Classifier.weight(), |_, w| 10.0 * w);
    model
}

/// Replaces each value of a tensor by what `f` makes of its index and itself.
pub fn change(model: &mut Artifact, name: String, f: impl Fn(usize, f32) -> f32) {
    let shape = model.params.get(&name).unwrap().shape().to_vec();
    let values = model.params.f32(&name).unwrap().iter().enumerate();
    let values: Vec<f32> = values.map(|(i, &v)| f(i, v)).collect();
    model.params.insert(name, Tensor::f32(shape, values));
}

/// That many texts, all different, out of the tiny vocabulary.
pub fn texts(count: usize) -> impl Iterator<Item = String> {
    let characters: Vec<char> = CHARACTERS.chars().collect();
    (0..count).map(move |i| {
        let character = |j| characters[(i * 13 + j * (5 + i / 11)) % characters.len()];
        let text: String = (0..2 + i % 7).map(character).collect();
        format!("{text}{i}")
    })
}
