//! `act-convert export` itself: exit codes, one-line errors, whole files or none.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use act_convert::onnx::{self, ActivationType};
use act_core::Artifact;
use act_core::testing::{TinyInt8, TinyOptions, tiny_artifact};
use tempfile::TempDir;

/// A folder with an artifact in it.
struct Workshop {
    dir: TempDir,
    artifact: Artifact,
}

impl Workshop {
    fn new(int8: Option<TinyInt8>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let options = TinyOptions {
            int8,
            ..TinyOptions::default()
        };
        let artifact = tiny_artifact(1, &options);
        fs::write(dir.path().join("m.act"), artifact.to_bytes().unwrap()).unwrap();
        Self { dir, artifact }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn run(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_act-convert"))
            .current_dir(self.dir.path())
            .arg("export")
            .args(args)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Expects success; gives back what was logged.
    fn export(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let log = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && output.stdout.is_empty(), "{log}");
        log
    }

    /// Expects an exit code and one line with `words` in it, and no new file.
    fn rejects(&self, args: &[&str], code: i32, words: &str) {
        let before = fs::read_dir(self.dir.path()).unwrap().count();
        let output = self.run(args);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
        assert!(stderr.contains(words), "{args:?}: {stderr}");
        let after = fs::read_dir(self.dir.path()).unwrap().count();
        assert_eq!(before, after, "{args:?}");
    }
}

#[test]
fn the_file_is_what_the_library_makes() {
    let workshop = Workshop::new(Some(TinyInt8::default()));
    for (name, activations) in [
        ("int8", ActivationType::Int8),
        ("uint8", ActivationType::Uint8),
    ] {
        let log = workshop.export(&["m.act", "-o", "m.onnx", "--activations", name]);
        assert!(log.contains("wrote m.onnx"), "{log}");
        let expected = onnx::export(&workshop.artifact, activations).unwrap();
        assert!(fs::read(workshop.path("m.onnx")).unwrap() == expected.bytes);
    }
    workshop.export(&["m.act", "-o", "report.ONNX", "--report", "r.json"]);
    assert!(workshop.path("r.json").is_file());
}

/// What optimum reads: the graph, the labels, and the way from text to ids, of an int8 model too.
#[test]
fn a_folder_may_hold_the_graph() {
    let workshop = Workshop::new(Some(TinyInt8::default()));
    let log = workshop.export(&["m.act", "-o", "out/", "--onnx"]);
    assert!(log.contains("wrote out/"), "{log}");
    let read = |name: &str| fs::read(workshop.path("out").join(name)).unwrap();
    let expected = onnx::export(&workshop.artifact, ActivationType::Int8).unwrap();
    assert!(read("model.onnx") == expected.bytes);
    let json = |name: &str| serde_json::from_slice::<serde_json::Value>(&read(name)).unwrap();
    let labels = workshop.artifact.task.labels.clone();
    assert_eq!(json("config.json")["id2label"]["1"], labels[1].as_str());
    assert_eq!(
        json("tokenizer_config.json")["tokenizer_class"],
        "BertTokenizer"
    );
    assert_eq!(json("tokenizer.json")["model"]["type"], "WordPiece");
    workshop.rejects(
        &["m.act", "-o", "out/", "--onnx"],
        2,
        "out/ is there already",
    );
    workshop.rejects(
        &["m.act", "-o", "n.onnx", "--onnx"],
        2,
        "--onnx: is for a folder",
    );
}

#[test]
fn layers_that_cannot_be_expressed_are_listed() {
    let workshop = Workshop::new(Some(TinyInt8 {
        dynamic: true,
        ..TinyInt8::default()
    }));
    let log = workshop.export(&["m.act", "-o", "m.onnx"]);
    assert!(log.contains("warning: 14 layers compute in float"), "{log}");
    assert!(log.contains("layer.1.attention.output, "), "{log}");
}

#[test]
fn mistakes_are_named_and_leave_no_file() {
    let workshop = Workshop::new(None);
    workshop.rejects(&["m.act"], 2, "--output");
    workshop.rejects(&["m.act", "-o", "m.pt"], 2, "m.pt: the name's ending");
    workshop.rejects(&["m.act", "-o", "-"], 2, "the name's ending");
    workshop.rejects(&["m.act", "-o", "no/m.onnx"], 2, "no/m.onnx");
    workshop.rejects(&["missing.act", "-o", "m.onnx"], 2, "missing.act");
    fs::write(workshop.path("text.act"), "not a model").unwrap();
    workshop.rejects(&["text.act", "-o", "m.onnx"], 3, "text.act");
}
