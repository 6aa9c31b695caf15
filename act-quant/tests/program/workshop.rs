//! A folder with models and data, and the program run in it.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use act_core::testing::{CHARACTERS, TinyInt8, TinyOptions, tiny_artifact};
use act_core::{Artifact, LayerPlan, Linear, Tensor};
use serde_json::Value;
use tempfile::TempDir;

/// The folder: `float.act`, `int8.act`, and `data` for both.
pub struct Workshop {
    pub dir: TempDir,
}

/// How a run ended.
pub struct Ran {
    pub code: Option<i32>,
    pub told: String,
}

impl Workshop {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let workshop = Self { dir };
        workshop.write_data("data", texts(93));
        workshop.save("float.act", &float());
        let int8 = TinyOptions {
            int8: Some(TinyInt8::default()),
            ..TinyOptions::default()
        };
        workshop.save("int8.act", &tiny_artifact(1, &int8));
        workshop
    }

    /// A train split of these texts, classes in turn.
    pub fn write_data(&self, name: &str, texts: impl IntoIterator<Item = String>) {
        let folder = self.path(name);
        fs::create_dir(&folder).unwrap();
        let line = |(i, text): (usize, String)| {
            format!("{{\"text\":\"{text}\",\"label\":\"label {}\"}}\n", i % 3)
        };
        let lines: String = texts.into_iter().enumerate().map(line).collect();
        fs::write(folder.join("train.json"), lines).unwrap();
        let description = r#"{"task":"tiny","columns":{"text":"text","label":"label"},
            "labels":["label 0","label 1","label 2"],"synthetic":true}"#;
        fs::write(folder.join("act-dataset.json"), description).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn save(&self, name: &str, model: &Artifact) {
        fs::write(self.path(name), model.to_bytes().unwrap()).unwrap();
    }

    pub fn report(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.path(name)).unwrap()).unwrap()
    }

    /// The program with the arguments of a line.
    pub fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_act-quant"));
        command.current_dir(self.dir.path());
        command.args(line.split_whitespace()).stdin(Stdio::null());
        command
    }

    /// Runs it on `data`, unless the line names other data, into `out.act`, unless it names another.
    pub fn run(&self, line: &str) -> Ran {
        let mut command = self.command(line);
        if !line.contains("--data") {
            command.args(["--data", "data"]);
        }
        if !line.contains("-o ") {
            command.args(["-o", "out.act"]);
        }
        let output = command.output().unwrap();
        Ran {
            code: output.status.code(),
            told: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Asserts that a line ends with `code` and one line that holds all `parts`, and leaves the
    /// folder as it was. Warnings may come before.
    pub fn refuses(&self, code: i32, line: &str, parts: &[&str]) {
        let before = self.listing();
        let Ran { code: found, told } = self.run(&format!("{line} -q"));
        assert_eq!(found, Some(code), "{line}: {told}");
        let error = told.lines().last().unwrap();
        assert!(error.starts_with("act-quant: "), "{line}: {told}");
        for part in parts {
            assert!(error.contains(part), "{line}: no {part:?} in {told}");
        }
        assert!(!told.contains("panicked"), "{line}: {told}");
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

/// A random model that is sure of its answers, and gives more than one.
pub fn float() -> Artifact {
    let options = TinyOptions {
        hidden_size: 16,
        layers: vec![LayerPlan::full(2, 8, 32); 2],
        ..TinyOptions::default()
    };
    let mut model = tiny_artifact(3, &options);
    change(&mut model, Linear::Classifier.weight(), |_, w| 10.0 * w);
    model
}

/// Replaces each value of a tensor by what `f` makes of its index and itself.
pub fn change(model: &mut Artifact, name: String, f: impl Fn(usize, f32) -> f32) {
    let shape = model.params.get(&name).unwrap().shape().to_vec();
    let values = model.params.f32(&name).unwrap().iter().enumerate();
    let values: Vec<f32> = values.map(|(i, &v)| f(i, v)).collect();
    model.params.insert(name, Tensor::f32(shape, values));
}

/// That many texts, all different, out of the tiny vocabulary.
pub fn texts(count: usize) -> impl Iterator<Item = String> {
    let characters: Vec<char> = CHARACTERS.chars().collect();
    (0..count).map(move |i| {
        let character = |j| characters[(i * 13 + j * (5 + i / 11)) % characters.len()];
        let text: String = (0..2 + i % 7).map(character).collect();
        format!("{text}{i}")
    })
}
