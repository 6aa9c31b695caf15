//! `act-data describe`: what it makes of folders as people have them, and that stages read by what it writes.

use std::fs;
use std::path::Path;

use act_core::ErrorKind;
use act_data::check::{Reader, check};
use act_data::describe::{Proposal, describe};
use act_data::{DESCRIPTION, ProblemKind};
use tempfile::{TempDir, tempdir};

fn folder(files: &[(&str, String)]) -> TempDir {
    let dir = tempdir().unwrap();
    for (name, text) in files {
        fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

/// The proposal for a folder, which `check` finds nothing wrong with once it is written.
fn proposed(dir: &Path) -> Proposal {
    let found = describe(dir, Some("own")).unwrap_or_else(|e| panic!("{e}"));
    found.verdict().unwrap_or_else(|e| panic!("{e}\n{found}"));
    fs::write(dir.join(DESCRIPTION), found.json().unwrap()).unwrap();
    let checked = check(dir, None, &Reader::default()).unwrap();
    checked.verdict().unwrap_or_else(|e| panic!("{e}\n{found}"));
    let counts = |name: &str| {
        checked
            .splits
            .iter()
            .find(|s| s.split == name)
            .map(|s| s.examples)
    };
    for split in &found.splits {
        assert_eq!(counts(&split.split), Some(split.examples), "{found}");
    }
    fs::remove_file(dir.join(DESCRIPTION)).unwrap();
    found
}

fn json(found: &Proposal) -> serde_json::Value {
    serde_json::from_str(&found.json().unwrap()).unwrap()
}

/// A text of some words that says its number.
fn text(i: usize) -> String {
    format!("this is the text of number {i}, and it is long enough")
}

fn rows(n: usize, row: impl Fn(usize) -> String) -> String {
    (0..n).map(row).collect()
}

#[test]
fn a_csv_file_with_a_header_is_understood() {
    let row = |i: usize| {
        format!(
            "{i},\"{}\nsecond line\",{}\n",
            text(i),
            ["billing", "network", "other"][i % 3]
        )
    };
    let dir = folder(&[(
        "tickets-train.csv",
        "id,Question,Team\n".to_string() + &rows(60, row),
    )]);
    let found = proposed(dir.path());
    let expected = serde_json::json!({
        "task": "own", "columns": {"text": "Question", "label": "Team"},
        "labels": ["billing", "network", "other"], "files": {"train": "tickets-train.csv"},
    });
    assert_eq!(json(&found), expected);
    let shown = found.to_string();
    for words in [
        "train       54 examples  tickets-train.csv, between commas, with quotes, a header",
        "dev          6 examples  there is no dev file: 10 % of train are held out as dev, by seed 42",
        "  text   Question",
        "rows of train (single texts)",
        "single-label, 3 labels",
        "       18  billing",
    ] {
        assert!(shown.contains(words), "{words}\n{shown}");
    }
}

#[test]
fn paddlenlps_files_are_understood_with_their_list_of_labels() {
    let row = |i: usize| {
        format!(
            "今天天气不错我们去公园玩吧第{i}次\t{}\n",
            ["体育", "财经"][i % 2]
        )
    };
    let dir = folder(&[
        ("train.txt", rows(40, row)),
        ("dev.txt", rows(4, row)),
        ("test.txt", "没有标签的文本\n另一个文本\n".into()),
        ("label.txt", "财经\n体育\n".into()),
    ]);
    let found = proposed(dir.path());
    let expected = serde_json::json!({
        "task": "own", "columns": {"text": 1, "label": 2}, "labels": ["财经", "体育"],
    });
    assert_eq!(json(&found), expected);
    let counts: Vec<(&str, usize)> = found
        .splits
        .iter()
        .map(|s| (s.split.as_str(), s.examples))
        .collect();
    assert_eq!(counts, [("train", 40), ("dev", 4), ("test", 2)]);

    // Several labels with commas.
    let several = |i: usize| format!("{}\t{}\n", text(i), ["体育,财经", "财经", "体育"][i % 3]);
    fs::write(dir.path().join("train.txt"), rows(40, several)).unwrap();
    let found = proposed(dir.path());
    assert_eq!(found.problem, ProblemKind::MultiLabel);
    assert_eq!(json(&found)["labels"], serde_json::json!(["财经", "体育"]));
}

#[test]
fn pairs_scores_numbers_and_json_are_understood() {
    let scores = |i: usize| {
        format!(
            "src{}\t{}.{}\t{}\t{}\n",
            i % 2,
            i % 5,
            i % 10,
            text(i),
            text(i + 1)
        )
    };
    let dir = folder(&[
        ("sts-train.csv", rows(50, scores)),
        ("sts-dev.csv", rows(5, scores)),
    ]);
    let found = proposed(dir.path());
    let expected = serde_json::json!({
        "task": "own", "problem": "regression", "columns": {"text": 3, "pair": 4, "label": 2},
        "files": {"train": "sts-train.csv", "dev": "sts-dev.csv"}, "format": "tsv",
    });
    assert_eq!(json(&found), expected);
    assert!(
        found
            .doubts
            .iter()
            .any(|doubt| doubt.contains("columns 3 and 4 are read as a pair"))
    );

    let object = |i: usize| {
        format!(
            "{{\"premise\": \"{}\", \"hypothesis\": \"{}\", \"label\": {}}}\n",
            text(i),
            text(i + 1),
            i % 2
        )
    };
    let dir = folder(&[
        ("train.jsonl", rows(50, object)),
        ("val.jsonl", rows(5, object)),
    ]);
    let found = proposed(dir.path());
    let expected = serde_json::json!({
        "task": "own", "columns": {"text": "premise", "pair": "hypothesis", "label": "label"},
        "labels": ["0", "1"],
    });
    assert_eq!(json(&found), expected);

    let tags = |i: usize| {
        format!(
            "{{\"text\": \"{}\", \"labels\": {}}}",
            text(i),
            ["[\"a\",\"b\"]", "[\"b\"]", "[]"][i % 3]
        )
    };
    let list: Vec<String> = (0..30).map(tags).collect();
    let dir = folder(&[("train.json", format!("[{}]", list.join(",\n")))]);
    let found = proposed(dir.path());
    assert_eq!(found.problem, ProblemKind::MultiLabel);
    assert_eq!(
        json(&found)["columns"],
        serde_json::json!({"text": "text", "label": "labels"})
    );
}

#[test]
fn the_labels_of_a_list_may_be_meant_by_number() {
    let row = |i: usize| format!("{}\t{}\tid{i}\n", text(i), ["0", "2", "0,2", "1"][i % 4]);
    let dir = folder(&[
        ("train.tsv", rows(80, row)),
        ("labels.txt", "joy\nfear\nlove\n".into()),
    ]);
    let found = proposed(dir.path());
    let expected = serde_json::json!({
        "task": "own", "problem": "multi-label", "columns": {"text": 1, "label": 2},
        "labels": ["joy", "fear", "love"], "label_numbers": true,
    });
    assert_eq!(json(&found), expected);
    assert!(
        found
            .doubts
            .iter()
            .any(|d| d.contains("numbers are taken for places in labels.txt"))
    );
}

#[test]
fn a_test_file_with_another_header_and_other_delimiters_are_understood() {
    let row = |i: usize| format!("{};{}\n", ["bad", "good"][i % 2], text(i));
    let test = |i: usize| format!("{i}\t{}\n", text(i));
    let dir = folder(&[
        ("train.csv", "stars;review\n".to_string() + &rows(30, row)),
        ("test.tsv", "qid\ttext_a\n".to_string() + &rows(3, test)),
    ]);
    let found = proposed(dir.path());
    let expected = serde_json::json!({
        "task": "own", "columns": {"text": "review", "label": "stars"}, "labels": ["bad", "good"],
        "delimiter": ";",
        "files": {"test": {"name": "test.tsv", "delimiter": "\t", "columns": {"text": "text_a", "label": "label"}}},
    });
    assert_eq!(json(&found), expected);
}

#[test]
fn what_tells_nothing_is_refused_in_one_line() {
    let one_column = rows(30, |i| format!("{}\n", text(i).replace(',', "")));
    let no_labels = rows(30, |i| format!("{}\t{i}\n", text(i)));
    for (files, what) in [
        (vec![], "holds no file that could be data"),
        (
            vec![("train.parquet", "PAR1".to_string())],
            "holds no file that is read (train.parquet)",
        ),
        (vec![("train.tsv", String::new())], "train.tsv"),
        (vec![("train.tsv", one_column)], "no table"),
        (
            vec![("train.tsv", no_labels)],
            "no column looks like labels (columns 1, 2)",
        ),
        (
            vec![
                ("a.csv", "text,label\n".into()),
                ("b.csv", "text,label\n".into()),
            ],
            "no file is called like a train",
        ),
    ] {
        let dir = folder(&files);
        let error = describe(dir.path(), None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        let error = error.to_string();
        assert!(error.contains(what) && !error.contains('\n'), "{error}");
    }
}
