//! The program itself: exit codes, one-line errors, streams.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use act_core::Artifact;
use tempfile::TempDir;

use crate::toy;

/// A folder with an untrained model, its data and a configuration.
pub struct Workshop {
    pub dir: TempDir,
}

impl Workshop {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        fs::create_dir(&data).unwrap();
        let lines: String = toy::examples(200)
            .iter()
            .map(|(text, class)| format!("{{\"text\":\"{text}\",\"label\":\"label {class}\"}}\n"))
            .collect();
        fs::write(data.join("train.json"), lines).unwrap();
        let description = r#"{"task":"toy","columns":{"text":"text","label":"label"},
            "labels":["label 0","label 1","label 2"],"synthetic":true}"#;
        fs::write(data.join("act-dataset.json"), description).unwrap();
        let config = "TrainConfig: {epochs: 2, learning_rate: 0.005, batch_size: 16}\n";
        fs::write(dir.path().join("toy.yaml"), config).unwrap();
        let workshop = Self { dir };
        workshop.save("new.act", &toy::model(1));
        workshop
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn save(&self, name: &str, artifact: &Artifact) {
        fs::write(self.path(name), artifact.to_bytes().unwrap()).unwrap();
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_act-distill"));
        command.current_dir(self.dir.path()).args(args);
        command.args(["--data", "data", "-c", "toy.yaml"]);
        command.stdin(Stdio::null());
        command
    }

    pub fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs what must fail with `code`; its standard error, which must be one line.
    fn refused(&self, code: i32, args: &[&str]) -> String {
        let output = self.run(&[args, &["-q"]].concat());
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {text}");
        assert!(output.stdout.is_empty());
        assert!(
            text.starts_with("act-distill: ") && text.lines().count() == 1,
            "{text}"
        );
        text
    }
}

#[test]
fn fine_tunes_reports_and_distils_through_a_pipe() {
    let workshop = Workshop::new();
    let tuned = workshop.run(&["new.act", "-o", "base.act", "--report", "base.json", "-q"]);
    assert!(
        tuned.status.success(),
        "{}",
        String::from_utf8_lossy(&tuned.stderr)
    );
    assert!(tuned.stdout.is_empty());
    let report = fs::read(workshop.path("base.json")).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    assert_eq!(report["synthetic"], true);
    assert_eq!(report["dataset"]["split"], "train");
    assert!(report["wall_s"].as_f64().unwrap() > 0.0);

    // The same stage as a filter gives the same bytes.
    let mut command = workshop.command(&["-q"]);
    let input = fs::File::open(workshop.path("new.act")).unwrap();
    let piped = command.stdin(input).output().unwrap();
    assert!(piped.status.success());
    assert_eq!(piped.stdout, fs::read(workshop.path("base.act")).unwrap());

    let student = workshop.run(&["new.act", "-o", "student.act", "--teacher", "base.act"]);
    assert!(
        student.status.success(),
        "{}",
        String::from_utf8_lossy(&student.stderr)
    );
    let student = Artifact::open(workshop.path("student.act")).unwrap();
    assert_eq!(student.provenance.len(), 1);
    assert_eq!(student.provenance[0].inputs.len(), 2);
    assert!(student.synthetic());
}

#[test]
fn wrong_inputs_end_in_one_line_and_their_exit_code() {
    let workshop = Workshop::new();
    fs::write(workshop.path("text.act"), "not a model").unwrap();
    let mut other = toy::model(1);
    other.task.labels[0] = "x".into();
    workshop.save("other.act", &other);
    workshop.save("hot.act", &toy::overflowing());
    for (code, args, says) in [
        (2, &["missing.act", "-o", "a.act"][..], "missing.act"),
        (2, &["new.act", "-o", "nowhere/a.act"], "nowhere"),
        (3, &["text.act", "-o", "a.act"], "text.act"),
        (
            2,
            &["new.act", "-o", "a.act", "--teacher", "data"],
            "folder",
        ),
        (2, &["-", "-o", "a.act", "--teacher", "-"], "both"),
        (
            2,
            &["new.act", "-o", "a.act", "--teacher", "other.act"],
            "label",
        ),
        (
            3,
            &["new.act", "-o", "a.act", "--teacher", "text.act"],
            "teacher",
        ),
        (
            2,
            &["new.act", "-o", "a.act", "--device", "abacus"],
            "abacus",
        ),
        (
            2,
            &["new.act", "-o", "a.act", "--set", "TrainConfig.epochs=0"],
            "epochs",
        ),
        (
            2,
            &[
                "new.act",
                "-o",
                "a.act",
                "--set",
                "TrainConfig.optimizer_builder={optimizer: {type: Lamb}}",
            ],
            "AdamW",
        ),
        (1, &["hot.act", "-o", "a.act"], "step 1"),
    ] {
        let text = workshop.refused(code, args);
        assert!(text.contains(says), "{args:?}: {text}");
        assert!(!workshop.path("a.act").exists());
    }
}

#[test]
fn a_missed_target_keeps_the_output_and_is_an_error_only_when_strict() {
    let workshop = Workshop::new();
    let target = [
        "--set",
        "TrainConfig.target_metric=0.9999",
        "--set",
        "TrainConfig.train_iter=1",
    ];
    let args = |output| [&["new.act", "-o", output][..], &target].concat();
    assert_eq!(workshop.run(&args("a.act")).status.code(), Some(0));
    let strict = [args("b.act"), vec!["--strict"]].concat();
    assert_eq!(workshop.run(&strict).status.code(), Some(4));
    assert!(workshop.path("a.act").exists() && workshop.path("b.act").exists());
}

#[test]
fn an_empty_train_file_is_told() {
    let workshop = Workshop::new();
    fs::write(workshop.path("data/train.json"), "").unwrap();
    let text = workshop.refused(2, &["new.act", "-o", "a.act"]);
    assert!(
        text.contains("train.json") || text.contains("examples"),
        "{text}"
    );
}
