//! Programs made here, without files of others: every manner of exporting gives back the artifact,
//! and what is no such encoder is refused by the operator's name.

use act_convert::paddle::{self, Imported};
use act_core::testing::{TinyOptions, tiny_artifact};
use act_core::{Activation, Artifact, Batch, Encoding, ErrorKind, Family, LayerPlan, Result};
use act_infer::Engine;
use prost::Message;

use crate::attributes::{attr_float, attr_int};
use crate::writer::{Manner, Writer};

fn artifact(family: Family) -> Artifact {
    tiny_artifact(
        5,
        &TinyOptions {
            family,
            // Pruned layers: no two alike, and narrower than the hidden states.
            layers: vec![LayerPlan::full(2, 4, 12), LayerPlan::full(1, 4, 7)],
            hidden_act: match family {
                Family::Ernie => Activation::Gelu,
                _ => Activation::Relu,
            },
            ..TinyOptions::default()
        },
    )
}

fn read(writer: &Writer<'_>) -> Result<Imported> {
    paddle::read(&writer.model(), &writer.params())
}

/// The words of the refusal, which must be one.
fn refusal(writer: &Writer<'_>) -> String {
    let error = read(writer).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Rejected);
    error.to_string()
}

#[test]
fn every_manner_of_exporting_gives_the_artifact_back() {
    let plain = Manner::default();
    let manners = [
        plain,
        Manner { old: true, ..plain },
        Manner {
            fused: true,
            ..plain
        },
        Manner {
            reversed: true,
            ..plain
        },
        Manner {
            downgrade: true,
            ..plain
        },
        Manner {
            task_id: 2,
            ..plain
        },
        Manner {
            old: true,
            fused: true,
            reversed: true,
            downgrade: true,
            task_id: 1,
        },
    ];
    for family in [Family::Bert, Family::Ernie] {
        let artifact = artifact(family);
        for manner in manners {
            let imported = read(&Writer::write(&artifact, manner)).unwrap();
            assert_eq!(imported.plan, artifact.plan, "{manner:?}");
            assert_eq!(imported.pad_id, Some(artifact.tokenizer.pad_id()));
            assert_eq!(imported.params.len(), artifact.params.len());
            for (name, tensor) in imported.params.iter() {
                let original = artifact.params.get(name).unwrap();
                assert!(tensor.bytes() == original.bytes(), "{manner:?}: {name}");
            }
        }
    }
}

#[test]
fn logits_are_those_of_the_artifact() {
    let artifact = artifact(Family::Ernie);
    let manner = Manner {
        fused: true,
        ..Manner::default()
    };
    let imported = read(&Writer::write(&artifact, manner)).unwrap();
    let copy = Artifact {
        plan: imported.plan,
        params: imported.params,
        ..artifact.clone()
    };
    let encoding = Encoding {
        input_ids: vec![2, 9, 0, 30, 3, 0],
        token_type_ids: vec![0, 0, 0, 1, 1, 0],
    };
    let batch = Batch::new([&encoding]);
    let logits = |artifact| Engine::new(artifact).unwrap().forward(&batch).unwrap();
    assert_eq!(logits(copy), logits(artifact));
}

#[test]
fn the_padding_row_of_a_lookup_reads_as_zeros() {
    let artifact = artifact(Family::Bert);
    let mut writer = Writer::write(&artifact, Manner::default());
    let padding = attr_int("padding_idx", 3).encode_to_vec();
    let lookups = writer
        .ops
        .iter_mut()
        .filter(|op| op.r#type == "lookup_table_v2");
    lookups.for_each(|op| op.attrs.push(padding.clone()));
    let imported = read(&writer).unwrap();
    let table = imported
        .params
        .f32("embeddings.word_embeddings.weight")
        .unwrap();
    assert!(table[3 * 8..4 * 8].iter().all(|&v| v == 0.0));
    assert!(table[2 * 8..3 * 8].iter().all(|&v| v != 0.0));
}

#[test]
fn the_operator_that_does_not_fit_is_named() {
    let artifact = artifact(Family::Bert);
    let changed = |kind: &str, other: &str| {
        let mut writer = Writer::write(&artifact, Manner::default());
        let op = writer.ops.iter_mut().find(|op| op.r#type == kind).unwrap();
        op.r#type = other.into();
        refusal(&writer)
    };
    let strange = changed("relu", "conv2d");
    assert!(strange.contains("(conv2d) has no place"), "{strange}");
    assert!(changed("softmax", "tanh").contains("(tanh) stands where softmax"));
    assert!(changed("tanh", "softmax").contains("(softmax) stands where tanh"));
    assert!(changed("cumsum", "relu").contains("(relu) stands where cumsum"));
    assert!(changed("fetch", "relu").contains("no fetch"));
}

#[test]
fn what_changes_the_result_is_not_passed_over() {
    let artifact = artifact(Family::Bert);
    let with = |kind: &str, attrs: &[act_convert::paddle::proto::OpAttr]| {
        let mut writer = Writer::write(&artifact, Manner::default());
        let op = writer.ops.iter_mut().find(|op| op.r#type == kind).unwrap();
        op.attrs = attrs.iter().map(Message::encode_to_vec).collect();
        refusal(&writer)
    };
    let mask = with("scale", &[attr_float("scale", -10.0)]);
    assert!(mask.contains("does not hide the keys"), "{mask}");
    let norm = with("layer_norm", &[attr_float("epsilon", 1e-12)]);
    assert!(norm.contains("more than the last axis"), "{norm}");
    let bias = [attr_float("scale", -1e4), attr_float("bias", 1.0)];
    assert!(with("scale", &bias).contains("does not hide the keys"));
    let unknown = act_convert::paddle::proto::OpAttr {
        name: "scale".into(),
        r#type: 16,
        ..Default::default()
    };
    assert!(with("scale", &[unknown]).contains("a type that is not read"));
    // No comparison says anything of it.
    let none = with("scale", &[attr_float("scale", f32::NAN)]);
    assert!(none.contains("has no number as scale"), "{none}");
    let dropout = with("dropout", &[attr_float("dropout_prob", f32::INFINITY)]);
    assert!(dropout.contains("multiplies by -inf"), "{dropout}");
}

/// Of three axes the second is the tokens': a bias along it is added to other numbers.
#[test]
fn a_bias_is_added_along_the_outputs() {
    let artifact = artifact(Family::Bert);
    let with = |axis: i32| {
        let mut writer = Writer::write(&artifact, Manner::default());
        let adds = writer
            .ops
            .iter_mut()
            .filter(|op| op.r#type == "elementwise_add");
        adds.for_each(|op| op.attrs = vec![attr_int("axis", axis).encode_to_vec()]);
        read(&writer)
    };
    assert!(with(-1).is_ok());
    for axis in [0, 1, 2, 3] {
        // Of one token a text, as for the classifier, the last axis is 1; of all tokens it is 2.
        let error = with(axis).err().unwrap().to_string();
        assert!(error.contains("along another axis"), "{axis}: {error}");
    }
}

#[test]
fn parameters_in_two_places_or_of_other_shapes_are_refused() {
    let artifact = artifact(Family::Bert);
    let mut writer = Writer::write(&artifact, Manner::default());
    let (name, tensor) = writer.tensors.pop_last().unwrap();
    let more = (vec![tensor.0.iter().product::<usize>()], tensor.1);
    writer.tensors.insert(
        name,
        if tensor.0.len() == 1 {
            (vec![1, more.0[0]], more.1)
        } else {
            more
        },
    );
    assert!(
        refusal(&writer).contains("has the shape"),
        "{}",
        refusal(&writer)
    );

    let mut writer = Writer::write(&artifact, Manner::default());
    let products: Vec<usize> = (0..writer.ops.len())
        .filter(|&i| {
            writer.ops[i].r#type == "matmul_v2" && writer.ops[i + 1].r#type == "elementwise_add"
        })
        .collect();
    // Query and key have one shape in the first layer.
    writer.ops[products[1]].inputs[1] = writer.ops[products[0]].inputs[1].clone();
    assert!(
        refusal(&writer).contains("used twice"),
        "{}",
        refusal(&writer)
    );
}
