//! A folder in which a test runs a program: models, data, and what a refusal must leave alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use act_core::Artifact;
use tempfile::TempDir;

/// The folder, the program, and the flags that it is given unless a test gives others.
#[derive(Debug)]
pub struct Workshop {
    folder: TempDir,
    program: PathBuf,
    task: &'static str,
    defaults: &'static [(&'static str, &'static str)],
}

impl Workshop {
    /// An empty folder for a program (`env!("CARGO_BIN_EXE_..")`), its flags with their values, and
    /// data of a task.
    pub fn new(
        program: &str,
        task: &'static str,
        defaults: &'static [(&'static str, &'static str)],
    ) -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            program: program.into(),
            task,
            defaults,
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// Writes a model.
    pub fn save(&self, name: &str, model: &Artifact) {
        fs::write(self.path(name), model.to_bytes().expect("a model")).expect("written");
    }

    /// A folder of data with a train split of these texts and classes, `label 0` to `label 2`.
    pub fn write_data(&self, name: &str, examples: impl IntoIterator<Item = (String, usize)>) {
        let folder = self.path(name);
        fs::create_dir(&folder).expect("a folder");
        let lines: String = examples
            .into_iter()
            .map(|(text, class)| format!("{{\"text\":\"{text}\",\"label\":\"label {class}\"}}\n"))
            .collect();
        fs::write(folder.join("train.json"), lines).expect("written");
        let description = format!(
            r#"{{"task":"{}","columns":{{"text":"text","label":"label"}},
            "labels":["label 0","label 1","label 2"],"hold_out":{{"dev":0}},"synthetic":true}}"#,
            self.task
        );
        fs::write(folder.join("act-dataset.json"), description).expect("written");
    }

    /// The program with these arguments and whichever of its own flags are not among them.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(self.folder()).args(arguments);
        for (flag, value) in self.defaults {
            if !arguments.contains(flag) {
                command.args([flag, value]);
            }
        }
        // What a program keeps for its user stays in the folder, too.
        command.env("XDG_CACHE_HOME", self.path("cache"));
        command.stdin(Stdio::null());
        command
    }

    /// Runs it.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the program runs")
    }

    /// Runs it with the words of a line, asserts that it ends with `code`, and returns what it told.
    pub fn ends(&self, code: i32, line: &str) -> String {
        let output = self.run(&line.split_whitespace().collect::<Vec<_>>());
        let told = String::from_utf8(output.stderr).expect("messages are UTF-8");
        assert_eq!(output.status.code(), Some(code), "{line}: {told}");
        assert!(!told.contains("panicked"), "{line}: {told}");
        told
    }

    /// Asserts that a line, with an output where it names none, ends with `code` and one line that
    /// holds all `parts`, and leaves the folder as it was. Warnings may come before.
    pub fn refuses(&self, code: i32, line: &str, parts: &[&str]) {
        let before = self.listing();
        let output = if line.contains("-o ") {
            ""
        } else {
            "-o out.act"
        };
        let told = self.ends(code, &format!("{line} {output} -q"));
        let error = told.lines().last().unwrap_or_default();
        let program = self.program.file_name().unwrap_or_default();
        let name = format!("{}: ", program.to_string_lossy());
        assert!(error.starts_with(&name), "{line}: {told}");
        for part in parts {
            assert!(error.contains(part), "{line}: no {part:?} in {told}");
        }
        assert_eq!(self.listing(), before, "{line}: something was left behind");
    }

    /// Names and contents of all files.
    fn listing(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let entries = fs::read_dir(self.folder()).expect("the folder is readable");
        let mut files: Vec<_> = entries
            .map(|entry| entry.expect("an entry").path())
            .map(|path| (path.clone(), fs::read(path).unwrap_or_default()))
            .collect();
        files.sort();
        files
    }
}
