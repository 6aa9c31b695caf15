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
fn an_interrupt_ends_it_with_130_and_leaves_a_checkpoint_only() {
    let workshop = Workshop::new();
    let mut expected = names_in(workshop.dir.path());
    let mut child = endless(&workshop);
    signal(&child, "-INT");
    let mut rest = String::new();
    let stderr = child.stderr.as_mut().unwrap();
    stderr.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest}");
    assert!(rest.contains("interrupted"), "{rest}");
    expected.push("a.act.ckpt".into());
    expected.sort();
    assert_eq!(names_in(workshop.dir.path()), expected);
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

/// A run of some seconds, with a checkpoint whenever one can be written.
const KEPT: &[&str] = &[
    "new.act",
    "-o",
    "a.act",
    "--checkpoint-every",
    "0",
    "--metrics",
    "m.jsonl",
    "--report",
    "a.json",
    "--set",
    "TrainConfig.epochs=6",
    "--set",
    "TrainConfig.logging_iter=1",
    "--set",
    "TrainConfig.eval_iter=7",
];

#[test]
#[cfg(unix)]
fn a_killed_run_goes_on_and_ends_in_the_same_bytes() {
    let workshop = Workshop::new();
    let whole = [KEPT, &["--set", "TrainConfig.seed=5"]].concat();
    let unbroken: Vec<&str> = whole
        .iter()
        .map(|word| if *word == "a.act" { "b.act" } else { word })
        .collect();
    let output = workshop.run(&unbroken);
    assert!(output.status.success());
    let report = |name: &str| -> serde_json::Value {
        serde_json::from_slice(&fs::read(workshop.path(name)).unwrap()).unwrap()
    };
    let expected = report("a.json")["training"]["losses"].clone();
    let lines = fs::read_to_string(workshop.path("m.jsonl"))
        .unwrap()
        .lines()
        .count();
    let (mut kills, mut resumed) = (0, 0);
    // At moments that no step knows of; the gaps grow, so that the run gets through in the end.
    let status = loop {
        let mut child = workshop.command(&whole);
        let mut child = child.stderr(Stdio::piped()).spawn().unwrap();
        let limit = Duration::from_millis(60 + 150 * kills);
        let start = Instant::now();
        while start.elapsed() < limit && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(3));
        }
        let ended = child.try_wait().unwrap();
        if ended.is_none() {
            signal(&child, "-KILL");
        }
        let mut told = String::new();
        let stderr = child.stderr.as_mut().unwrap();
        stderr.read_to_string(&mut told).unwrap();
        let status = child.wait().unwrap();
        resumed += usize::from(told.contains("going on from the checkpoint"));
        assert!(!told.contains("cannot be used"), "{told}");
        if status.code().is_some() {
            assert!(status.success(), "{told}");
            break status;
        }
        kills += 1;
        assert!(kills < 200, "it never ends: {told}");
    };
    assert!(
        status.success() && kills >= 3 && resumed >= 2,
        "{kills} {resumed}"
    );
    let bytes = |name: &str| fs::read(workshop.path(name)).unwrap();
    assert!(bytes("a.act") == bytes("b.act"), "after {kills} kills");
    assert_eq!(report("a.json")["training"]["losses"], expected);
    let told = fs::read_to_string(workshop.path("m.jsonl")).unwrap();
    assert_eq!(told.lines().count(), lines, "{told}");
    assert!(!workshop.path("a.act.ckpt").exists(), "removed on success");
}

#[test]
#[cfg(unix)]
fn another_command_or_a_damaged_checkpoint_begins_anew_and_says_so() {
    let workshop = Workshop::new();
    let mut child = endless(&workshop);
    signal(&child, "-INT");
    child.wait().unwrap();
    let folder = workshop.path("a.act.ckpt");
    let args = [
        "new.act",
        "-o",
        "a.act",
        "--set",
        "TrainConfig.train_iter=2",
    ];
    let output = workshop.run(&args);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.success() && text.contains("starting anew"),
        "{text}"
    );
    assert!(!folder.exists());

    let mut child = endless(&workshop);
    signal(&child, "-INT");
    child.wait().unwrap();
    let manifest = folder.join("checkpoint.json");
    let mut bytes = fs::read(&manifest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&manifest, bytes).unwrap();
    let text = String::from_utf8(workshop.run(&args).stderr).unwrap();
    assert!(text.contains("damaged: starting anew"), "{text}");
}

#[test]
fn a_pipe_has_no_checkpoint_unless_asked() {
    let workshop = Workshop::new();
    let before = names_in(workshop.dir.path());
    let args = [
        "-q",
        "--checkpoint-every",
        "0",
        "--set",
        "TrainConfig.train_iter=2",
    ];
    let input = || fs::File::open(workshop.path("new.act")).unwrap();
    let piped = workshop.command(&args).stdin(input()).output().unwrap();
    assert!(piped.status.success());
    assert_eq!(names_in(workshop.dir.path()), before);
    let args = [&args[..], &["--checkpoint", "kept"]].concat();
    let kept = workshop.command(&args).stdin(input()).output().unwrap();
    assert_eq!(kept.stdout, piped.stdout);
    assert_eq!(names_in(workshop.dir.path()), before, "removed on success");
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
