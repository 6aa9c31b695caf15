//! All mistakes of a configuration come in one message, and keys of PaddleSlim's past and of its Hugging
//! Face example are accepted with a note or refused by their new names.

use super::{assert_refused, load, refusal};

/// Asserts that a text is refused with so many mistakes, and that the message holds these parts in order.
fn assert_mistakes(text: &str, count: usize, parts: &[&str]) {
    let message = refusal_of_all(text, &[]);
    assert!(
        message.starts_with(&format!("{count} mistakes: ")),
        "{message}"
    );
    let mut rest = &message[..];
    for part in parts {
        let (_, after) = rest
            .split_once(part)
            .unwrap_or_else(|| panic!("no {part:?} in what is left of {message}"));
        rest = after;
    }
}

/// The whole message, its beginning too.
fn refusal_of_all(text: &str, overrides: &[&str]) -> String {
    let message = load(text, overrides).unwrap_err().to_string();
    assert!(!message.contains('\n'), "{message}");
    message
}

#[test]
fn every_wrong_key_and_value_is_told_with_its_line() {
    assert_mistakes(
        "Global:\n  batch_sise: 3\nTrainConfig:\n  epochs: many\n  dropout: 2\nPrun:\n  x: 1\n",
        4,
        &[
            "x.yaml:2: Global: unknown key \"batch_sise\"; did you mean \"batch_size\"?; ",
            "x.yaml:4: TrainConfig.epochs: invalid type: string \"many\"",
            "x.yaml:5: TrainConfig.dropout: 2 is not allowed",
            "x.yaml:6: unknown section \"Prun\"; did you mean \"Prune\"?",
        ],
    );
    // As deep as keys go, and in the order in which they stand.
    assert_mistakes(
        "TrainConfig:\n  optimizer_builder:\n    optimizer:\n      beta3: 1\n    decay: 0.1\n  epoch: 3\n",
        3,
        &[
            "x.yaml:4: ",
            "\"beta3\"",
            "x.yaml:5: ",
            "\"decay\"",
            "x.yaml:6: ",
            "\"epochs\"",
        ],
    );
}

#[test]
fn mistakes_of_flags_come_behind_those_of_the_file() {
    let message = refusal_of_all(
        "Prune:\n  ratio: 1\n",
        &["Prune.pruned_ratio=2", "QuantPost.algo=kl"],
    );
    assert!(message.starts_with("3 mistakes: "), "{message}");
    let places = [
        "x.yaml:2: ",
        "--set Prune.pruned_ratio=2: ",
        "--set QuantPost.algo=kl: ",
    ];
    let found = places.map(|place| message.find(place).expect(place));
    assert!(found.is_sorted(), "{message}");
}

#[test]
fn the_keys_of_a_section_are_listed_once() {
    let message = refusal_of_all("Prune:\n  aaaa: 1\n  bbbb: 2\n  cccc: 3\n", &[]);
    assert!(message.starts_with("3 mistakes: "), "{message}");
    assert_eq!(message.matches("known are").count(), 1, "{message}");
}

#[test]
fn a_file_of_something_else_is_told_in_a_line_of_bounded_length() {
    let keys: String = (0..10_000).map(|i| format!("setting{i}: {i}\n")).collect();
    let message = refusal_of_all(&keys, &[]);
    assert!(message.starts_with("10000 mistakes: "), "{message}");
    assert!(
        message.len() < 3000 && message.ends_with("; and more"),
        "{message}"
    );
    let long = format!(
        "{}: 1\nGlobal: {{{}: 2}}",
        "x".repeat(9000),
        "y".repeat(9000)
    );
    assert!(refusal_of_all(&long, &[]).len() < 1000);
}

#[test]
fn names_of_paddleslim_before_2_4_are_refused_with_the_new_ones() {
    assert_mistakes(
        "Distillation:\n  distill_lambda: 1.0\n  distill_loss: l2_loss\n  distill_node_pair: [a, b]\n\
         TrainConfig:\n  optim_args: {weight_decay: 0.01}\n  optimizer: AdamW\n\
         Quantization:\n  weight_bits: 8\n",
        6,
        &[
            "\"distill_lambda\": it is alpha now",
            "\"distill_loss\": it is loss now: l2 or soft_label",
            "\"distill_node_pair\": it is node now",
            "\"optim_args\": its keys (weight_decay, grad_clip) stand in optimizer_builder now",
            "\"optimizer\": it is optimizer_builder now: {optimizer: {type: AdamW}}",
            "\"Quantization\": PaddleSlim 2.4 made two of it: write QuantPost (after training) or QuantAware",
        ],
    );
    assert_refused(
        "Prune: {prune_params_name: [a], pruned_ratio: 0.25}",
        "x.yaml:1: Prune: unknown key \"prune_params_name\": heads and neurons are found without names",
    );
    // What is said with their new names is what was meant.
    let config = load(
        "Distillation:\n  alpha: 1.0\n  loss: l2\n  node: [teacher_linear_1.tmp_1, linear_1.tmp_1]\n\
         TrainConfig:\n  optimizer_builder: {optimizer: {type: AdamW}, weight_decay: 0.01}\n\
         QuantPost:\n  weight_bits: 8\n",
        &[],
    );
    assert_eq!(config.unwrap().distillation.weights().unwrap().logits, 1.0);
}

/// Keys of PaddleSlim's example for models of Hugging Face, with others' values.
#[test]
fn keys_of_the_hugging_face_example_are_accepted() {
    let config = load(
        "Global:\n  input_names: [x0, x1]\n  model_dir: ./m\n  model_filename: a\n  params_filename: b\n  \
         model_type: bert-base-uncased\n  task_name: sst-2\n  dataset: glue\n  batch_size: 4\n  \
         max_seq_length: 64\n  padding: longest\n  return_attention_mask: false\n\
         Distillation:\n  merge_feed: true\n  loss: soft_label\nTrainConfig:\n  use_fleet: false\n\
         QuantAware:\n  use_pact: true\n  activation_quantize_type: 'moving_average_abs_max'\n  \
         quantize_op_types: [matmul, matmul_v2]\n",
        &[],
    );
    let global = config.unwrap().global;
    assert_eq!(global.task_name.as_deref(), Some("sst2"));
    assert_eq!(
        (global.batch_size, global.max_seq_length),
        (Some(4), Some(64))
    );
}

#[test]
fn what_is_said_later_takes_back_what_was_wrong_in_no_way() {
    // An empty value is the default, but a mistake stays one.
    let message = refusal("Prune:\n  pruned_ratio: 7\n", &["Prune.pruned_ratio="]);
    assert!(
        message.starts_with("x.yaml:2: Prune.pruned_ratio: 7"),
        "{message}"
    );
}
