//! Tokenizers: ids as the folder means them, or a refusal by name.

use std::fs;
use std::path::Path;

use act_tests::{Ran, bash, run};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::case;

/// Runs `act-convert import` on a case, which must be refused with all of these words.
fn refused(name: &str, words: &[&str]) {
    let Some(path) = case(&format!("models/{name}")) else {
        return;
    };
    run("act-convert", [Path::new("import"), &path]).complains(3, words);
}

/// Logits that a case's model gives for texts, one a line.
fn logits(name: &str, texts: &str) -> Option<Vec<Vec<f64>>> {
    let path = case(&format!("models/{name}"))?;
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("texts"), texts).unwrap();
    let line = "act-convert import \"$(cat case)\" -o m.act && act-eval predict m.act --format text < texts";
    fs::write(folder.path().join("case"), path.display().to_string()).unwrap();
    let answers = bash(folder.path(), line).ok();
    let read = |line: &str| serde_json::from_str::<Value>(line).unwrap()["logits"].clone();
    let logits = answers
        .lines()
        .map(|line| serde_json::from_value(read(line)).unwrap());
    Some(logits.collect())
}

fn near(found: &[f64], expected: &[f64], within: f64) {
    assert_eq!(found.len(), expected.len());
    for (a, b) in found.iter().zip(expected) {
        assert!((a - b).abs() < within, "{found:?}, not {expected:?}");
    }
}

/// The one answer of a case; transformers' to five decimals.
fn answers(name: &str, text: &str, expected: [f64; 2]) {
    if let Some(found) = logits(name, &format!("{text}\n")) {
        near(&found[0], &expected, 2e-5);
    }
}

#[test]
fn special_and_added_tokens_are_found_in_texts() {
    let text = "the cat sat [SEP] good dog";
    answers("special_token_in_text", text, [-0.06291, -0.01472]);
    answers("added_tokens", "[E1] cat [/E1] sat", [0.04514, -1.14686]);
}

#[test]
fn the_end_is_kept_where_the_folder_says_so() {
    let text = "the cat sat on the mat hello world good bad movie";
    answers("truncation_side_left", text, [-0.08201, -0.15306]);
}

#[test]
fn a_model_from_paddle_gets_the_ids_of_paddlenlp() {
    let Some(path) = case("models/paddle_symbols") else {
        return;
    };
    let expected = fs::read(path.join("expected.json")).unwrap();
    let expected: Value = serde_json::from_slice(&expected).unwrap();
    let expected = expected.as_object().unwrap();
    let texts: String = expected.keys().map(|text| format!("{text}\n")).collect();
    let found = logits("paddle_symbols", &texts).unwrap();
    for (found, answer) in found.iter().zip(expected.values()) {
        let right: Vec<f64> = serde_json::from_value(answer[1].clone()).unwrap();
        near(found, &right, 1e-4);
    }
}

#[test]
fn a_byte_order_mark_and_a_missing_mask_are_no_fault() {
    for name in ["utf8_bom", "vocab_without_mask"] {
        assert!(logits(name, "good movie\n").is_none_or(|found| found[0].len() == 2));
    }
}

#[test]
fn another_tokenizer_is_refused_by_its_name() {
    refused("tokenizer_class_japanese", &["BertJapaneseTokenizer"]);
    refused("tokenizer_class_ernie_tiny_paddle", &["ErnieTinyTokenizer"]);
    let words = ["tokenizer.json", "post_processor", "[SEP]"];
    refused("tokenizer_json_post_processor", &words);
}

/// A folder of a small model, whose tokenizer the tests spoil.
fn exported() -> TempDir {
    let folder = TempDir::new().unwrap();
    let line = "act-data sample afqmc -o data --train 40 --dev 10 && \
                act-convert new --layers 1 --hidden 8 --heads 2 --data data --task afqmc -o m.act && \
                act-convert export m.act -o model/";
    bash(folder.path(), line).ok();
    folder
}

#[test]
fn what_a_folder_says_about_texts_is_followed_or_named() {
    let folder = exported();
    let model = folder.path().join("model");
    // What contradicts it is told of it first; here the configuration alone is asked.
    fs::remove_file(model.join("tokenizer.json")).unwrap();
    let config = fs::read(model.join("tokenizer_config.json")).unwrap();
    let config: Value = serde_json::from_slice(&config).unwrap();
    let with = |key: &str, value: Value| {
        let mut config = config.clone();
        config[key] = value;
        fs::write(model.join("tokenizer_config.json"), config.to_string()).unwrap();
        run("act-convert", [Path::new("import"), &model])
    };
    let imported = |ran: Ran| assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    imported(with("tokenizer_class", json!("BertTokenizerFast")));
    for (key, value) in [
        ("tokenizer_class", json!("BertweetTokenizer")),
        ("tokenizer_class", json!("XLMRobertaTokenizer")),
        ("tokenizer_class", json!(7)),
        (
            "auto_map",
            json!({"AutoTokenizer": ["mine.Tokenizer", null]}),
        ),
        ("do_basic_tokenize", json!(false)),
        ("never_split", json!(["good"])),
        ("wordpieces_prefix", json!("@@")),
        ("split_special_tokens", json!(true)),
        ("truncation_side", json!("middle")),
        ("do_lower_case", json!("yes")),
        ("model_input_names", json!(["input_ids", "attention_mask"])),
        ("added_tokens_decoder", json!({"3": {"content": "[E1]"}})),
        ("cls_token", json!("[CLS2]")),
    ] {
        let named = if key == "added_tokens_decoder" {
            "[E1]"
        } else {
            key
        };
        let named = if key == "cls_token" { "[CLS2]" } else { named };
        with(key, value).complains(3, &[named]);
    }
    imported(with("truncation_side", json!("right")));
    for name in [
        "sentencepiece.bpe.model",
        "spiece.model",
        "dict.wordseg.pickle",
        "merges.txt",
    ] {
        fs::write(model.join(name), "x").unwrap();
        run("act-convert", [Path::new("import"), &model]).complains(3, &[name]);
        fs::remove_file(model.join(name)).unwrap();
    }
}

#[test]
fn a_whole_tokenizer_json_serves_trains_and_quantises() {
    let folder = exported();
    let model = folder.path().join("model");
    let vocab = fs::read_to_string(model.join("vocab.txt")).unwrap();
    let ids: serde_json::Map<_, _> = vocab
        .lines()
        .enumerate()
        .map(|(id, token)| (token.to_string(), json!(id)))
        .collect();
    let word = vocab
        .lines()
        .find(|token| token.starts_with(char::is_alphanumeric));
    let (word, cls) = (word.unwrap(), ids["[CLS]"].clone());
    let special = json!({"SpecialToken": {"id": "[CLS]", "type_id": 0}});
    let text = |id: &str, kind: u32| json!({"Sequence": {"id": id, "type_id": kind}});
    let tokenizer = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
        "normalizer": {"type": "Lowercase"}, "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": {"type": "TemplateProcessing", "single": [special, text("A", 0)],
            "pair": [special, text("A", 0), text("B", 1)],
            "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [cls], "tokens": ["[CLS]"]}}},
        "decoder": null,
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": ids},
    });
    fs::write(model.join("tokenizer.json"), tokenizer.to_string()).unwrap();
    let config = json!({"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]"});
    fs::write(model.join("tokenizer_config.json"), config.to_string()).unwrap();
    let line = "act-convert import model --task afqmc -o whole.act && \
                act-distill whole.act --data data --set TrainConfig.epochs=1 | \
                act-quant --data data -o int8.act";
    bash(folder.path(), line).ok();
    let ready = json!({"input_ids": [cls, ids[word], ids[word]], "token_type_ids": [0, 0, 1]});
    fs::write(folder.path().join("ready"), format!("{ready}\n")).unwrap();
    fs::write(folder.path().join("text"), format!("{word}\t{word}\n")).unwrap();
    for artifact in ["whole.act", "int8.act"] {
        let answer = |file: &str| {
            bash(
                folder.path(),
                &format!("act-eval predict {artifact} < {file}"),
            )
            .ok()
        };
        assert_eq!(answer("text"), answer("ready"), "{artifact}");
    }
}
