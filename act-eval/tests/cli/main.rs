//! The program as its users meet it: tiny models on disk, a tiny data set, and what comes out of
//! stdout, stderr and the exit code.

mod accuracy;
mod bench;
mod inspect;
mod mistakes;
mod predict;
mod problems;
mod report;

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use act_core::Artifact;
use act_core::provenance::{DataRecord, Digest, StageRecord};
use act_core::testing::{TinyInt8, TinyOptions, tiny_artifact};
use serde_json::Value;
use tempfile::TempDir;

/// A folder with `base.act`, `int8.act` (its rounded twin, made from the synthetic corpus) and a
/// data set in AFQMC's format.
struct Workplace(TempDir);

impl Workplace {
    fn new() -> Self {
        let dir = Self(TempDir::new().unwrap());
        let float = TinyOptions {
            num_labels: 2,
            ..TinyOptions::default()
        };
        let int8 = TinyOptions {
            int8: Some(TinyInt8::default()),
            ..float.clone()
        };
        dir.save("base.act", afqmc(tiny_artifact(1, &float)));
        let mut rounded = afqmc(tiny_artifact(1, &int8));
        let mut record = StageRecord::new("act-distill", 42);
        record.data.push(DataRecord {
            name: "afqmc/train".into(),
            digest: Digest([7; 32]),
            examples: 100,
            synthetic: true,
        });
        rounded.provenance.push(record);
        dir.save("int8.act", rounded);
        std::fs::create_dir(dir.path("afqmc")).unwrap();
        let lines: String = (0..50)
            .map(|i| {
                let label = usize::from(i % 3 == 0);
                let more = "花呗还款".repeat(i % 4);
                format!(
                    "{{\"sentence1\":\"花呗{i}{more}\",\"sentence2\":\"借{i}\",\
                     \"label\":\"{label}\"}}\n"
                )
            })
            .collect();
        std::fs::write(dir.path("afqmc/dev.json"), lines).unwrap();
        dir
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn artifact(&self, name: &str) -> Artifact {
        Artifact::open(self.path(name)).unwrap()
    }

    fn save(&self, name: &str, artifact: Artifact) {
        std::fs::write(self.path(name), artifact.to_bytes().unwrap()).unwrap();
    }

    /// Runs `act-eval` here, words split at blanks.
    fn run(&self, arguments: &str) -> Output {
        self.run_with(arguments, b"")
    }

    fn run_with(&self, arguments: &str, stdin: &[u8]) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_act-eval"))
            .args(arguments.split_whitespace())
            .current_dir(self.0.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pipe = child.stdin.take().unwrap();
        let bytes = stdin.to_vec();
        // A program that refuses its arguments never reads.
        let writer = std::thread::spawn(move || drop(pipe.write_all(&bytes)));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        output
    }

    /// What a run prints, if it ends well.
    fn stdout(&self, arguments: &str) -> String {
        text_of(self.run(arguments))
    }

    fn json(&self, arguments: &str) -> Value {
        serde_json::from_str(&self.stdout(arguments)).unwrap()
    }
}

fn afqmc(mut artifact: Artifact) -> Artifact {
    artifact.task.name = "afqmc".into();
    artifact.task.labels = vec!["0".into(), "1".into()];
    artifact
}

fn text_of(output: Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{}: {errors}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// The exit code and the one line on stderr.
fn refusal(output: Output) -> (i32, String) {
    let errors = String::from_utf8(output.stderr).unwrap();
    let line = errors.lines().last().unwrap_or_default().to_string();
    (output.status.code().unwrap(), line)
}
