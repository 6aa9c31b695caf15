//! A toy task that a tiny model learns in a second: which of three characters the text holds.

use act_core::provenance::{DataRecord, Digest};
use act_core::testing::{CHARACTERS, TinyOptions, tiny_artifact};
use act_core::{Artifact, LayerPlan, Linear, Tensor};
use act_data::{Dataset, Example, ProblemKind, Split, Target};
use act_stage::config::{Config, LearningRate};

/// Number of classes; class `i` is told by the `i`-th character of the vocabulary.
const CLASSES: usize = 3;

/// An untrained model for the toy task.
pub fn model(seed: u64) -> Artifact {
    model_of(seed, CLASSES)
}

/// The same with so many outputs.
pub fn model_of(seed: u64, num_labels: usize) -> Artifact {
    let mut artifact = tiny_artifact(
        seed,
        &TinyOptions {
            hidden_size: 16,
            layers: vec![LayerPlan::full(4, 4, 24), LayerPlan::full(2, 4, 16)],
            num_labels,
            ..TinyOptions::default()
        },
    );
    artifact.task.name = "toy".into();
    artifact
}

/// A model whose logits, and so its loss, are not finite.
pub fn overflowing() -> Artifact {
    let mut artifact = model(1);
    let name = Linear::Classifier.weight();
    let shape = artifact.plan.linear_shape(Linear::Classifier);
    let huge = vec![f32::MAX; shape[0] * shape[1]];
    artifact.params.insert(name, Tensor::f32(shape, huge));
    artifact
}

/// The texts and classes of the toy task.
pub fn examples(count: usize) -> Vec<(String, usize)> {
    let characters: Vec<char> = CHARACTERS.chars().collect();
    let (telling, filling) = characters.split_at(CLASSES);
    (0..count)
        .map(|i| {
            let class = (i * 7 + i / 5) % CLASSES;
            let length = 2 + i % 6;
            let mut text: Vec<char> = (0..length)
                .map(|j| filling[(i * 11 + j * 5) % filling.len()])
                .collect();
            text.insert(i % length, telling[class]);
            (text.into_iter().collect(), class)
        })
        .collect()
}

/// The toy task as a train split.
pub fn dataset(count: usize) -> Dataset {
    let examples: Vec<Example> = examples(count)
        .into_iter()
        .map(|(text, class)| Example {
            text,
            pair: None,
            target: Some(Target::Class(class as u32)),
        })
        .collect();
    Dataset {
        task: "toy".into(),
        split: Split::Train,
        problem: ProblemKind::SingleLabel,
        labels: model(0).task.labels,
        columns: None,
        dropped: 0,
        record: DataRecord {
            name: "toy/train".into(),
            digest: Digest([0; 32]),
            examples: count as u64,
            synthetic: true,
        },
        examples,
    }
}

/// Settings under which the toy task is learned quickly.
pub fn config() -> Config {
    let mut config = Config::default();
    config.train.epochs = 6;
    config.train.learning_rate = LearningRate::Peak(5e-3);
    config.train.validation_ratio = 0.2;
    config.train.batch_size = Some(16);
    config.train.micro_batch = Some(4);
    config.train.dropout = 0.0;
    config
}
