//! Small good inputs, made by the writers of our tests: where a fuzzer begins.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use act_core::provenance::StageRecord;
use act_core::testing::{TinyInt8, TinyOptions, tiny_artifact};
use act_core::testing::{limited_groups, odd_parts, odd_words, relative_positions};
use act_core::{Activation, Artifact, Family, LayerPlan};
use act_tests::untrusted::{broken_off, small_folder};
use flate2::{Compression, write::GzEncoder};

use crate::writer::{Manner, Writer};

/// One input of one target.
pub struct Seed {
    pub target: &'static str,
    pub name: String,
    pub bytes: Vec<u8>,
}

/// Every seed of every target.
pub fn all() -> Vec<Seed> {
    let mut seeds = Vec::new();
    let mut add = |target: &'static str, name: &str, bytes: &[u8]| {
        seeds.push(Seed {
            target,
            name: name.into(),
            bytes: bytes.to_vec(),
        });
    };
    for (name, model) in models() {
        let bytes = model.to_bytes().expect("a tiny model can be saved");
        add("artifact", name, &bytes);
        add("memory", name, &bytes);
    }
    for (name, model) in [("labels", many_labels()), ("stages", many_stages())] {
        let bytes = model.to_bytes().expect("a tiny model can be saved");
        add("memory", name, &bytes);
    }
    for (name, quantized) in [("float", false), ("quantized", true)] {
        add("checkpoint", name, &broken_off(quantized));
    }
    for (name, model, manner) in programs() {
        add(
            "paddle_program",
            name,
            &Writer::write(&model, manner).model(),
        );
    }
    let encoder = encoder();
    let writer = Writer::write(&encoder, Manner::default());
    add("paddle_params", "params", &writer.params());
    let folder: Vec<_> = small_folder()
        .iter()
        .map(|(n, b)| (n.as_str(), &b[..]))
        .collect();
    let file = |name: &str| {
        folder
            .iter()
            .find(|(n, _)| *n == name)
            .expect("it is written")
            .1
    };
    add("hf_config", "bert", file("config.json"));
    add("hf_config", "ernie", ERNIE.as_bytes());
    add("hf_weights", "weights", file("model.safetensors"));
    let vocab = file("vocab.txt");
    add("hf_tokenizer", "vocab", vocab);
    add(
        "hf_tokenizer",
        "rules",
        &[vocab, b"\0\0", RULES.as_bytes()].concat(),
    );
    add(
        "hf_tokenizer",
        "json",
        &[b"\0", TOKENIZER.as_bytes()].concat(),
    );
    // A map of 256 empty units.
    let map = format!("AAQAAA{}=", "A".repeat(1365));
    let pieces = PIECES.replace("MAP", &map);
    for (name, tokenizer, class) in [
        ("pairs", PAIRS, "RobertaTokenizer"),
        ("pieces", pieces.as_str(), "XLMRobertaTokenizer"),
        ("pieces-albert", pieces.as_str(), "AlbertTokenizer"),
    ] {
        let config = format!("{{\"tokenizer_class\":\"{class}\"}}");
        let parts = [b"\0", tokenizer.as_bytes(), b"\0", config.as_bytes()];
        add("hf_tokenizer", name, &parts.concat());
    }
    let published = [
        ("model.pdmodel", &writer.model()[..]),
        ("model.pdiparams", &writer.params()),
        ("vocab.txt", b"[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n"),
    ];
    for (name, files) in [("hf", &folder[..]), ("paddle", &published)] {
        let tar = tar(files);
        add("archive", &format!("{name}.tar"), &tar);
        add("archive", &format!("{name}.tgz"), &gzip(&tar));
    }
    for (name, text) in configurations() {
        add("config", &name, text.as_bytes());
    }
    for (i, text) in DATA.iter().enumerate() {
        add("data", &i.to_string(), text.as_bytes());
    }
    for (i, text) in TABLES.iter().enumerate() {
        add("table", &i.to_string(), text.as_bytes());
    }
    add("promise", "kept", PROMISE.as_bytes());
    add(
        "report",
        "comparison",
        include_bytes!("../../../act-stage/tests/reports/comparison.json"),
    );
    let objects =
        (0..12).map(|i| format!("{{\"text\": \"the text {i}\", \"label\": {}}}\n", i % 2));
    let rows = (0..12).map(|i| format!("{}\tthe text {i}\tthe other {i}\n", i % 2));
    for (name, text) in [
        ("json", objects.collect::<String>()),
        ("rows", rows.collect()),
    ] {
        add("describe", name, text.as_bytes());
    }
    for (i, text) in LINES.iter().enumerate() {
        add("predict", &i.to_string(), text.as_bytes());
    }
    seeds
}

/// The model of `untrusted/encoder.pdmodel`.
pub fn encoder() -> Artifact {
    tiny_artifact(3, &smallest())
}

fn smallest() -> TinyOptions {
    TinyOptions {
        hidden_size: 4,
        vocab_size: 8,
        max_position_embeddings: 6,
        max_seq_length: 6,
        layers: vec![LayerPlan::full(2, 2, 3)],
        num_labels: 2,
        ..TinyOptions::default()
    }
}

fn models() -> Vec<(&'static str, Artifact)> {
    let pruned = TinyOptions {
        layers: vec![LayerPlan {
            kept_heads: vec![1],
            ..LayerPlan::full(2, 2, 3)
        }],
        ..smallest()
    };
    let ernie = TinyOptions {
        family: Family::Ernie,
        hidden_act: Activation::Relu,
        ..smallest()
    };
    let int8 = |dynamic| TinyOptions {
        int8: Some(TinyInt8 {
            weight_max: 64,
            activation_max: 63,
            dynamic,
        }),
        ..smallest()
    };
    let plain = || tiny_artifact(7, &smallest());
    let limited = limited_groups(tiny_artifact(7, &int8(false)));
    let mut models: Vec<_> = [
        ("float", smallest()),
        ("pruned", pruned),
        ("ernie", ernie),
        ("int8", int8(false)),
        ("dynamic", int8(true)),
    ]
    .map(|(name, options)| (name, tiny_artifact(7, &options)))
    .into();
    models.extend([
        ("odd-parts", odd_parts(plain())),
        ("relative", relative_positions(plain())),
        ("odd-words", odd_words(plain())),
        ("limited", limited),
    ]);
    models
}

/// A list of many short texts, of which memory takes many times their bytes.
fn many_labels() -> Artifact {
    let options = TinyOptions {
        num_labels: 2000,
        ..smallest()
    };
    let mut model = tiny_artifact(7, &options);
    model.task.labels = (0..2000).map(|n| format!("{n:x}")).collect();
    model
}

fn many_stages() -> Artifact {
    let mut model = tiny_artifact(7, &smallest());
    model.provenance = (0..1000).map(|n| StageRecord::new("a", n)).collect();
    model
}

fn programs() -> Vec<(&'static str, Artifact, Manner)> {
    let ernie = TinyOptions {
        family: Family::Ernie,
        ..smallest()
    };
    let plain = Manner::default();
    let fused = Manner {
        fused: true,
        ..plain
    };
    [
        ("plain", smallest(), plain),
        ("old", smallest(), Manner { old: true, ..plain }),
        ("fused", smallest(), fused),
        ("old-fused", smallest(), Manner { old: true, ..fused }),
        (
            "reversed",
            smallest(),
            Manner {
                reversed: true,
                downgrade: true,
                ..plain
            },
        ),
        (
            "ernie",
            ernie,
            Manner {
                task_id: 1,
                ..plain
            },
        ),
    ]
    .map(|(name, options, manner)| (name, tiny_artifact(3, &options), manner))
    .into()
}

fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        let path = format!("published/{name}");
        tar.append_data(&mut header, path, *bytes)
            .expect("memory does not fail");
    }
    tar.into_inner().expect("memory does not fail")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gz = GzEncoder::new(Vec::new(), Compression::best());
    gz.write_all(bytes).expect("memory does not fail");
    gz.finish().expect("memory does not fail")
}

/// The configurations that act ships, each once.
fn configurations() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
    let mut found = Vec::new();
    for model in fs::read_dir(root).expect("configs/ is there") {
        let model = model.expect("an entry").path();
        for file in fs::read_dir(&model).into_iter().flatten() {
            let path = file.expect("an entry").path();
            let text = fs::read_to_string(&path).expect("a configuration is text");
            let parts =
                [&model, &path].map(|p| p.file_stem().unwrap_or_default().display().to_string());
            found.push((parts.join("-"), text));
        }
    }
    found.sort_by(|a, b| (&a.1, &a.0).cmp(&(&b.1, &b.0)));
    found.dedup_by(|a, b| a.1 == b.1);
    found
}

const ERNIE: &str = r#"{"architectures":["ErnieForSequenceClassification"],"model_type":"ernie",
"hidden_size":4,"num_hidden_layers":1,"num_attention_heads":2,"intermediate_size":3,
"hidden_act":"relu","layer_norm_eps":1e-5,"vocab_size":12,"max_position_embeddings":8,
"type_vocab_size":2,"task_type_vocab_size":3,"use_task_id":false,"num_labels":2,
"id2label":{"0":"no","1":"yes"},"label2id":{"no":0,"yes":1},"pruned_heads":{},
"problem_type":"single_label_classification","pad_token_id":0,"torch_dtype":"float32"}"#;

const PAIRS: &str = r#"{"added_tokens":[],"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":true},
"model":{"type":"BPE","vocab":{"<s>":0,"<pad>":1,"</s>":2,"<unk>":3,"h":4,"o":5,"w":6,"ho":7,"<mask>":8},
"merges":["h o"]}}"#;

const PIECES: &str = r#"{"added_tokens":[],"normalizer":{"type":"Precompiled","precompiled_charsmap":"MAP"},
"pre_tokenizer":null,"model":{"type":"Unigram","unk_id":3,"vocab":[["<s>",0],["<pad>",0],["</s>",0],
["<unk>",0],["▁",-1.5],["how",-2.5],["[CLS]",0],["[SEP]",0],["<mask>",0]]}}"#;

const RULES: &str = r#"{"do_lower_case":false,"strip_accents":true,"tokenize_chinese_chars":false,
"model_max_length":8,"tokenizer_class":"BertTokenizer"}"#;

const TOKENIZER: &str = r###"{"version":"1.0","added_tokens":[{"id":0,"content":"[PAD]","special":true}],
"normalizer":{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,
"strip_accents":null,"lowercase":true},"pre_tokenizer":{"type":"BertPreTokenizer"},
"model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##",
"max_input_chars_per_word":100,"vocab":{"[PAD]":0,"[UNK]":1,"[CLS]":2,"[SEP]":3,"[MASK]":4,
"how":5,"##ow":6}}}"###;

const DATA: [&str; 5] = [
    "\0{\"sentence1\": \"双十一花呗\", \"sentence2\": \"花呗\", \"label\": \"0\"}\n",
    "{\"task\": \"tnews\"}\0{\"label\": \"102\", \"label_des\": \"news\", \"sentence\": \"花\", \"keywords\": \"\"}\n",
    "{\"task\": \"cluewsc2020\"}\0{\"target\": {\"span2_index\": 3, \"span1_index\": 0, \"span1_text\": \"花\", \"span2_text\": \"它\"}, \"idx\": 0, \"label\": \"true\", \"text\": \"花开了它\"}\n",
    "{\"task\": \"csl\"}\0{\"id\": 1, \"abst\": \"a\", \"keyword\": [\"b\", \"c\"], \"label\": \"1\"}\n",
    "{\"task\": \"own\", \"format\": \"tsv\", \"labels\": [\"bad\", \"good\"], \"columns\": {\"text\": \"review\", \"pair\": \"other\", \"label\": \"stars\"}, \"synthetic\": true}\0review\tother\tstars\nfine\tso\tgood\n",
];

/// Tables: what parts their cells, and their rows.
const TABLES: &[&str] = &[
    "\0a,\"b,\"\"c\"\"\nd\"\r\n,\"\"\n",
    "\u{1}a\t\"b\nc\td\"\n",
    "\u{2}a;\"b;c\"\nd\n",
];

const LINES: [&str; 5] = [
    "花呗怎么还款\nhow to pay\thow\n\n",
    "label\tother\ttext\n0\t花\tabc\n",
    "{\"text\": \"花\", \"text_pair\": \"abc\"}\n",
    "{\"sentence1\": \"a\", \"sentence2\": \"b\", \"label\": \"0\"}",
    "{\"input_ids\": [2, 5, 0, 3], \"token_type_ids\": [0, 0, 0, 1]}",
];

const PROMISE: &str = r#"{"max_drop": 0.5, "confidence": 0.95, "kept": true,
"judge": {"name": "tnews/train", "examples": 5000, "base_may_know_them": true}, "choosing": 2000, "frontier": [
{"speedup": 4.0, "what": "short", "bytes": 1500000, "drop": 0.9, "most": 1.4, "n": 2000, "fits": false},
{"speedup": 2.0, "what": "finalist", "bytes": 2500000, "drop": -0.1, "most": 0.4, "n": 5000, "fits": true, "taken": true}]}"#;
