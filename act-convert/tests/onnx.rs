//! Exported graphs compute what the engine computes, by ONNX Runtime's own word: `onnx.json` holds
//! the logits that it gave for tiny models, and the digest of each graph that it ran.
//!
//! To record anew: `ACT_ONNX_DIR=DIR cargo test --release -p act-convert --test onnx -- --ignored`,
//! then `python tests/peers/onnx_record.py DIR > act-convert/tests/onnx.json`.

use std::path::PathBuf;
use std::{env, fs};

use act_convert::onnx::{self, ActivationType, proto::ModelProto};
use act_core::testing::{TinyInt8, TinyOptions, multiplied_inputs, tiny_artifact};
use act_core::{Activation, Artifact, Batch, Encoding, Family, LayerPlan, Linear};
use act_infer::Engine;
use prost::Message;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Row {
    input_ids: Vec<u32>,
    token_type_ids: Vec<u32>,
}

#[derive(Deserialize)]
struct Recording {
    rows: Vec<Row>,
    models: Vec<RecordedModel>,
}

#[derive(Deserialize)]
struct RecordedModel {
    name: String,
    /// Of the graph alone: the metadata around it may change.
    graph: String,
    logits: Vec<Vec<f32>>,
}

/// A model, how it is exported, and how far its logits may lie from the engine's.
struct Case {
    name: &'static str,
    artifact: Artifact,
    activations: ActivationType,
    tolerance: f32,
}

/// Whole and pruned layers, all families, both activations, all ways to quantise.
fn cases() -> Vec<Case> {
    let pruned = |last| {
        let layer = |heads, neurons| LayerPlan::full(heads, 4, neurons);
        vec![layer(3, 12), layer(0, 6), layer(2, 0), layer(0, 0), last]
    };
    let whole = TinyOptions::default();
    let float = TinyOptions {
        layers: pruned(LayerPlan::full(1, 4, 7)),
        ..whole.clone()
    };
    let ernie = TinyOptions {
        family: Family::Ernie,
        hidden_act: Activation::Relu,
        layers: pruned(LayerPlan::full(0, 4, 0)),
        ..whole.clone()
    };
    let int8 = |options: &TinyOptions, int8| TinyOptions {
        int8: Some(int8),
        ..options.clone()
    };
    let full = TinyInt8::default();
    let narrow = TinyInt8 {
        weight_max: 64,
        activation_max: 63,
        dynamic: false,
    };
    let dynamic = TinyInt8 {
        dynamic: true,
        ..full
    };
    let case = |name, options: &TinyOptions, activations, tolerance| Case {
        name,
        artifact: tiny_artifact(7, options),
        activations,
        tolerance,
    };
    let of = |family| TinyOptions {
        family,
        hidden_act: match family {
            Family::Albert => Activation::GeluTanh,
            _ => Activation::Gelu,
        },
        ..whole.clone()
    };
    let mut headless = case("no dense layer", &whole, ActivationType::Int8, 1e-5);
    headless.artifact.plan.head.dense = None;
    let pooler = [Linear::Pooler.weight(), Linear::Pooler.bias()];
    pooler
        .iter()
        .for_each(|name| drop(headless.artifact.params.remove(name)));
    let modern = TinyOptions {
        layers: pruned(LayerPlan::full(2, 6, 9)),
        ..of(Family::ModernBert)
    };
    use ActivationType::{Int8, Uint8};
    vec![
        case("float", &float, Int8, 1e-5),
        case("ernie", &ernie, Int8, 1e-5),
        case("int8", &int8(&float, full), Int8, 1e-4),
        case("uint8", &int8(&float, full), Uint8, 1e-4),
        case("narrow", &int8(&ernie, narrow), Int8, 1e-4),
        // Inputs that stay float: only about the engine's.
        case("dynamic", &int8(&float, dynamic), Int8, 0.1),
        Case {
            artifact: multiplied_inputs(tiny_artifact(7, &int8(&float, full)), 2.0),
            ..case("multiplied", &float, Int8, 1e-4)
        },
        case("distilbert", &of(Family::DistilBert), Int8, 1e-5),
        case("roberta", &of(Family::Roberta), Int8, 1e-5),
        case("electra", &of(Family::Electra), Int8, 1e-5),
        case("albert", &int8(&of(Family::Albert), full), Int8, 1e-4),
        case("mpnet", &of(Family::Mpnet), Int8, 1e-5),
        // The mean, and, of an even seed, the first token.
        case("modernbert mean", &of(Family::ModernBert), Int8, 1e-5),
        case(
            "modernbert int8",
            &int8(&of(Family::ModernBert), full),
            Int8,
            1e-4,
        ),
        Case {
            artifact: tiny_artifact(8, &modern),
            ..case("modernbert", &whole, Int8, 1e-5)
        },
        headless,
    ]
}

/// Sequences of every length up to the models' 32 positions, fixed by arithmetic alone.
fn rows() -> Vec<Row> {
    let row = |length: u32| Row {
        input_ids: (0..length)
            .map(|i| 1 + (i * i * 31 + i * 7 + length * 13) % 127)
            .collect(),
        token_type_ids: (0..length).map(|i| u32::from(i > length / 2)).collect(),
    };
    (1..=32).map(row).collect()
}

fn graph_digest(bytes: &[u8]) -> String {
    let graph = ModelProto::decode(bytes).unwrap().graph.unwrap();
    blake3::hash(&graph.encode_to_vec()).to_string()
}

fn recording() -> Recording {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/onnx.json");
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn graphs_are_the_recorded_ones() {
    let recording = recording();
    assert_eq!(recording.models.len(), cases().len());
    for (case, recorded) in cases().iter().zip(&recording.models) {
        let export = onnx::export(&case.artifact, case.activations).unwrap();
        assert_eq!(case.name, recorded.name);
        let digest = graph_digest(&export.bytes);
        assert_eq!(
            digest, recorded.graph,
            "{}: record anew, see above",
            case.name
        );
    }
}

#[test]
fn onnx_runtime_gives_the_engines_logits() {
    let Recording { rows, models } = recording();
    let encode = |row: Row| Encoding {
        input_ids: row.input_ids,
        token_type_ids: row.token_type_ids,
    };
    let encodings: Vec<Encoding> = rows.into_iter().map(encode).collect();
    for (case, recorded) in cases().into_iter().zip(&models) {
        let engine = Engine::new(case.artifact).unwrap();
        let ours = engine.forward(&Batch::new(&encodings)).unwrap().concat();
        let theirs: Vec<f32> = recorded.logits.concat();
        assert_eq!(ours.len(), theirs.len());
        let difference = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs());
        let largest = difference.fold(0.0, f32::max);
        println!("{}: {largest:e}", case.name);
        assert!(largest <= case.tolerance, "{}: {largest}", case.name);
    }
}

#[test]
#[ignore = "writes what onnx_record.py and tensorrt_check.py run into $ACT_ONNX_DIR"]
fn write_models() {
    let dir = PathBuf::from(env::var_os("ACT_ONNX_DIR").unwrap());
    let tensorrt = dir.join("tensorrt");
    fs::create_dir_all(&tensorrt).unwrap();
    let mut models = Vec::new();
    for case in cases() {
        let export = onnx::export(&case.artifact, case.activations).unwrap();
        fs::write(dir.join(format!("{}.onnx", case.name)), &export.bytes).unwrap();
        let other = onnx::export_for_tensorrt(&case.artifact).unwrap();
        fs::write(tensorrt.join(format!("{}.onnx", case.name)), &other.bytes).unwrap();
        let graph = graph_digest(&export.bytes);
        models.push(serde_json::json!({"name": case.name, "graph": graph}));
    }
    let manifest = serde_json::json!({"models": models, "rows": rows()});
    fs::write(dir.join("manifest.json"), manifest.to_string()).unwrap();
}
