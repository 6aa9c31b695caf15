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
        let config = "TrainConfig: {epochs: 2, learning_rate: 0.005, batch_size: 16}\n";
        fs::write(dir.path().join("toy.yaml"), config).unwrap();
        let workshop = Self { dir };
        workshop.write_data("data", toy::examples(200));
        workshop.save("new.act", &toy::model(1));
        workshop
    }

    /// A train split of these texts and classes.
    pub fn write_data(&self, name: &str, examples: impl IntoIterator<Item = (String, usize)>) {
        let folder = self.path(name);
        fs::create_dir(&folder).unwrap();
        let examples = examples.into_iter();
        let lines: String = examples
            .map(|(text, class)| format!("{{\"text\":\"{text}\",\"label\":\"label {class}\"}}\n"))
            .collect();
        fs::write(folder.join("train.json"), lines).unwrap();
        let description = r#"{"task":"toy","columns":{"text":"text","label":"label"},
            "labels":["label 0","label 1","label 2"],"synthetic":true}"#;
        fs::write(folder.join("act-dataset.json"), description).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn save(&self, name: &str, artifact: &Artifact) {
        fs::write(self.path(name), artifact.to_bytes().unwrap()).unwrap();
    }

    /// The program on `data` with `toy.yaml`, unless the arguments name others.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_act-distill"));
        command.current_dir(self.dir.path()).args(args);
        for (flag, value) in [("--data", "data"), ("-c", "toy.yaml")] {
            if !args.contains(&flag) {
                command.args([flag, value]);
            }
        }
        command.stdin(Stdio::null());
        command
    }

    pub fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Asserts that a line ends with `code`, and returns what it told.
    pub fn ends(&self, code: i32, line: &str) -> String {
        let args: Vec<&str> = line.split_whitespace().collect();
        let output = self.run(&args);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{line}: {told}");
        assert!(!told.contains("panicked"), "{line}: {told}");
        told
    }

    /// Asserts that a line ends with `code` and one line that holds all `parts`, and leaves the folder
    /// as it was. Warnings may come before.
    pub fn refuses(&self, code: i32, line: &str, parts: &[&str]) {
        let before = self.listing();
        let output = match line.contains("-o ") {
            true => "",
            false => "-o out.act",
        };
        let told = self.ends(code, &format!("{line} {output} -q"));
        let error = told.lines().last().unwrap();
        assert!(error.starts_with("act-distill: "), "{line}: {told}");
        for part in parts {
            assert!(error.contains(part), "{line}: no {part:?} in {told}");
        }
        assert_eq!(self.listing(), before, "{line}: something was left behind");
    }

    /// Names and contents of all files.
    fn listing(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        for entry in fs::read_dir(self.dir.path()).unwrap() {
            let path = entry.unwrap().path();
            files.push((path.clone(), fs::read(&path).unwrap_or_default()));
        }
        files.sort();
        files
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
