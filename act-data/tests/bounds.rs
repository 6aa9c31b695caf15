//! What a data folder of a stranger may cost: no waiting, memory in proportion, a quiet terminal.

use std::fs;
use std::path::Path;

use act_core::ErrorKind;
use act_data::{Dataset, Split};
use tempfile::{TempDir, tempdir};

const OWN: &str = r#"{"task": "own", "labels": ["good", "bad"], "columns": {"text": "text"}}"#;

fn folder(description: &str, files: &[(&str, &str)]) -> TempDir {
    let dir = tempdir().unwrap();
    let description = ("act-dataset.json", description);
    for (name, text) in [&[description], files].concat() {
        fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

fn refusal(dir: &Path) -> String {
    let error = Dataset::open(dir, None, Split::Train, None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
    error.to_string().replace(dir.to_str().unwrap(), "DIR")
}

#[cfg(unix)]
#[test]
fn a_pipe_is_no_data_file() {
    for name in ["train.csv", "act-dataset.json"] {
        let dir = folder(OWN, &[("dev.csv", "text,label\na,good\n")]);
        let pipe = dir.path().join(name);
        let _ = fs::remove_file(&pipe);
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        // Nobody writes into it: whoever opened it would wait for ever.
        let error = refusal(dir.path());
        let expected = format!("DIR/{name} is a pipe or device, where a file is expected");
        assert_eq!(error, expected);
    }
}

#[test]
fn json_of_a_line_or_description_takes_memory_in_proportion() {
    let many = vec!["{\"\":0}"; 200_000].join(",");
    let description = r#"{"task": "own", "labels": ["bad", "good"], "columns": {"text": "text"}}"#;
    let line = format!("{{\"text\": \"a\", \"label\": \"good\", \"x\": [{many}]}}\n");
    let dir = folder(description, &[("train.jsonl", &line)]);
    let error = refusal(dir.path());
    assert!(error.starts_with("DIR/train.jsonl:1: "), "{error}");
    assert!(error.contains("MiB of memory"), "{error}");
    let dir = folder(&format!("{{\"task\": [{many}]}}"), &[("train.jsonl", "")]);
    let error = refusal(dir.path());
    assert!(
        error.starts_with("DIR/act-dataset.json: its JSON would"),
        "{error}"
    );
}

#[test]
fn a_tasks_name_is_no_command_for_a_terminal() {
    let description = r#"{"task": "\u001b[2J", "labels": ["a", "b"], "columns": {"text": "text"}}"#;
    let dir = folder(description, &[("train.jsonl", "")]);
    let error = refusal(dir.path());
    assert!(
        error.contains("the task \"\\u{1b}[2J\" has a control character"),
        "{error}"
    );
}
