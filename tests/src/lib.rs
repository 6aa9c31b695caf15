//! What the tests across crates share: the stage binaries as a user runs them, and a tiny sample
//! corpus with a tiny model, made once a process.

#[path = "../../act-core/tests/artifact/allocation.rs"]
pub mod allocation;
pub mod untrusted;

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use act_core::BuiltIn;
use tempfile::TempDir;

/// A stage binary of this build; builds them all on the first call.
pub fn bin(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let folder = BUILT.get_or_init(|| {
        let status = Command::new(env!("CARGO"))
            .args(["build", "--release", "--workspace", "--bins", "--quiet"])
            .current_dir(workspace())
            .status()
            .expect("cargo runs");
        assert!(status.success(), "the stage binaries do not build");
        target_dir().join("release")
    });
    folder.join(name)
}

/// The tasks that `make clue` goes through.
pub fn clue() -> Vec<&'static str> {
    let tasks = BuiltIn::ALL.into_iter().filter(|task| task.is_clue());
    tasks.map(BuiltIn::name).collect()
}

/// Says that something was not tested, past the harness, which shows the output of failing tests only.
pub fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

/// Root of the workspace.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ has a parent")
}

/// Files of the workspace with one of these endings, without what was built.
pub fn files(endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![workspace().to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder is readable") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if path.is_dir() && !name.starts_with('.') && !["target", "build"].contains(&&*name) {
                folders.push(path);
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(path);
            }
        }
    }
    found
}

fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| workspace().join("target"), |dir| workspace().join(dir))
}

/// How a program ended.
pub struct Ran {
    /// Exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error as text.
    pub stderr: String,
}

impl From<Output> for Ran {
    fn from(o: Output) -> Self {
        Self {
            code: o.status.code(),
            stdout: o.stdout,
            stderr: String::from_utf8_lossy(&o.stderr).into_owned(),
        }
    }
}

impl Ran {
    /// The last line that a stage has said.
    pub fn complaint(&self) -> &str {
        self.stderr
            .lines()
            .rfind(|l| l.starts_with("act-"))
            .unwrap_or("")
    }

    /// Asserts success and returns standard output as text.
    pub fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "stderr: {}", self.stderr);
        String::from_utf8(self.stdout).expect("output is UTF-8")
    }

    /// Asserts an exit code and that the last line a stage has said holds every part (a usage error
    /// is followed by clap's hint at `--help`).
    pub fn complains(self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, Some(code), "stderr: {}", self.stderr);
        let complaint = self.complaint();
        for part in parts {
            assert!(complaint.contains(part), "no {part:?} in: {}", self.stderr);
        }
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        assert!(!self.stderr.contains("RUST_BACKTRACE"), "{}", self.stderr);
    }
}

/// Runs a stage without standard input.
pub fn run(name: &str, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Ran {
    Command::new(bin(name))
        .args(args)
        .stdin(Stdio::null())
        .output()
        .expect("the stage runs")
        .into()
}

/// Runs a line of bash with `pipefail` and the stages on the path.
pub fn bash(folder: &Path, line: &str) -> Ran {
    let path = std::env::var("PATH").unwrap_or_default();
    Command::new("bash")
        .args(["-o", "pipefail", "-c", line])
        .current_dir(folder)
        .env("PATH", format!("{}:{path}", bin("").display()))
        .stdin(Stdio::null())
        .output()
        .expect("bash runs")
        .into()
}

/// A folder with a small sample corpus (`data/`), a configuration that trains for a few seconds
/// (`tiny.yaml`) and a trained base model (`base.act`).
pub struct Fixture {
    folder: TempDir,
}

/// The configuration of the fixture.
pub const TINY_CONFIG: &str = "\
TrainConfig:
  epochs: 1
  learning_rate: 1.0e-3
  logging_iter: 10
Prune:
  pruned_ratio: 0.25
  calibration_examples: 64
QuantPost:
  batch_nums: 2
";

impl Fixture {
    /// Makes the corpus and trains the base model.
    pub fn new() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        fs::write(folder.path().join("tiny.yaml"), TINY_CONFIG).expect("config is written");
        let line = "act-data sample afqmc -o data --train 400 --dev 100 && \
                    act-convert new --layers 2 --hidden 32 --heads 4 --data data --task afqmc | \
                    act-distill -c tiny.yaml --data data -o base.act";
        bash(folder.path(), line).ok();
        Self { folder }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Names of everything in the folder, to see that nothing is left behind.
    pub fn listing(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.path())
            .expect("the folder is readable")
            .map(|e| {
                e.expect("an entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        names.sort();
        names
    }
}

impl Default for Fixture {
    fn default() -> Self {
        Self::new()
    }
}

/// `model_digest` of an artifact file, in hexadecimal.
pub fn digest(path: &Path) -> String {
    let artifact = act_core::Artifact::open(path).expect("the artifact opens");
    artifact
        .model_digest()
        .expect("it has a digest")
        .to_string()
}
