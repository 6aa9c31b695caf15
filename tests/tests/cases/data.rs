//! Data files: what is cut, ignored or left out is said.

use std::fs;
use std::path::Path;

use act_core::Artifact;
use act_tests::{Ran, bash, digest, run};
use serde_json::Value;
use tempfile::{TempDir, tempdir};

use super::case;

/// `act-data check` of a folder of the collection.
fn check(folder: &Path) -> Ran {
    let folder = folder.to_str().expect("a path in UTF-8");
    run("act-data", ["check", folder])
}

#[test]
fn texts_that_are_cut_are_counted_by_check_stages_and_reports() {
    let Some(here) = case("data/silent-truncation") else {
        return;
    };
    let out = tempdir().expect("a temporary folder");
    let file = |name: &str| out.path().join(name).display().to_string();
    let (model, training, judged) = (file("m.act"), file("t.json"), file("a.json"));
    let checked = bash(&here, "act-data check data").ok();
    assert!(
        checked.contains("(100.0 %) are longer than 128 tokens and are cut"),
        "{checked}"
    );
    let json = bash(&here, "act-data check data --json").ok();
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["splits"][0]["cut"]["share"], 1.0);
    let line = format!(
        "act-convert new --layers 1 --hidden 16 --heads 2 --data data -q | act-distill --data data \
         --set TrainConfig.epochs=1 -o {model} --report {training}"
    );
    let trained = bash(&here, &line);
    let said = trained.stderr.clone();
    trained.ok();
    let warning = "warning: own/train: 80 of 80 examples (100.0 %) are longer than 128 tokens";
    assert!(said.contains(warning), "{said}");
    let line = format!("act-eval accuracy {model} --data data --report {judged}");
    let accuracy = bash(&here, &line).ok();
    assert!(
        accuracy.contains("(100.0 %) are longer than 128 tokens"),
        "{accuracy}"
    );
    for report in [training, judged] {
        let report = std::fs::read(report).expect("the report is there");
        let report: Value = serde_json::from_slice(&report).expect("JSON");
        assert_eq!(report["dataset"]["cut"]["share"], 1.0);
    }
    let line = format!("act-eval report {model} --data data --runs 2");
    let report = bash(&here, &line).ok();
    assert!(
        report.contains("(100.0 %) are longer than 128 tokens"),
        "{report}"
    );
}

#[test]
fn a_tab_is_no_pair_of_a_model_that_does_not_say_so() {
    let Some(here) = case("data/predict-tab-becomes-pair") else {
        return;
    };
    let line = r"printf '猫3号\t很好\n猫3号 很好\n' | act-eval predict miA.act";
    bash(&here, line).complains(2, &["standard input:1: a tab", "--format pairs"]);
    let line = r#"printf '{"text":"猫3号\\t很好"}\n猫3号 很好\n' | act-eval predict miA.act"#;
    let answers = bash(&here, line).ok();
    let answers: Vec<&str> = answers.lines().collect();
    assert_eq!(answers.len(), 2);
    assert_eq!(answers[0], answers[1]);
}

#[test]
fn predict_reads_the_columns_that_accuracy_reads() {
    let Some(here) = case("data/predict-own-columns") else {
        return;
    };
    let answers = bash(&here, "act-eval predict oj.act data/dev.json").ok();
    bash(&here, "act-eval accuracy oj.act --data data").ok();
    let lines = std::fs::read_to_string(here.join("data/dev.json")).expect("the file is there");
    assert_eq!(answers.lines().count(), lines.lines().count());
}

#[test]
fn csv_is_read_and_a_format_that_no_file_has_fails_in_check_and_in_stages() {
    let Some(here) = case("data/check-passes-without-files") else {
        return;
    };
    check(&here.join("csv")).ok();
    check(&here.join("paddlenlp")).complains(2, &["no train file", "dev.txt", "train.txt"]);
    let new = "act-convert new --layers 1 --hidden 16 --heads 2 --data";
    bash(&here, &format!("{new} csv > /dev/null")).ok();
    let refused = bash(&here, &format!("{new} paddlenlp | cat"));
    refused.complains(2, &["no train file", "train.txt"]);
}

#[test]
fn check_says_how_much_a_vocabulary_knows() {
    let Some(here) = case("data/check-vocab-coverage") else {
        return;
    };
    let text = bash(&here, "act-data check data --vocab v.txt").ok();
    assert!(
        text.contains("\n  known ") && text.contains("are [UNK]"),
        "{text}"
    );
    let json = bash(&here, "act-data check data --vocab v.txt --json").ok();
    let json: Value = serde_json::from_str(&json).expect("JSON");
    let known = &json["splits"][0]["known"];
    let [tokens, unknown] = ["tokens", "unknown"].map(|n| known[n].as_f64().expect("a number"));
    assert!(tokens > 0.0 && unknown < tokens);
    assert_eq!(known["share"], 1.0 - unknown / tokens);
}

#[test]
fn messages_about_headers_name_the_cause_and_lists_are_read() {
    let Some(here) = case("data/header-messages") else {
        return;
    };
    let header = "train.tsv:1: the first line is taken as the header; its columns are ";
    check(&here.join("noheader")).complains(2, &[header]);
    check(&here.join("upper")).complains(2, &[header, "meant?"]);
    check(&here.join("list")).ok();
}

#[test]
fn labels_that_are_floats_are_read_as_whole_numbers() {
    let Some(here) = case("data/float-label") else {
        return;
    };
    check(&here.join("data")).ok();
}

#[test]
fn a_description_without_columns_says_so() {
    let Some(here) = case("data/description-without-columns") else {
        return;
    };
    check(&here.join("data")).complains(2, &["act-dataset.json: no columns"]);
}

#[test]
fn seven_thousand_classes_work_from_end_to_end() {
    let Some(here) = case("data/labels-over-4096") else {
        return;
    };
    let out = tempdir().expect("a temporary folder");
    let file = |name: &str| out.path().join(name).display().to_string();
    bash(&here, "act-data check data").ok();
    let (new, trained, int8) = (file("x.act"), file("t.act"), file("i.act"));
    for line in [
        format!("act-convert new --layers 1 --hidden 16 --heads 2 --data data -o {new}"),
        format!(
            "act-distill {new} --data data -o {trained} --set TrainConfig.epochs=1 \
             --set TrainConfig.validation_ratio=0.01 --set TrainConfig.batch_size=64"
        ),
        format!("act-quant {trained} --data data -o {int8}"),
        format!("act-eval accuracy {int8} --data data"),
    ] {
        bash(&here, &line).ok();
    }
    assert_ne!(
        digest(out.path().join("t.act").as_path()),
        digest(out.path().join("x.act").as_path())
    );
}

/// A folder with data of pairs in `data`, and of the same task with one text in `single`.
fn pairs() -> TempDir {
    let here = tempdir().expect("a temporary folder");
    let write = |folder: &str, columns: &str, header: &str, row: &dyn Fn(usize) -> String| {
        let folder = here.path().join(folder);
        fs::create_dir(&folder).expect("a folder");
        let write = |name: &str, text: &str| fs::write(folder.join(name), text).expect("a file");
        let described = format!(
            "{{\"task\": \"answers\", \"columns\": {columns}, \"labels\": [\"no\", \"yes\"]}}"
        );
        write("act-dataset.json", &described);
        for (name, count) in [("train.tsv", 80), ("dev.tsv", 20)] {
            let rows: String = (0..count).map(row).collect();
            write(name, &format!("{header}\n{rows}"));
        }
    };
    let label = |i: usize| ["no", "yes"][i % 2];
    write(
        "data",
        r#"{"text": "question", "pair": "answer", "label": "fits"}"#,
        "fits\tquestion\tanswer",
        &|i| format!("{}\twhat is {i}?\ta number, {}\n", label(i), i * i),
    );
    let one = r#"{"text": "question", "label": "fits"}"#;
    write("single", one, "question\tfits", &|i| {
        format!("what is {i}?\t{}\n", label(i))
    });
    here
}

#[test]
fn a_model_knows_the_columns_of_its_data_wherever_it_goes() {
    let here = pairs();
    let train = "act-distill --data data --set TrainConfig.epochs=1";
    let line = format!(
        "act-convert new --layers 1 --hidden 16 --heads 2 --data data -o new.act && \
         {train} new.act -o base.act && act-quant base.act --data data -o int8.act"
    );
    bash(here.path(), &line).ok();
    // Away from the folder that describes them.
    for model in ["new.act", "int8.act"] {
        let line = format!("act-eval predict {model} --labels-only < data/dev.tsv");
        let answers = bash(here.path(), &line).ok();
        assert_eq!(answers.lines().count(), 20);
        assert!(answers.lines().all(|label| ["no", "yes"].contains(&label)));
        let line = format!("echo 'what is 3?' | act-eval predict {model}");
        bash(here.path(), &line).complains(2, &["standard input:1:", "no tab"]);
        let line = format!("act-eval accuracy {model} --data single");
        let why = "an example has one text, and the model was made for two texts";
        bash(here.path(), &line).complains(2, &[why]);
    }
    let inspected = bash(here.path(), "act-eval inspect int8.act").ok();
    assert!(
        inspected.contains("two texts: question, answer"),
        "{inspected}"
    );

    // A model from elsewhere knows them once it is trained.
    let mut model = Artifact::open(here.path().join("new.act")).expect("a model");
    assert_eq!(model.task.columns.take().expect("columns").text, "question");
    let bytes = model.to_bytes().expect("its bytes");
    fs::write(here.path().join("elsewhere.act"), bytes).expect("a file");
    bash(
        here.path(),
        &format!("{train} elsewhere.act -o trained.act"),
    )
    .ok();
    let trained = here.path().join("trained.act");
    assert_eq!(digest(&trained), digest(&here.path().join("base.act")));
}

#[test]
fn data_of_one_kind_are_not_for_a_model_of_the_other() {
    let here = pairs();
    let new = "act-convert new --layers 1 --hidden 16 --heads 2 -q --data";
    for (made_for, given, texts) in [
        ("single", "data", "two texts"),
        ("data", "single", "one text"),
    ] {
        let why = format!("an example has {texts}, and the model was made for");
        for stage in [
            "act-distill --data",
            "act-prune --data",
            "act-quant --data",
            "act-eval accuracy --data",
        ] {
            let line = format!("{new} {made_for} | {stage} {given} | cat");
            bash(here.path(), &line).complains(2, &[&why]);
        }
    }
}
