use super::*;
use crate::names::{Embedding, Linear};
use crate::quant::{LinearQuant, QuantSpec, TableQuant, WeightBits};
use crate::tensor::DType;

/// `bert-base-uncased` with two classes.
fn bert_base() -> Plan {
    Plan {
        family: Family::Bert,
        hidden_size: 768,
        layer_norm_eps: 1e-12,
        num_labels: 2,
        embeddings: Embeddings::bert(30_522, 768, 512, 2),
        block: Block::bert(Activation::Gelu),
        layers: vec![LayerPlan::full(12, 64, 3072); 12],
        head: Head::BERT,
    }
}

#[test]
fn bert_base_has_its_published_size() {
    // `BertForSequenceClassification.num_parameters()` in Hugging Face transformers.
    assert_eq!(bert_base().parameters(), 109_483_778);
    let mut ernie = bert_base();
    ernie.family = Family::Ernie;
    ernie.embeddings.task_type_vocab_size = 3;
    assert_eq!(ernie.parameters(), 109_483_778 + 3 * 768);
}

#[test]
fn tensors_have_hugging_face_names_and_their_own_order() {
    let mut plan = bert_base();
    plan.layers.truncate(1);
    let names: Vec<String> = plan
        .expected_tensors(&QuantSpec::default())
        .into_iter()
        .map(|t| t.name)
        .collect();
    let layer = "encoder.layer.0";
    let expected = [
        "embeddings.word_embeddings.weight".into(),
        "embeddings.position_embeddings.weight".into(),
        "embeddings.token_type_embeddings.weight".into(),
        "embeddings.LayerNorm.weight".into(),
        "embeddings.LayerNorm.bias".into(),
        format!("{layer}.attention.self.query.weight"),
        format!("{layer}.attention.self.query.bias"),
        format!("{layer}.attention.self.key.weight"),
        format!("{layer}.attention.self.key.bias"),
        format!("{layer}.attention.self.value.weight"),
        format!("{layer}.attention.self.value.bias"),
        format!("{layer}.attention.output.dense.weight"),
        format!("{layer}.attention.output.dense.bias"),
        format!("{layer}.attention.output.LayerNorm.weight"),
        format!("{layer}.attention.output.LayerNorm.bias"),
        format!("{layer}.intermediate.dense.weight"),
        format!("{layer}.intermediate.dense.bias"),
        format!("{layer}.output.dense.weight"),
        format!("{layer}.output.dense.bias"),
        format!("{layer}.output.LayerNorm.weight"),
        format!("{layer}.output.LayerNorm.bias"),
        "pooler.dense.weight".into(),
        "pooler.dense.bias".into(),
        "classifier.weight".into(),
        "classifier.bias".into(),
    ];
    assert_eq!(names, expected);
}

#[test]
fn pruned_blocks_leave_their_output_bias() {
    let mut plan = bert_base();
    plan.layers = vec![LayerPlan {
        head_dim: 64,
        kept_heads: vec![],
        ..LayerPlan::default()
    }];
    let tensors = plan.expected_tensors(&QuantSpec::default());
    assert!(tensors.iter().all(|t| !t.shape.contains(&0)));
    let has = |name: String| tensors.iter().any(|t| t.name == name);
    for gone in [
        Linear::Query(0),
        Linear::Key(0),
        Linear::Value(0),
        Linear::Intermediate(0),
    ] {
        assert!(!has(gone.weight()) && !has(gone.bias()), "{gone}");
    }
    for left in [Linear::AttentionOutput(0), Linear::Output(0)] {
        assert!(!has(left.weight()) && has(left.bias()), "{left}");
    }
    assert_eq!(plan.linears(), [Linear::Pooler, Linear::Classifier]);
}

#[test]
fn kept_heads_decide_the_widths() {
    let mut plan = bert_base();
    plan.layers[3] = LayerPlan {
        head_dim: 64,
        kept_heads: vec![0, 2, 11],
        intermediate_size: 1000,
        window: None,
    };
    assert_eq!(plan.linear_shape(Linear::Value(3)), [192, 768]);
    assert_eq!(plan.linear_shape(Linear::AttentionOutput(3)), [768, 192]);
    assert_eq!(plan.linear_shape(Linear::Intermediate(3)), [1000, 768]);
    assert_eq!(plan.linear_shape(Linear::Output(3)), [768, 1000]);
    assert_eq!(plan.linear_shape(Linear::Value(2)), [768, 768]);
}

#[test]
fn quantised_tensors_are_bytes_followed_by_their_scales() {
    let plan = bert_base();
    let quant = QuantSpec {
        linears: vec![LinearQuant::dynamic(Linear::Output(7))],
        embeddings: vec![TableQuant::int8(Embedding::Word)],
        ..QuantSpec::default()
    };
    let tensors = plan.expected_tensors(&quant);
    let int8: Vec<usize> = (0..tensors.len())
        .filter(|&i| tensors[i].dtype == DType::I8)
        .collect();
    assert_eq!(int8.len(), 2);
    for i in int8 {
        let (weight, scale) = (&tensors[i], &tensors[i + 1]);
        assert_eq!(scale.name, format!("{}.scale", weight.name));
        assert_eq!(
            (scale.dtype, &scale.shape[..]),
            (DType::F32, &weight.shape[..1])
        );
    }
    assert_eq!(
        tensors.len(),
        plan.expected_tensors(&QuantSpec::default()).len() + 2
    );
}

#[test]
fn four_bit_tensors_are_followed_by_their_scales_and_multipliers() {
    let (plan, bits) = (bert_base(), WeightBits::Four { group: 32 });
    let linear = LinearQuant::dynamic(Linear::Output(7));
    let quant = QuantSpec {
        linears: vec![LinearQuant { bits, ..linear }],
        ..QuantSpec::default()
    };
    let tensors = plan.expected_tensors(&quant);
    let name = Linear::Output(7).weight();
    let place = tensors.iter().position(|t| t.name == name).unwrap();
    let expected = [
        (name.clone(), DType::I4, vec![768, 3072]),
        (format!("{name}.scale"), DType::F32, vec![768]),
        (format!("{name}.multiplier"), DType::U4, vec![768, 96]),
    ];
    for (found, (name, dtype, shape)) in tensors[place..].iter().zip(expected) {
        assert_eq!(
            (&found.name, found.dtype, &found.shape),
            (&name, dtype, &shape)
        );
    }
}

#[test]
fn pads_are_counted_without_unused_rows_and_not_behind_them() {
    let rows = |offset, ids: &[u32]| -> Vec<usize> {
        let mut embeddings = Embeddings::bert(10, 4, 8, 2);
        embeddings.positions = vec![Position::Learned { offset }];
        embeddings.position_rows(ids, 1).collect()
    };
    assert_eq!(rows(0, &[5, 1, 6, 7, 1]), [0, 1, 2, 3, 4]);
    // As RoBERTa's `create_position_ids_from_input_ids` has it.
    assert_eq!(rows(2, &[5, 1, 6, 7, 1]), [2, 1, 3, 4, 1]);
    assert_eq!(rows(2, &[1, 1, 6]), [1, 1, 2]);
    assert_eq!(rows(2, &[]), [0; 0]);
}
