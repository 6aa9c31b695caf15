//! A folder with stand-ins of the stages, and make that runs them.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use act_tests::{Ran, workspace};
use tempfile::TempDir;

/// The programs that make builds and installs, as the Makefile lists them.
fn programs() -> Vec<String> {
    let makefile = fs::read_to_string(workspace().join("Makefile")).expect("the Makefile");
    let mut lines = makefile.lines();
    let listed = lines.find_map(|line| line.strip_prefix("PROGRAMS := "));
    let listed = listed.expect("PROGRAMS in one line");
    listed.split(' ').map(str::to_string).collect()
}

/// Notes its words, writes every output empty, and fails if its words hold those in `FAIL`.
const STAND_IN: &str = r#"#!/bin/bash
said="${0##*/} $*"
echo "$said" >> "$LOG"
[ ! -p /dev/stdin ] || cat > /dev/null
while [ $# -gt 0 ]; do
  case $1 in
    -o) case $2 in
          */data) mkdir -p "$2" && : > "$2/train.json" ;;
          *) : > "$2" ;;
        esac ;;
    --report | --metrics) : > "$2" ;;
    --generate) mkdir -p "$2/man/man1" && : > "$2/man/man1/${0##*/}.1" ;;
  esac
  shift
done
[ -z "${FAIL:-}" ] || case $said in $FAIL) exit 1 ;; esac
"#;

/// Stand-ins of the stages and what they build.
pub struct Workshop {
    folder: TempDir,
    checkout: PathBuf,
    failing: String,
    environment: Vec<(String, String)>,
}

/// How make ended, and what it ran.
pub struct Made {
    pub ran: Ran,
    /// The stages' command lines, in the order in which they began.
    pub said: Vec<String>,
}

impl Workshop {
    /// In the checkout of this workspace.
    pub fn new() -> Self {
        Self::of(None)
    }

    /// In a checkout of its own with that name: the Makefile and the configurations.
    pub fn in_a_checkout(name: &str) -> Self {
        Self::of(Some(name))
    }

    fn of(checkout: Option<&str>) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let bin = folder.path().join("stages/release");
        fs::create_dir_all(&bin).expect("a folder");
        for stage in programs() {
            let path = bin.join(stage);
            fs::write(&path, STAND_IN).expect("a script");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a mode");
        }
        let mut workshop = Self {
            checkout: workspace().to_path_buf(),
            failing: String::new(),
            environment: Vec::new(),
            folder,
        };
        if let Some(name) = checkout {
            workshop.checkout = workshop.path(name);
            fs::create_dir(&workshop.checkout).expect("a folder");
            let copy = Command::new("cp")
                .args(["-r", "Makefile", "configs"])
                .arg(&workshop.checkout)
                .current_dir(workspace())
                .status();
            assert!(copy.expect("cp runs").success(), "the checkout was copied");
            symlink(workshop.path("stages"), workshop.checkout.join("target")).expect("a link");
        }
        workshop
    }

    /// Stages whose command line matches this pattern of the shell fail from now on.
    pub fn failing(&mut self, pattern: &str) {
        self.failing = pattern.to_string();
    }

    /// Sets a variable of the environment from now on.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.into(), value.into()));
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What make has built for a task by the small encoder's recipe on the sample corpus.
    pub fn built(&self, task: &str) -> PathBuf {
        self.path("build/sample").join(task)
    }

    /// Writes a file, and the folders that it is in.
    pub fn write(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, "").expect("a file");
        path
    }

    /// Runs make with these words; a `BUILD` among them goes before the workshop's.
    pub fn make(&self, words: &[&str]) -> Made {
        let log = self.path("log");
        fs::write(&log, "").expect("a file");
        let mut make = Command::new("make");
        if self.checkout == workspace() {
            make.arg(setting("CARGO_TARGET_DIR", &self.path("stages")));
        } else {
            make.env_remove("CARGO_TARGET_DIR");
        }
        let ran = make
            .args(["--no-print-directory", "CARGO=true"])
            .arg(setting("BUILD", &self.path("build")))
            .args(words)
            .current_dir(&self.checkout)
            .envs(self.environment.clone())
            .env("LOG", &log)
            .env("FAIL", &self.failing)
            .env_remove("MAKEFLAGS")
            .env_remove("MAKELEVEL")
            .output()
            .expect("make runs");
        let said = fs::read_to_string(&log).expect("the log");
        Made {
            ran: ran.into(),
            said: said.lines().map(str::to_string).collect(),
        }
    }
}

/// Writes a file anew, so that it is later than all that make has made. A file system's clock ticks a few
/// hundred times a second: what is written in the tick of a result has its time, and make redoes nothing.
pub fn change(path: &Path, text: &str) {
    let before = SystemTime::now();
    loop {
        fs::write(path, text).expect("written");
        let modified = fs::metadata(path).and_then(|m| m.modified());
        if modified.expect("a time") > before {
            return;
        }
    }
}

/// `NAME=PATH`, as make takes it.
pub fn setting(name: &str, path: &Path) -> String {
    format!("{name}={}", path.display())
}

impl Made {
    /// The stages that ran, sorted, once make has ended well.
    pub fn stages(self) -> Vec<String> {
        assert_eq!(self.ran.code, Some(0), "stderr: {}", self.ran.stderr);
        let first = |line: &String| line.split(' ').next().unwrap_or("").to_string();
        let mut stages: Vec<String> = self.said.iter().map(first).collect();
        stages.sort();
        stages
    }

    /// Whether a stage was called with all of these words in its line.
    pub fn has(&self, words: &[&str]) -> bool {
        let mut lines = self.said.iter();
        lines.any(|line| words.iter().all(|word| line.contains(word)))
    }

    /// Asserts that make refused before it did anything: exit code 2 and one line that holds the parts.
    pub fn refuses(self, parts: &[&str]) {
        assert_eq!(self.ran.code, Some(2), "stderr: {}", self.ran.stderr);
        assert_eq!(self.ran.stderr.lines().count(), 1, "{}", self.ran.stderr);
        for part in parts {
            assert!(self.ran.stderr.contains(part), "{}", self.ran.stderr);
        }
        assert!(self.said.is_empty(), "{:?}", self.said);
    }
}
