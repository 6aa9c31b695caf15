//! A whole `tokenizer.json`: the ids of the same rules said otherwise, and refusals.

use act_core::tokenizer::{JsonSpec, Truncation};
use act_core::{Tokenizer, TokenizerSpec};
use proptest::prelude::*;

use super::words::{spec, text};

/// A `tokenizer.json` of the same vocabulary and rules.
fn json() -> serde_json::Value {
    let spec = spec();
    let vocab: serde_json::Map<_, _> = spec
        .tokens()
        .enumerate()
        .map(|(id, token)| (token.into(), id.into()))
        .collect();
    serde_json::json!({
        "version": "1.0",
        "added_tokens": [],
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
            "strip_accents": null, "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "BertProcessing", "cls": ["[CLS]", 2], "sep": ["[SEP]", 3]},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": vocab},
    })
}

fn json_spec(json: &serde_json::Value) -> TokenizerSpec {
    TokenizerSpec::Json(JsonSpec {
        text: json.to_string().into(),
        vocab_size: spec().vocab_size(),
        pad_id: 0,
    })
}

proptest! {
    #[test]
    fn a_tokenizer_json_gives_what_its_vocabulary_gives(a in text(), b in text(), max in 3usize..20) {
        for (cut, direction) in [(Truncation::HalvesEnd, "Right"), (Truncation::HalvesStart, "Left")] {
            let mut words = spec();
            words.cut = cut;
            let words = Tokenizer::new(&words.into(), max).unwrap();
            let mut json = json();
            json["truncation"] = serde_json::json!({"direction": direction, "max_length": 5,
                "strategy": "LongestFirst", "stride": 0});
            let json = Tokenizer::new(&json_spec(&json), max).unwrap();
            for pair in [None, Some(&b[..])] {
                let expected = words.encode_whole(&a, pair).unwrap();
                prop_assert_eq!(json.encode_whole(&a, pair).unwrap(), expected);
            }
        }
    }
}

#[test]
fn a_tokenizer_json_with_an_unknown_part_is_refused_by_its_place() {
    let refusal = |change: fn(&mut serde_json::Value)| {
        let mut json = json();
        change(&mut json);
        let error = Tokenizer::new(&json_spec(&json), 16).unwrap_err();
        assert_eq!(error.kind(), act_core::ErrorKind::Rejected);
        error.to_string()
    };
    let holds = |message: String, part: &str| assert!(message.contains(part), "{message}");
    holds(
        refusal(|j| j["normalizer"]["type"] = "Odd".into()),
        "normalizer.type is \"Odd\"",
    );
    holds(
        refusal(|j| j["normalizer"]["odd"] = 1.into()),
        "normalizer.BertNormalizer.odd",
    );
    holds(
        refusal(|j| j["pre_tokenizer"] = 7.into()),
        "pre_tokenizer is 7",
    );
    holds(
        refusal(|j| j["model"]["unk_token"] = "x".into()),
        "model.unk_token",
    );
    holds(
        refusal(|j| j["model"]["dropout"] = 0.1.into()),
        "model.dropout",
    );
    holds(
        refusal(|j| j["model"]["vocab"]["x"] = 1_000.into()),
        "the id 1000",
    );
    holds(
        refusal(|j| j["model"]["vocab"]["x"] = u64::MAX.into()),
        "model.vocab has the id",
    );
    holds(refusal(|j| j["odd"] = 1.into()), "odd is not known");
    let many = serde_json::json!({"type": "TemplateProcessing", "single": [], "pair": [],
        "special_tokens": {}});
    let mut json = json();
    json["post_processor"] = many;
    let error = Tokenizer::new(&json_spec(&json), 16)
        .unwrap_err()
        .to_string();
    holds(error, "single does not have every text once");
    let error = Tokenizer::new(&json_spec(&serde_json::json!({})), 16).unwrap_err();
    holds(error.to_string(), "model is null");
    let deep = (0..40).fold(
        serde_json::json!({"type": "Lowercase"}),
        |inner, _| serde_json::json!({"type": "Sequence", "normalizers": [inner]}),
    );
    let mut json = self::json();
    json["normalizer"] = deep;
    let error = Tokenizer::new(&json_spec(&json), 16)
        .unwrap_err()
        .to_string();
    holds(error, "lists in lists");
}

/// Values that a stranger may put where others are.
fn odd_values() -> impl Strategy<Value = serde_json::Value> {
    let known = [
        "null",
        "true",
        "0",
        "-1",
        "4294967296",
        "1e300",
        "\"\"",
        "\"##\"",
        "\"[UNK]\"",
        "[]",
        "{}",
        "[[]]",
        r#"{"type": "Strip"}"#,
        r#"{"type": "Prepend", "prepend": ""}"#,
        r#"{"type": "Replace", "pattern": {"Regex": "a*"}, "content": "b"}"#,
        r#"{"type": "Split", "pattern": {"Regex": ""}, "behavior": "Isolated", "invert": true}"#,
        r#"{"type": "Sequence", "normalizers": [], "pretokenizers": [], "processors": []}"#,
        r#"{"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true}"#,
        r#"{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first"}"#,
        r#"{"type": "Unigram", "unk_id": 0, "vocab": [["a", 0.0], ["b", -1e308]]}"#,
        r#"{"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}"#,
        r#"{"type": "BPE", "vocab": {"a": 0, "%": 1}, "merges": [["a", "%"]],
            "continuing_subword_prefix": "%%"}"#,
        r#"{"type": "WordLevel", "vocab": {"a": 7}, "unk_token": "a"}"#,
        r#"{"type": "RobertaProcessing", "sep": ["x", 3], "cls": ["y", 2]}"#,
        r#"[{"id": 0, "content": "a", "single_word": true, "lstrip": true, "rstrip": true,
            "normalized": true, "special": false}]"#,
    ];
    let values = known.map(|text| serde_json::from_str(text).unwrap());
    prop::sample::select(values.to_vec())
}

/// Puts a value at the `n`th place of a file, counted through.
fn replace(file: &mut serde_json::Value, n: &mut usize, value: &serde_json::Value) {
    if *n == 0 {
        *file = value.clone();
    }
    *n = n.wrapping_sub(1);
    match file {
        serde_json::Value::Object(map) => map.values_mut().for_each(|v| replace(v, n, value)),
        serde_json::Value::Array(list) => list.iter_mut().for_each(|v| replace(v, n, value)),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_change_of_a_file_makes_it_panic(
        changes in prop::collection::vec((0usize..40, odd_values()), 1..4),
        a in any::<String>(),
        b in text(),
    ) {
        let mut file = json();
        for (place, value) in &changes {
            replace(&mut file, &mut place.clone(), value);
        }
        if let Ok(tokenizer) = Tokenizer::new(&json_spec(&file), 9) {
            for pair in [None, Some(&b[..])] {
                if let Ok((encoding, _)) = tokenizer.encode_whole(&a, pair) {
                    prop_assert!(encoding.len() <= 9);
                    prop_assert!(encoding.input_ids.iter().all(|&id| (id as usize) < 32));
                }
            }
        }
    }
}
