//! The program itself: exit codes, one-line errors, streams, and what an interrupt leaves behind.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use act_core::Artifact;
use tempfile::TempDir;

use crate::toy;

/// A folder with an untrained model, its data and a configuration.
struct Workshop {
    dir: TempDir,
}

impl Workshop {
    fn new() -> Self {
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

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn save(&self, name: &str, artifact: &Artifact) {
        fs::write(self.path(name), artifact.to_bytes().unwrap()).unwrap();
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_act-distill"));
        command.current_dir(self.dir.path()).args(args);
        command.args(["--data", "data", "-c", "toy.yaml"]);
        command.stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
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
                "TrainConfig.optimizer_builder={optimizer: {type: SGD}}",
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

/// Starts a training that would last for hours and waits until it runs.
#[cfg(unix)]
fn endless(workshop: &Workshop) -> Child {
    let mut child = workshop
        .command(&[
            "new.act",
            "-o",
            "a.act",
            "-v",
            "--set",
            "TrainConfig.epochs=1000000",
        ])
        .args(["--set", "TrainConfig.logging_iter=1"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stderr = child.stderr.as_mut().unwrap();
    let (mut told, deadline) = (String::new(), Instant::now() + Duration::from_secs(60));
    while !told.contains("step 2/") && Instant::now() < deadline {
        let mut buffer = [0; 256];
        let n = stderr.read(&mut buffer).unwrap();
        assert!(n > 0, "it ended early: {told}");
        told += &String::from_utf8_lossy(&buffer[..n]);
    }
    child
}

#[cfg(unix)]
fn signal(child: &Child, name: &str) {
    let kill = Command::new("kill")
        .args([name, &child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
}

#[cfg(unix)]
fn names_in(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<_> = entries
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
#[cfg(unix)]
fn an_interrupt_ends_it_with_130_and_leaves_nothing() {
    let workshop = Workshop::new();
    let before = names_in(workshop.dir.path());
    let mut child = endless(&workshop);
    signal(&child, "-INT");
    let mut rest = String::new();
    let stderr = child.stderr.as_mut().unwrap();
    stderr.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest}");
    assert!(rest.contains("interrupted"), "{rest}");
    assert_eq!(names_in(workshop.dir.path()), before);
}

#[test]
#[cfg(unix)]
fn a_kill_leaves_no_output() {
    let workshop = Workshop::new();
    let before = names_in(workshop.dir.path());
    let mut child = endless(&workshop);
    signal(&child, "-KILL");
    assert_eq!(child.wait().unwrap().code(), None);
    assert_eq!(names_in(workshop.dir.path()), before);
}
