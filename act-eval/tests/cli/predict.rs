//! `act-eval predict`: a line in, an answer out.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{Workplace, refusal, text_of};

#[test]
fn predict_answers_every_line_in_order() {
    let here = Workplace::new();
    let input = "花呗\t借\n\n{\"sentence1\":\"花呗\",\"sentence2\":\"借\"}\n\
                 {\"input_ids\":[2,5,6,3,7,3],\"token_type_ids\":[0,0,0,0,1,1]}";
    let text = text_of(here.run_with("predict base.act --batch-size 3", input.as_bytes()));
    let answers: Vec<Value> = text
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(answers.len(), 4);
    assert_eq!(answers[0], answers[2], "the same pair as text and as JSON");
    assert_ne!(answers[0], answers[1]);
    for answer in &answers {
        let probabilities = answer["probabilities"].as_array().unwrap();
        let sum: f64 = probabilities.iter().map(|p| p.as_f64().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-6);
        let likely = if probabilities[1].as_f64() > probabilities[0].as_f64() {
            "1"
        } else {
            "0"
        };
        assert_eq!(answer["label"], likely);
    }
}

#[test]
fn a_submission_has_the_ids_of_its_lines() {
    let here = Workplace::new();
    let lines = "{\"id\": 2415, \"sentence1\": \"a\", \"sentence2\": \"b\"}\na\tb\n";
    let output = here.run_with("predict base.act --submission", lines.as_bytes());
    let answers: Vec<Value> = text_of(output)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let whole = text_of(here.run_with("predict base.act", b"a\tb\n"));
    let label = &serde_json::from_str::<Value>(&whole).unwrap()["label"];
    assert_eq!(answers[0], json!({"id": 2415, "label": label}));
    assert_eq!(answers[1], json!({"id": 1, "label": label}));
}

#[test]
fn a_bad_line_is_named_after_the_answers_before_it() {
    let here = Workplace::new();
    let output = here.run_with(
        "predict base.act",
        "花\n{\"input_ids\":[999]}\n花\n".as_bytes(),
    );
    assert_eq!(
        output.stdout.split(|&b| b == b'\n').count(),
        2,
        "one answer"
    );
    let (code, line) = refusal(output);
    assert_eq!(code, 2);
    assert!(
        line.contains("standard input:2: input_ids: 999 is not below 128"),
        "{line}"
    );
}

#[test]
fn predict_may_lose_its_reader() {
    let here = Workplace::new();
    std::fs::write(here.path("many.txt"), "花呗\n".repeat(20_000)).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_act-eval"))
        .args(["predict", "base.act", "many.txt"])
        .current_dir(here.0.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        (output.status.code(), output.stderr.as_slice()),
        (Some(0), &b""[..])
    );
}
