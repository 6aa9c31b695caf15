//! Damaged and hostile folders: one line, exit code 3, no panic.

use std::fs;

use act_core::{Artifact, Family};
use proptest::prelude::*;
use serde_json::json;
use tempfile::TempDir;

use super::folder::{Folder, options, refused, safetensors, tiny};

fn folder() -> (Artifact, Folder) {
    let model = tiny(Family::Bert);
    let folder = Folder::of(&model);
    (model, folder)
}

/// A good folder with one file replaced.
fn with(name: &str, bytes: &[u8]) -> TempDir {
    let dir = folder().1.write();
    fs::write(dir.path().join(name), bytes).unwrap();
    dir
}

fn refused_with(name: &str, bytes: &[u8], words: &str) {
    let error = refused(with(name, bytes).path(), &options());
    assert!(error.contains(name) && error.contains(words), "{error}");
}

#[test]
fn configurations() {
    refused_with("config.json", b"", "not JSON");
    refused_with("config.json", b"[]", "not a JSON object");
    refused_with("config.json", b"{\"model_type\": \"bert\"", "not JSON");
    refused_with("config.json", &b"[".repeat(1 << 10), "recursion limit");
    refused_with("config.json", &b" ".repeat(5 << 20), "bytes");
    refused_with("config.json", b"{}", "no model_type");
    let mut deep = folder().1.config;
    deep["num_hidden_layers"] = json!(1_000_000_000);
    let words = "num_hidden_layers is 1000000000";
    refused_with("config.json", deep.to_string().as_bytes(), words);
    let mut tokens = folder().1;
    tokens.config["architectures"] = json!(["BertForTokenClassification"]);
    let error = refused(tokens.write().path(), &options());
    assert!(error.contains("BertForTokenClassification"), "{error}");
}

#[test]
fn tokenizers() {
    refused_with("vocab.txt", b"\xff\n", "not UTF-8");
    refused_with("vocab.txt", b"", "empty");
    refused_with("vocab.txt", b"a\nb\n", "no [");
    refused_with("tokenizer_config.json", b"{", "not JSON");
    refused_with("tokenizer.json", &b"{\"a\":".repeat(1 << 10), "recursion");
    refused_with(
        "tokenizer.json",
        b"{\"normalizer\": null}",
        "normalizer.type",
    );
}

/// Seven bytes of text are some 700 of memory: what a file may take is bounded, not its length alone.
#[test]
fn json_that_takes_memory_out_of_proportion() {
    let many = format!("{{\"x\":[{}]}}", vec!["{\"\":0}"; 400_000].join(","));
    for name in [
        "config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "added_tokens.json",
    ] {
        refused_with(name, many.as_bytes(), "MiB of memory");
    }
    let dir = folder().1.write();
    fs::remove_file(dir.path().join("model.safetensors")).unwrap();
    fs::write(
        dir.path().join("model.safetensors.index.json"),
        &many[..900_000],
    )
    .unwrap();
    let error = refused(dir.path(), &options());
    assert!(error.contains("MiB of memory"), "{error}");
}

#[test]
fn control_characters_are_in_no_vocabulary() {
    let dir = folder().1.write();
    let vocab = fs::read_to_string(dir.path().join("vocab.txt")).unwrap();
    let mut lines: Vec<&str> = vocab.lines().collect();
    *lines.last_mut().unwrap() = "a\u{1b}[2J";
    refused_with(
        "vocab.txt",
        lines.join("\n").as_bytes(),
        "a control character",
    );
}

#[test]
fn a_tensor_is_said_once() {
    let one = "\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]";
    let header = format!("{{\"a\":{{{one}}},\"a\":{{{one}}}}}");
    let bytes = safetensors(&header, &[0; 4]);
    refused_with("model.safetensors", &bytes, "\"a\" is there twice");
}

#[test]
fn headers() {
    let weights = |bytes: &[u8], words: &str| refused_with("model.safetensors", bytes, words);
    weights(b"", "not a whole safetensors file");
    weights(&[0; 7], "not a whole");
    weights(
        &(1u64 << 63).to_le_bytes(),
        "the header has 9223372036854775808 bytes",
    );
    weights(&u64::MAX.to_le_bytes(), "the header has");
    weights(&1000u64.to_le_bytes(), "not a whole");
    weights(&safetensors("{", b""), "not a whole");
    weights(&safetensors(&"[".repeat(100_000), b""), "not a whole");
    let deep = format!("{{\"x\":{}", "{\"a\":".repeat(100_000));
    weights(&safetensors(&deep, b""), "not a whole");
    let tensor = |shape: &str, range: &str| {
        format!("{{\"dtype\":\"F32\",\"shape\":{shape},\"data_offsets\":{range}}}")
    };
    let file = |a: String, b: String| format!("{{\"a\":{a},\"b\":{b}}}");
    // Overlap, hole, backwards, outside, a length that overflows, bytes that belong to nobody.
    let one = || tensor("[1]", "[0,4]");
    for (second, data) in [
        (tensor("[1]", "[0,4]"), 4),
        (tensor("[1]", "[2,6]"), 6),
        (tensor("[1]", "[8,12]"), 12),
        (tensor("[1]", "[4,0]"), 4),
        (tensor("[1]", "[4,8]"), 4),
        (tensor("[4611686018427387904,4]", "[4,8]"), 8),
        (
            tensor("[9223372036854775807]", "[4,18446744073709551615]"),
            8,
        ),
        (tensor("[1]", "[4,8]"), 9),
        (tensor("[-1]", "[4,8]"), 8),
    ] {
        let bytes = safetensors(&file(one(), second), &vec![0; data]);
        weights(&bytes, "not a whole safetensors file");
    }
    // Each length is possible, their sum overflows.
    let most = (1u64 << 61) - 1;
    let huge = |i: u64| {
        let range = [i * most, (i + 1) * most];
        format!("\"{i}\":{{\"dtype\":\"I8\",\"shape\":[{most}],\"data_offsets\":{range:?}}}")
    };
    let eight: Vec<String> = (0..8).map(huge).collect();
    let bytes = safetensors(&format!("{{{}}}", eight.join(",")), b"");
    weights(&bytes, "not a whole safetensors file");
    // No bytes at all for very many classes.
    let many = tensor("[1152921504606846976,0]", "[0,0]");
    let none = tensor("[0]", "[0,0]");
    let head = [
        "classifier.bias",
        "pooler.dense.weight",
        "pooler.dense.bias",
    ];
    let head = head.map(|name| format!("\"{name}\":{none}")).join(",");
    let bytes = safetensors(&format!("{{\"classifier.weight\":{many},{head}}}"), b"");
    let error = refused(with("model.safetensors", &bytes).path(), &options());
    assert!(error.contains("1152921504606846976 classes"), "{error}");
}

#[test]
fn a_file_larger_than_its_model_is_not_read() {
    let dir = folder().1.write();
    let file = fs::File::create(dir.path().join("model.safetensors")).unwrap();
    file.set_len(1 << 40).unwrap(); // Holes: takes no disk.
    let error = refused(dir.path(), &options());
    assert!(
        error.contains("model.safetensors: more than the"),
        "{error}"
    );
}

#[test]
fn tensors_that_do_not_fit_are_named() {
    let name = "bert.encoder.layer.1.output.dense.bias";
    let spoilt = |spoil: fn(&mut Folder), words: &str| {
        let mut folder = folder().1;
        spoil(&mut folder);
        let error = refused(folder.write().path(), &options());
        assert!(error.contains(words), "{error}");
    };
    spoilt(
        |f| f.drop_tensors("layer.1.output.dense.bias"),
        "tensor encoder.layer.1.output.dense.bias is missing",
    );
    spoilt(
        |f| f.drop_tensors("classifier.bias"),
        "tensor classifier.bias is missing; \"classifier.weight\" is there",
    );
    spoilt(
        |f| f.drop_tensors("classifier.weight"),
        "tensor classifier.weight is missing; \"classifier.bias\" is there",
    );
    spoilt(
        |f| f.drop_tensors("pooler.dense.bias"),
        "tensor pooler.dense.bias is missing; \"bert.pooler.dense.weight\" is there",
    );
    spoilt(
        |f| {
            f.tensors
                .push(("qa_outputs.bias".into(), vec![2], vec![0.0; 2]))
        },
        "1 tensors too many for config.json, among them \"qa_outputs.bias\"",
    );
    spoilt(
        |f| {
            f.tensors
                .push(("embeddings.LayerNorm.gamma".into(), vec![8], vec![0.0; 8]))
        },
        "twice",
    );
    spoilt(
        |f| f.config["intermediate_size"] = json!(13),
        "is [12, 8], by config.json it is [13, 8]",
    );
    spoilt(|f| f.config["num_hidden_layers"] = json!(1), "too many");
    spoilt(|f| f.tensors[0].2[1] = f32::NAN, "holds NaN at 1");
    spoilt(
        |f| f.rename(|n| format!("{n}{}", "x".repeat(200))),
        "name has",
    );
    let header =
        format!("{{\"{name}\":{{\"dtype\":\"I64\",\"shape\":[8],\"data_offsets\":[0,64]}}}}");
    let (_, mut folder) = folder();
    folder.tensors.retain(|(n, ..)| n == name);
    let dir = folder.write();
    fs::write(
        dir.path().join("model.safetensors"),
        safetensors(&header, &[0; 64]),
    )
    .unwrap();
    assert!(refused(dir.path(), &options()).contains(name));
}

#[test]
fn folders_without_safetensors_say_what_to_do() {
    for (other, words) in [
        ("pytorch_model.bin", "a pickle"),
        ("adapter.safetensors.index.json", "list of shards"),
        (
            "tf_model.h5",
            "tf_model.h5 is a checkpoint of another framework",
        ),
        ("flax_model.msgpack", "from_flax=True"),
        ("bert_model.ckpt.index", "from_tf=True"),
        ("model.onnx", "model.onnx is a graph"),
        ("model_state.pdparams", "export the static graph"),
        ("adapter_model.safetensors", "merge_and_unload"),
        ("weights.safetensors", "rename it"),
        ("notes.txt", "no model.safetensors beside config.json"),
    ] {
        let dir = with(other, b"");
        fs::remove_file(dir.path().join("model.safetensors")).unwrap();
        let error = refused(dir.path(), &options());
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn a_head_that_is_not_whole_or_not_a_text_classifiers_is_refused() {
    let spoilt = |spoil: fn(&mut Folder), words: &[&str]| {
        let mut folder = folder().1;
        spoil(&mut folder);
        let error = refused(folder.write().path(), &options());
        for word in words {
            assert!(error.contains(word), "no {word:?} in: {error}");
        }
    };
    let no_pooler = &["\"classifier.weight\" is trained", "no pooler.dense.weight"];
    spoilt(|f| f.drop_tensors("pooler"), no_pooler);
    spoilt(
        |f| f.drop_tensors("classifier."),
        &[
            "config.json",
            "\"bert.embeddings.LayerNorm.bias\"",
            "classifier.weight",
        ],
    );
    spoilt(
        |f| f.config["architectures"] = json!(["BertModel"]),
        &[
            "config.json",
            "architectures \"BertModel\"",
            "classifier.weight",
        ],
    );
    spoilt(
        |f| {
            f.make_bare();
            f.config["architectures"] = json!(["BertForTokenClassification"]);
        },
        &["config.json", "\"BertForTokenClassification\""],
    );
    spoilt(
        |f| f.config["auto_map"] = json!({"AutoModel": "my.Model"}),
        &["config.json", "auto_map", "own code"],
    );
    spoilt(
        |f| f.config["id2label"] = json!({"0": "a", "1": "b", "2": "c", "3": "d"}),
        &["config.json", "id2label names 4 classes", "has 3 outputs"],
    );
    // One output, under any name.
    for labels in [json!(null), json!({"0": "LABEL_0"}), json!({"0": "score"})] {
        let (_, mut folder) = folder();
        folder.config["id2label"] = labels;
        for (name, shape, values) in &mut folder.tensors {
            if name.starts_with("classifier") {
                shape[0] = 1;
                values.truncate(shape.iter().product());
            }
        }
        let error = refused(folder.write().path(), &options());
        assert!(error.contains("one output"), "{error}");
    }
}

#[test]
fn the_class_stands_in_for_a_missing_model_type() {
    let (model, mut folder) = folder();
    folder.config.as_object_mut().unwrap().remove("model_type");
    let dir = folder.write();
    let imported = act_convert::hf::import(dir.path(), &options()).unwrap();
    assert_eq!(imported.plan, model.plan);
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_not_waited_for() {
    let dir = folder().1.write();
    let vocab = dir.path().join("vocab.txt");
    fs::remove_file(&vocab).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&vocab).status();
    assert!(made.unwrap().success());
    let error = refused(dir.path(), &options());
    assert!(error.contains("vocab.txt: not a file"), "{error}");
}

#[test]
fn every_truncation_of_the_header_is_refused() {
    let whole = folder().1.weights();
    let dir = folder().1.write();
    let header = 8 + u64::from_le_bytes(*whole.first_chunk().unwrap()) as usize;
    for len in (0..header + 9).chain([whole.len() - 1]) {
        // A new file each time: systems bring one that is written over to the disk at once.
        let path = dir.path().join("model.safetensors");
        fs::remove_file(&path).unwrap();
        fs::write(&path, &whole[..len]).unwrap();
        refused(dir.path(), &options());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_byte_of_any_file_makes_it_panic(
        file in 0usize..4,
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let names = ["config.json", "model.safetensors", "vocab.txt", "tokenizer_config.json"];
        let dir = folder().1.write();
        let path = dir.path().join(names[file]);
        let mut bytes = fs::read(&path).unwrap();
        // Of the tensors only the header is worth the time.
        let end = bytes.len().min(4096);
        bytes[at.index(end)] = byte;
        fs::write(&path, bytes).unwrap();
        let _ = act_convert::hf::import(dir.path(), &options());
    }
}
