//! What a graph must keep to so that a runtime loads it; what it computes is tested in
//! `tests/onnx.rs` against ONNX Runtime.

use std::collections::{HashMap, HashSet};

use act_core::quant::ActivationScheme;
use act_core::testing::{FAMILIES, TinyInt8, TinyOptions, tiny_artifact};
use act_core::{Artifact, ErrorKind, LayerPlan, Tensor};

use super::proto::{GraphProto, NodeProto, TensorProto, data_type};
use super::*;

fn model(options: &TinyOptions) -> (ModelProto, Export) {
    let export = export(&tiny_artifact(1, options), ActivationType::Int8).unwrap();
    let model = ModelProto::decode(&export.bytes[..]).unwrap();
    (model, export)
}

fn graph(options: &TinyOptions) -> GraphProto {
    model(options).0.graph.unwrap()
}

fn int8() -> TinyOptions {
    TinyOptions {
        int8: Some(TinyInt8::default()),
        ..TinyOptions::default()
    }
}

/// A layer without heads, one without neurons, one with neither.
fn pruned() -> Vec<LayerPlan> {
    let layer = |heads, neurons| LayerPlan::full(heads, 4, neurons);
    vec![layer(0, 6), layer(2, 0), layer(0, 0), layer(3, 5)]
}

fn every_kind() -> Vec<TinyOptions> {
    let mut kinds = Vec::new();
    for family in FAMILIES {
        for layers in [
            TinyOptions::default().layers,
            pruned(),
            pruned()[..3].into(),
        ] {
            for dynamic in [None, Some(false), Some(true)] {
                let int8 = dynamic.map(|dynamic| TinyInt8 {
                    dynamic,
                    activation_max: 100,
                    ..TinyInt8::default()
                });
                kinds.push(TinyOptions {
                    family,
                    layers: layers.clone(),
                    int8,
                    ..TinyOptions::default()
                });
            }
        }
    }
    kinds
}

fn of<'g>(graph: &'g GraphProto, op: &str) -> Vec<&'g NodeProto> {
    let is = |node: &&NodeProto| node.op_type.as_deref() == Some(op);
    graph.node.iter().filter(is).collect()
}

fn constants(graph: &GraphProto) -> HashMap<&str, &TensorProto> {
    let named = |t| (TensorProto::name(t), t);
    graph.initializer.iter().map(named).collect()
}

fn attribute(node: &NodeProto, name: &str) -> i64 {
    let found = node.attribute.iter().find(|a| a.name() == name);
    found.unwrap().i()
}

#[test]
fn every_value_is_made_once_and_before_its_use() {
    for options in every_kind() {
        let graph = graph(&options);
        let mut made = HashSet::new();
        let constants = graph.initializer.iter().map(|t| t.name().to_string());
        let inputs = graph.input.iter().map(|i| i.name().to_string());
        for name in constants.chain(inputs) {
            assert!(made.insert(name.clone()), "{name} twice");
        }
        let mut used = HashSet::from(["logits".to_string()]);
        for node in &graph.node {
            for input in &node.input {
                assert!(made.contains(input), "{} reads {input}", node.name());
                used.insert(input.clone());
            }
            for output in &node.output {
                assert!(made.insert(output.clone()), "{output} twice");
            }
        }
        let unused: Vec<_> = made.difference(&used).collect();
        assert!(unused.is_empty(), "{unused:?}");
    }
}

#[test]
fn constants_fill_their_shapes() {
    for options in every_kind() {
        for tensor in graph(&options).initializer {
            let size = match tensor.data_type() {
                data_type::FLOAT => 4,
                data_type::INT8 => 1,
                data_type::INT64 => 8,
                other => panic!("{}: type {other}", tensor.name()),
            };
            let count: i64 = tensor.dims.iter().product();
            assert_eq!(
                tensor.raw_data().len() as i64,
                count * size,
                "{}",
                tensor.name()
            );
        }
    }
}

#[test]
fn inputs_and_outputs_have_free_axes() {
    let graph = graph(&TinyOptions::default());
    let describe = |info: &proto::ValueInfoProto| {
        let tensor = info.r#type.clone().unwrap().tensor_type.unwrap();
        let dims = tensor.shape.clone().unwrap().dim.into_iter().map(|d| {
            let fixed = d.dim_value.map(|n| n.to_string());
            d.dim_param.or(fixed).unwrap()
        });
        let dims: Vec<String> = dims.collect();
        format!("{} {} {}", info.name(), tensor.elem_type(), dims.join("x"))
    };
    let inputs: Vec<String> = graph.input.iter().map(describe).collect();
    let expected = ["input_ids", "token_type_ids", "attention_mask"];
    assert_eq!(
        inputs,
        expected.map(|name| format!("{name} 7 batchxsequence"))
    );
    assert_eq!(describe(&graph.output[0]), "logits 1 batchx3");
    assert_eq!(graph.output.len(), 1);
}

#[test]
fn the_file_says_what_it_is() {
    let artifact = tiny_artifact(1, &TinyOptions::default());
    let (model, _) = model(&TinyOptions::default());
    assert_eq!((model.ir_version(), model.producer_name()), (8, "act"));
    assert_eq!(model.opset_import[0].version(), 17);
    let entries: Vec<_> = model
        .metadata_props
        .iter()
        .map(|e| (e.key(), e.value()))
        .collect();
    let digest = artifact.model_digest().unwrap().to_string();
    let expected = [
        ("task", "tiny"),
        ("labels", r#"["label 0","label 1","label 2"]"#),
        ("max_seq_length", "24"),
        ("precision", "f32"),
        ("model_digest", &digest),
    ];
    assert_eq!(entries, expected);
}

#[test]
fn the_sample_corpus_is_named() {
    let mut artifact = tiny_artifact(1, &TinyOptions::default());
    let mut record = act_core::provenance::StageRecord::new("act-distill", 1);
    record.data.push(act_core::provenance::DataRecord {
        name: "afqmc/train".into(),
        digest: act_core::provenance::Digest([0; 32]),
        examples: 1,
        synthetic: true,
    });
    artifact.provenance.push(record);
    let model =
        ModelProto::decode(&export(&artifact, ActivationType::Int8).unwrap().bytes[..]).unwrap();
    let notice = model.metadata_props.last().unwrap();
    assert_eq!(notice.key(), "notice");
    assert!(notice.value().starts_with("synthetic sample"));
    assert_eq!(model.doc_string(), notice.value());
}

#[test]
fn int8_weights_stay_bytes_with_a_scale_a_channel() {
    let options = int8();
    let artifact = tiny_artifact(1, &options);
    let graph = graph(&options);
    let constants = constants(&graph);
    let dequantise = of(&graph, "DequantizeLinear");
    for linear in artifact.plan.linears() {
        let [out, input] = artifact.plan.linear_shape(linear);
        let weight = format!("{}.transposed", linear.weight());
        let node = dequantise.iter().find(|n| n.input[0] == weight).unwrap();
        assert_eq!(attribute(node, "axis"), 1);
        let stored = constants[weight.as_str()];
        assert_eq!(stored.data_type(), data_type::INT8);
        assert_eq!(stored.dims, [input as i64, out as i64]);
        let scales = constants[node.input[1].as_str()];
        assert_eq!(scales.dims, [out as i64]);
        let numbers = artifact.params.i8(&linear.weight()).unwrap();
        for (o, i) in [(0, input - 1), (out - 1, 0), (out / 2, input / 2)] {
            assert_eq!(stored.raw_data()[i * out + o] as i8, numbers[o * input + i]);
        }
    }
}

#[test]
fn inputs_are_quantised_once_about_zero() {
    for (activations, data_type, zero_point) in [
        (ActivationType::Int8, data_type::INT8, 0),
        (ActivationType::Uint8, data_type::UINT8, 128),
    ] {
        let export = export(&tiny_artifact(1, &int8()), activations).unwrap();
        let graph = ModelProto::decode(&export.bytes[..])
            .unwrap()
            .graph
            .unwrap();
        // Two layers: attention, output, intermediate, output; query apart from key and value in the
        // last; pooler and classifier.
        assert_eq!(of(&graph, "QuantizeLinear").len(), 2 * 4 + 1 + 2);
        let constants = constants(&graph);
        for node in of(&graph, "QuantizeLinear") {
            let zero = constants[node.input[2].as_str()];
            assert_eq!(
                (zero.data_type(), zero.raw_data()),
                (data_type, &[zero_point][..])
            );
        }
    }
}

#[test]
fn inputs_have_the_artifacts_zero_point_and_range() {
    let mut artifact = tiny_artifact(1, &int8());
    for quant in &mut artifact.quant.linears {
        let scheme = &mut quant.activation;
        let ActivationScheme::Static { scale, zero_point } = scheme else {
            panic!("static")
        };
        (*scale, *zero_point) = (0.5, 40);
    }
    let reach = i32::from(int8().int8.unwrap().activation_max);
    let ends = [-1, 1].map(|side| (88 + side * reach) as f32 * 0.5);
    for (activations, zero_point) in [
        (ActivationType::Int8, -88_i8 as u8),
        (ActivationType::Uint8, 40),
    ] {
        let export = export(&artifact, activations).unwrap();
        let graph = ModelProto::decode(&export.bytes[..])
            .unwrap()
            .graph
            .unwrap();
        let constants = constants(&graph);
        let clips = of(&graph, "Clip");
        let quantized = of(&graph, "QuantizeLinear");
        assert_eq!(clips.len(), quantized.len());
        let bound = |name: &String| {
            let bytes = constants[name.as_str()].raw_data();
            f32::from_le_bytes(bytes.try_into().unwrap())
        };
        let bounds: Vec<f32> = clips[0].input[1..].iter().map(bound).collect();
        assert_eq!(bounds, ends);
        let zero = constants[quantized[0].input[2].as_str()];
        assert_eq!(zero.raw_data(), [zero_point]);
    }
}

#[test]
fn for_tensorrt_a_constant_of_bytes_is_read_by_dequantize_linear_alone() {
    for options in every_kind() {
        let artifact = tiny_artifact(1, &options);
        let export = export_for_tensorrt(&artifact).unwrap();
        let model = ModelProto::decode(&export.bytes[..]).unwrap();
        let graph = model.graph.unwrap();
        let constants = constants(&graph);
        for node in &graph.node {
            let first = node.input.first().and_then(|name| constants.get(&**name));
            if first.is_some_and(|constant| constant.data_type() == data_type::INT8) {
                assert_eq!(node.op_type(), "DequantizeLinear", "{}", node.name());
            }
        }
    }
}

#[test]
fn for_tensorrt_zero_points_are_refused() {
    let mut artifact = tiny_artifact(1, &int8());
    let scheme = &mut artifact.quant.linears[0].activation;
    let ActivationScheme::Static { zero_point, .. } = scheme else {
        panic!("static")
    };
    *zero_point = 127;
    let error = export_for_tensorrt(&artifact).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Usage);
    let told = error.to_string();
    assert!(told.starts_with("1 layer"), "{told}");
    assert!(told.contains("--set QuantPost.shift=false"), "{told}");
}

#[test]
fn inputs_with_a_scale_a_token_stay_float_and_are_listed() {
    let options = TinyOptions {
        int8: Some(TinyInt8 {
            dynamic: true,
            ..TinyInt8::default()
        }),
        ..TinyOptions::default()
    };
    let (model, export) = model(&options);
    let artifact = tiny_artifact(1, &options);
    assert_eq!(export.float_inputs, artifact.plan.linears());
    assert!(of(&model.graph.unwrap(), "QuantizeLinear").is_empty());
}

#[test]
fn blocks_pruned_away_leave_their_bias() {
    let options = TinyOptions {
        layers: pruned(),
        ..TinyOptions::default()
    };
    let graph = graph(&options);
    let names: Vec<&str> = graph.node.iter().map(|n| n.name()).collect();
    let has = |prefix: &str| names.iter().any(|name| name.starts_with(prefix));
    assert!(!has("layer.0.heads") && has("layer.0.intermediate"));
    assert!(has("layer.1.heads") && !has("layer.1.intermediate"));
    assert!(!has("layer.2.heads") && !has("layer.2.intermediate"));
    let update = of(&graph, "Add")
        .into_iter()
        .find(|n| n.name() == "layer.2.attention.Add")
        .unwrap();
    assert_eq!(update.input[1], Linear::AttentionOutput(2).bias());
}

#[test]
fn the_last_layer_asks_for_the_first_token_alone() {
    let graph = graph(&TinyOptions::default());
    let reads = |name: &str| {
        let node = graph.node.iter().find(|n| n.name() == name);
        node.unwrap().input[0].clone()
    };
    assert_eq!(reads("layer.1.attention.query.MatMul"), "first.Gather");
    assert_eq!(reads("layer.1.attention.key.MatMul"), reads("first.Gather"));
}

#[test]
fn models_that_are_not_what_they_say_are_rejected() {
    let without = |name: String, instead: Option<Tensor>| {
        let mut artifact: Artifact = tiny_artifact(1, &TinyOptions::default());
        artifact.params.remove(&name);
        if let Some(tensor) = instead {
            artifact.params.insert(name.clone(), tensor);
        }
        let error = export(&artifact, ActivationType::Int8).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Rejected);
        assert!(error.to_string().contains(&name), "{error}");
    };
    without(Linear::Query(0).weight(), None);
    without(
        Linear::Query(0).weight(),
        Some(Tensor::f32([2, 8], vec![0.0; 16])),
    );
    without(
        act_core::Embedding::Word.weight(),
        Some(Tensor::f32([1], [0.0].to_vec())),
    );
}

#[test]
fn files_over_two_gigabytes_are_refused() {
    assert!(check_size(LARGEST).is_ok());
    let error = check_size(LARGEST + 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(
        error
            .to_string()
            .contains("2.1 GB and an ONNX file holds at most 2 GB"),
        "{error}"
    );
}
