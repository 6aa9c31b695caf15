//! `act-convert new` itself: exit codes, one-line errors, equal bytes for equal seeds.

use std::fs;
use std::process::{Command, Output, Stdio};

use act_core::{Activation, Artifact, Family};
use tempfile::TempDir;

/// A folder with data, and the arguments of a small model of it.
struct Workshop {
    dir: TempDir,
}

const SHAPE: [&str; 6] = ["--layers", "2", "--hidden", "16", "--heads", "4"];

impl Workshop {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        fs::create_dir(&data).unwrap();
        let texts = ["花呗还款", "借款还款", "花呗 app 借款"];
        let line = |i: usize| {
            let (text, label) = (texts[i % 3], i % 2);
            format!("{{\"text\":\"{text}\",\"label\":\"label {label}\"}}\n")
        };
        fs::write(
            data.join("train.json"),
            (0..6).map(line).collect::<String>(),
        )
        .unwrap();
        let description = r#"{"task":"tiny","columns":{"text":"text","label":"label"},
            "labels":["label 0","label 1"],"synthetic":true}"#;
        fs::write(data.join("act-dataset.json"), description).unwrap();
        fs::write(
            dir.path().join("vocab.txt"),
            "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n花\n",
        )
        .unwrap();
        Self { dir }
    }

    fn run(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_act-convert"))
            .current_dir(self.dir.path())
            .args(["new", "--data", "data"])
            .args(args)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Makes a model of [`SHAPE`] with more arguments.
    fn make(&self, args: &[&str]) -> Vec<u8> {
        let output = self.run(&[&SHAPE[..], args].concat());
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        output.stdout
    }

    /// Expects exit code 2 and one line with `words` in it.
    fn rejects(&self, args: &[&str], words: &str) {
        let output = self.run(args);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
        assert!(stderr.contains(words), "{args:?}: {stderr}");
        assert!(output.stdout.is_empty() && !self.dir.path().join("new.act").exists());
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let workshop = Workshop::new();
    let model = workshop.make(&["--seed", "1"]);
    assert!(model == workshop.make(&["--seed", "1"]));
    assert!(model != workshop.make(&["--seed", "2"]));
}

#[test]
fn the_model_is_what_was_asked_for() {
    let workshop = Workshop::new();
    let model = Artifact::read(&workshop.make(&[])[..]).unwrap();
    assert_eq!(
        (
            model.plan.layers.len(),
            model.plan.layers[0].intermediate_size
        ),
        (2, 64)
    );
    assert_eq!(
        (model.task.name.as_str(), model.task.max_seq_length),
        ("tiny", 128)
    );
    assert_eq!(model.task.labels, ["label 0", "label 1"]);
    assert!(
        model
            .tokenizer
            .word_piece()
            .unwrap()
            .tokens()
            .any(|token| token == "花")
    );
    assert!(model.synthetic());

    let args = "--intermediate 24 --max-seq-length 32 --family ernie --activation relu \
                --vocab vocab.txt";
    let args: Vec<&str> = args.split_whitespace().collect();
    let model = Artifact::read(&workshop.make(&args)[..]).unwrap();
    assert_eq!(
        (
            model.plan.embeddings.vocab_size,
            model.plan.embeddings.longest
        ),
        (6, 32)
    );
    assert_eq!(
        (model.plan.family, model.plan.block.activation),
        (Family::Ernie, Activation::Relu)
    );
    assert_eq!(model.plan.layers[1].intermediate_size, 24);
}

#[test]
fn mistakes_exit_with_2_and_say_what_to_mend() {
    let workshop = Workshop::new();
    fs::write(workshop.dir.path().join("latin1.txt"), b"\xe9t\xe9\n").unwrap();
    let with = |args: &[&'static str]| [&SHAPE[..], &["-o", "new.act"], args].concat();
    workshop.rejects(&["--hidden", "16", "--heads", "4"], "--layers");
    workshop.rejects(
        &["--layers", "2", "--hidden", "16", "--heads", "3"],
        "--hidden 16 is not a multiple of --heads 3",
    );
    workshop.rejects(
        &["--layers", "0", "--hidden", "16", "--heads", "4"],
        "--layers is 0",
    );
    workshop.rejects(&["--layers", "-1", "--hidden", "16", "--heads", "4"], "-1");
    workshop.rejects(&with(&["--max-seq-length", "2"]), "--max-seq-length is 2");
    workshop.rejects(
        &with(&["--family", "gpt"]),
        "[possible values: bert, ernie]",
    );
    workshop.rejects(
        &with(&["--activation", "tanh"]),
        "[possible values: gelu, relu, gelu_new]",
    );
    workshop.rejects(&with(&["--task", "no-such-task"]), "no-such-task");
    workshop.rejects(&with(&["--vocab", "missing.txt"]), "missing.txt");
    workshop.rejects(&with(&["--vocab", "data/train.json"]), "data/train.json");
    workshop.rejects(&with(&["--vocab", "latin1.txt"]), "latin1.txt: not UTF-8");
    workshop.rejects(
        &with(&["--set", "Global.max_seq_length=2"]),
        "Global.max_seq_length",
    );
}
