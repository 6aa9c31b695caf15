//! `act-eval predict`: a line in, an answer out.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use act_core::testing::{TinyOptions, tiny_artifact};
use act_core::{Artifact, Columns};
use serde_json::{Value, json};

use super::{Workplace, refusal, text_of};

#[test]
fn predict_answers_every_line_in_order() {
    let here = Workplace::new();
    let input = "花呗\t借\n\t\n{\"sentence1\":\"花呗\",\"sentence2\":\"借\"}\n\
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
        "花\t呗\n{\"input_ids\":[999]}\n花\t呗\n".as_bytes(),
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
fn a_bad_line_far_down_is_named_after_the_answers_before_it() {
    let here = Workplace::new();
    let lines = "花呗\t借\n".repeat(70_000) + "花呗\n" + &"花呗\t借\n".repeat(100);
    let output = here.run_with(
        "predict base.act --labels-only --threads 2",
        lines.as_bytes(),
    );
    let answers = output.stdout.iter().filter(|&&b| b == b'\n').count();
    assert_eq!(answers, 70_000);
    let (code, line) = refusal(output);
    assert!(
        code == 2 && line.contains("standard input:70001: "),
        "{line}"
    );
}

#[test]
fn answers_keep_the_order_of_their_lines_whatever_is_computed_together() {
    let here = Workplace::new();
    let line = |i: usize| {
        let text = "花呗还款".repeat(i % 5);
        format!("{{\"id\": {i}, \"sentence1\": \"{text}\", \"sentence2\": \"借{i}\"}}\n")
    };
    let lines: String = (0..5_000).map(line).collect();
    let answers = |flags: &str| {
        let arguments = format!("predict base.act --submission {flags}");
        text_of(here.run_with(&arguments, lines.as_bytes()))
    };
    let one = answers("--threads 1 --batch-size 1");
    let ids = one.lines().map(|answer| {
        let answer: Value = serde_json::from_str(answer).unwrap();
        answer["id"].as_u64().unwrap()
    });
    assert!(ids.eq(0..5_000));
    for flags in [
        "--threads 3 --batch-size 7",
        "--threads 2 --batch-size 10000",
    ] {
        assert_eq!(answers(flags), one, "{flags}");
    }
}

/// `predict base.act`, which waits for lines.
fn waiting(here: &Workplace) -> Child {
    Command::new(env!("CARGO_BIN_EXE_act-eval"))
        .args(["predict", "base.act"])
        .current_dir(here.0.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn a_line_is_answered_before_the_next_one_is_written() {
    let here = Workplace::new();
    let mut child = waiting(&here);
    let mut pipe = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    for _ in 0..20 {
        pipe.write_all("花呗\t借\n".as_bytes()).unwrap();
        let answer = answers.next().unwrap().unwrap();
        assert!(answer.starts_with("{\"label\":"), "{answer}");
    }
    drop(pipe);
    assert!(answers.next().is_none() && child.wait().unwrap().success());
}

#[test]
fn predict_ends_with_its_reader_while_its_writer_still_waits() {
    let here = Workplace::new();
    let mut child = waiting(&here);
    let mut pipe = child.stdin.take().unwrap();
    drop(child.stdout.take());
    pipe.write_all("花呗\t借\n".as_bytes()).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    drop(pipe);
}

#[test]
fn predict_may_lose_its_reader() {
    let here = Workplace::new();
    std::fs::write(here.path("many.txt"), "花呗\t借\n".repeat(20_000)).unwrap();
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

/// A model of the task `tickets`, which takes one text, with a folder of its data.
fn tickets(recorded: bool) -> Workplace {
    let here = Workplace::new();
    let mut model: Artifact = tiny_artifact(1, &TinyOptions::default());
    model.task.name = "tickets".into();
    model.task.columns = recorded.then(|| Columns {
        text: "question".into(),
        pair: None,
        label: Some("team".into()),
    });
    let labels: Vec<String> = model.task.labels.clone();
    here.save("tickets.act", model);
    std::fs::create_dir(here.path("tickets")).unwrap();
    let write = |name: &str, text: &str| std::fs::write(here.path(name), text).unwrap();
    let description = json!({"task": "tickets", "labels": labels,
        "columns": {"text": "question", "label": "team"}});
    write("tickets/act-dataset.json", &description.to_string());
    let (a, b) = (&labels[0], &labels[1]);
    write(
        "tickets/dev.json",
        &format!(
            "{{\"question\":\"花呗\",\"team\":\"{a}\"}}\n{{\"question\":\"借\",\"team\":\"{b}\"}}\n"
        ),
    );
    write(
        "tickets/dev.tsv",
        &format!("team\tquestion\tid\n{a}\t花呗\tx\n{b}\t借\ty\n"),
    );
    write("plain.txt", "花呗\n借\n");
    here
}

#[test]
fn predict_reads_the_file_that_accuracy_reads() {
    for recorded in [true, false] {
        let here = tickets(recorded);
        let plain = here.stdout("predict tickets.act plain.txt");
        assert_eq!(plain.lines().count(), 2);
        for file in ["tickets/dev.json", "tickets/dev.tsv"] {
            assert_eq!(
                here.stdout(&format!("predict tickets.act {file}")),
                plain,
                "{file}"
            );
        }
        here.stdout("accuracy tickets.act --data tickets");
        let ids = here.stdout("predict tickets.act tickets/dev.tsv --submission");
        assert!(ids.starts_with("{\"id\":\"x\","), "{ids}");
        let labels = here.stdout("predict tickets.act tickets/dev.tsv --labels-only");
        let whole: Vec<Value> = plain
            .lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect();
        let expected = whole.iter().map(|answer| answer["label"].as_str().unwrap());
        assert_eq!(
            labels.lines().collect::<Vec<_>>(),
            expected.collect::<Vec<_>>()
        );
    }
    // The columns go with the model, away from the data.
    let here = tickets(true);
    let bytes = std::fs::read(here.path("tickets/dev.tsv")).unwrap();
    let piped = text_of(here.run_with("predict tickets.act", &bytes));
    assert_eq!(piped, here.stdout("predict tickets.act plain.txt"));
}

#[test]
fn a_line_with_one_text_too_many_or_too_few_ends_with_its_number() {
    let here = tickets(true);
    let refused = |arguments: &str, input: &str| {
        let (code, line) = refusal(here.run_with(arguments, input.as_bytes()));
        assert_eq!(code, 2, "{line}");
        line
    };
    let one = refused("predict base.act", "花\t呗\n花\n");
    assert!(
        one.contains("standard input:2:") && one.contains("no tab"),
        "{one}"
    );
    let two = "{\"text\":\"花\",\"text_pair\":\"呗\"}\n";
    let two = refused("predict tickets.act", two);
    assert!(
        two.contains("standard input:1:") && two.contains("one text, not two"),
        "{two}"
    );
    let pairs = refused("predict tickets.act --format pairs", "花\t呗\n");
    assert!(pairs.contains("--format pairs"), "{pairs}");
    // In a text, a tab is a blank.
    let answer = |line: &str| text_of(here.run_with("predict tickets.act", line.as_bytes()));
    assert_eq!(answer("花\t呗\n"), answer("花 呗\n"));

    let unknown = tickets(false);
    let (code, line) = refusal(unknown.run_with("predict tickets.act", "花\t呗\n".as_bytes()));
    assert!(
        code == 2 && line.contains("standard input:1: a tab"),
        "{line}"
    );
    let output = unknown.run_with("predict tickets.act", "花\n".as_bytes());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success() && said.contains("a line is taken as one"),
        "{said}"
    );
}

#[test]
fn a_table_without_the_tasks_columns_is_not_taken_for_texts() {
    let here = tickets(true);
    for (name, text, words) in [
        (
            "a.tsv",
            "花呗\t1\n",
            "first line is no header with the columns [\"question\"]",
        ),
        (
            "b.tsv",
            "Question\tteam\n花\t1\n",
            "no header with the columns",
        ),
        (
            "c.json",
            "{\n\"question\": \"花\"\n}\n",
            "this file is one JSON object",
        ),
        ("d.jsonl", "花呗\n", "not JSON"),
    ] {
        std::fs::write(here.path(name), text).unwrap();
        let (code, line) = refusal(here.run(&format!("predict tickets.act {name}")));
        assert!(code == 2 && line.contains(words), "{line}");
        assert!(line.contains(&format!("{name}:1:")), "{line}");
    }
    let text = here.stdout("predict tickets.act a.tsv --format text");
    assert_eq!(text.lines().count(), 1);
}

#[test]
fn what_is_cut_is_counted_at_the_end() {
    let here = tickets(true);
    // 24 tokens are read, [CLS] and [SEP] counted.
    let lines = format!("花\n{}\n{}\n", "花".repeat(22), "花".repeat(23));
    let output = here.run_with("predict tickets.act", lines.as_bytes());
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        said.lines().last().unwrap(),
        "act-eval: warning: standard input: 1 of 3 examples (33.3 %) are longer than 24 tokens and \
         are cut; 25 tokens keep 99 % whole"
    );
    let short = here.run_with("predict tickets.act", "花\n".as_bytes());
    assert_eq!(short.stderr, b"");
}

#[test]
fn predict_reads_every_format_that_act_data_reads() {
    let here = tickets(true);
    let plain = here.stdout("predict tickets.act plain.txt");
    let gz = |text: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Default::default());
        std::io::Write::write_all(&mut encoder, text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let csv = "team,question\nx,\"花呗\"\ny,借\n";
    let json = "[\n{\"question\": \"花呗\"},\n {\"question\": \"借\",\n\"team\": \"y\"}]";
    for (name, bytes) in [
        ("all.csv", csv.into()),
        ("all.csv.gz", gz(csv)),
        (
            "all.tsv",
            csv.replace('"', "").replace(',', "\t").into_bytes(),
        ),
        ("all.json", json.into()),
        ("all.json.gz", gz(json)),
    ] {
        std::fs::write(here.path(name), bytes).unwrap();
        assert_eq!(
            here.stdout(&format!("predict tickets.act {name}")),
            plain,
            "{name}"
        );
    }
    let piped = here.run_with("predict tickets.act --format csv", csv.as_bytes());
    assert_eq!(text_of(piped), plain);

    // Without names of columns a description says which is which, and which file is which.
    let description = std::fs::read_to_string(here.path("tickets/act-dataset.json")).unwrap();
    let described: Value = serde_json::from_str(&description).unwrap();
    let numbered = json!({"task": "tickets", "labels": described["labels"], "header": false,
        "columns": {"text": 2, "label": 1}, "files": {"train": "t.data"}, "format": "tsv"});
    std::fs::create_dir(here.path("numbered")).unwrap();
    let write = |name: &str, text: &str| std::fs::write(here.path(name), text).unwrap();
    write("numbered/act-dataset.json", &numbered.to_string());
    for name in ["numbered/t.data", "numbered/all.txt"] {
        write(name, "x\t花呗\ny\t借\n");
        assert_eq!(
            here.stdout(&format!("predict tickets.act {name}")),
            plain,
            "{name}"
        );
    }
    let (code, line) = refusal(here.run("predict tickets.act numbered/none.csv"));
    assert!(code == 2 && line.contains("none.csv"), "{line}");
}
