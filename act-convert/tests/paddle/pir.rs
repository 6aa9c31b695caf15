//! Paddle 3's programs that are damaged or hostile: a line, no panic, never another model.

use std::io::Read;
use std::path::Path;
use std::sync::LazyLock;

use act_convert::paddle::{pir, read};
use act_core::ErrorKind;
use flate2::read::GzDecoder;
use proptest::prelude::*;
use serde_json::{Value, json};

/// A recorded program and its parameters.
static RECORDED: LazyLock<(Vec<u8>, Vec<u8>)> = LazyLock::new(|| {
    let archive = "tests/paddle/recorded/pir/pp_minilm.tar.gz";
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join(archive);
    let mut tar = tar::Archive::new(GzDecoder::new(std::fs::File::open(archive).unwrap()));
    let (mut program, mut params) = (Vec::new(), Vec::new());
    for entry in tar.entries().unwrap() {
        let mut entry = entry.unwrap();
        match entry.path().unwrap().extension().and_then(|e| e.to_str()) {
            Some("json") => drop(entry.read_to_end(&mut program).unwrap()),
            Some("pdiparams") => drop(entry.read_to_end(&mut params).unwrap()),
            _ => {}
        }
    }
    (program, params)
});

fn program() -> Value {
    serde_json::from_slice(&RECORDED.0).unwrap()
}

fn ops(program: &mut Value) -> &mut Vec<Value> {
    let ops = program.pointer_mut("/program/regions/0/blocks/0/ops");
    ops.unwrap().as_array_mut().unwrap()
}

/// The first operator of a kind.
fn first<'a>(program: &'a mut Value, kind: &str) -> &'a mut Value {
    let found = ops(program).iter_mut().find(|op| op["#"] == kind);
    found.unwrap()
}

fn refused(program: &Value, words: &str) {
    let error = read(program.to_string().as_bytes(), &RECORDED.1)
        .err()
        .unwrap();
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert!(
        error.to_string().contains(words),
        "no {words:?} in: {error}"
    );
}

#[test]
fn what_is_no_program_is_refused() {
    assert!(read(&RECORDED.0, &RECORDED.1).is_ok());
    refused(&json!({}), "its magic");
    refused(&json!({"base_code": {"magic": "pir"}}), "it has no block");
    refused(&json!({"base_code": {"magic": "pirate"}}), "its magic");
    assert!(pir::read(b"{").is_err() && pir::read(&b"{\"a\":".repeat(1 << 19)).is_err());
    assert!(pir::read(&b" ".repeat(5 << 20)).is_err());
    let bytes = &RECORDED.0;
    for len in (0..bytes.len()).step_by(997) {
        assert!(read(&bytes[..len], &RECORDED.1).is_err());
    }
}

#[test]
fn values_are_numbered_written_once_and_before_they_are_read() {
    let mut twice = program();
    let op = first(&mut twice, "1.tanh").clone();
    ops(&mut twice).push(op);
    refused(&twice, "a second time");
    let mut early = program();
    ops(&mut early).reverse();
    refused(&early, "which no operator before it writes");
    let mut nameless = program();
    first(&mut nameless, "1.tanh")["O"] = json!([{}]);
    refused(&nameless, "a value without a number");
    let mut declared = program();
    let parameter = first(&mut declared, "p").clone();
    ops(&mut declared).insert(0, parameter);
    refused(&declared, "declared twice");
    let mut many = program();
    first(&mut many, "1.tanh")["I"] = json!(vec![json!({"%": 1}); 300]);
    refused(&many, "300 parts");
}

#[test]
fn what_computes_otherwise_is_refused_by_its_operator() {
    let changed = |kind: &str, change: fn(&mut Value), words: &str| {
        let mut program = program();
        change(first(&mut program, kind));
        refused(&program, words);
    };
    changed(
        "1.tanh",
        |op| op["#"] = json!("1.sin"),
        "(sin) has no place",
    );
    changed("1.tanh", |op| op["#"] = json!("2.tanh"), "(2.tanh)");
    changed(
        "1.softmax",
        |op| op["A"][0]["AT"]["D"] = json!(1),
        "(softmax)",
    );
    changed("1.scale", |op| op["I"][1] = json!({"%": 42}), "(scale)");
    changed(
        "1.dropout",
        |op| op["A"][1]["AT"]["D"] = json!("other"),
        "(dropout)",
    );
    changed(
        "1.transpose",
        |op| op["A"][0]["AT"]["D"] = json!([0, 1, 2, 3]),
        "(matmul_v2)",
    );
    changed(
        "1.reshape",
        |op| op["I"][1] = op["I"][0].clone(),
        "(reshape2)",
    );
    changed(
        "1.layer_norm",
        |op| op["I"][1] = json!({"%": 0}),
        "(layer_norm)",
    );
    changed(
        "1.embedding",
        |op| op["I"] = json!([{"%": 42}, {"%": 41}, {"%": 40}]),
        "inputs too many",
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_byte_makes_it_panic(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = RECORDED.0.clone();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = read(&bytes, &RECORDED.1);
    }
}
