//! `kill -9` to the whole of `make -j2 clue`, again and again: the run that is let alone ends with
//! the models of a run that nobody disturbed. Takes a minute or two, so it is asked for:
//! `cargo test --release -p act-tests --test make_killed -- --ignored`.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use act_tests::{bin, clue, digest, workspace};
use tempfile::TempDir;

const ARTIFACTS: [&str; 4] = ["base.act", "pruned.act", "student.act", "int8.act"];

/// `make -j2 clue` in a process group of its own, tiny encoders on tiny sample corpora.
fn make_clue(build: &Path) -> Command {
    let mut make = Command::new("make");
    make.args([
        "--no-print-directory",
        "-j2",
        "clue",
        "LAYERS=2",
        "HIDDEN=32",
    ])
    .args([
        "SAMPLE_FLAGS=--train 1000 --dev 100",
        "REPORT_FLAGS=--seconds 0.2",
    ])
    .arg(format!("BUILD={}", build.display()))
    .current_dir(workspace())
    .stdin(Stdio::null())
    .stdout(Stdio::null())
    .stderr(Stdio::null())
    .process_group(0);
    make
}

fn artifacts(build: &Path) -> impl Iterator<Item = std::path::PathBuf> {
    let tasks = clue()
        .into_iter()
        .map(move |task| build.join("sample").join(task));
    tasks.flat_map(|task| ARTIFACTS.map(|name| task.join(name)))
}

fn made(build: &Path) -> usize {
    artifacts(build).filter(|path| path.exists()).count()
}

fn finishes(build: &Path) {
    let ran = make_clue(build)
        .stderr(Stdio::piped())
        .output()
        .expect("make runs");
    let errors = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "make clue: {errors}");
}

/// Kills make and all that it has started once so many artifacts are there, then a little later.
fn killed(build: &Path, artifacts: usize, later: Duration) {
    let mut make = make_clue(build).spawn().expect("make starts");
    let deadline = Instant::now() + Duration::from_secs(300);
    while made(build) < artifacts {
        assert!(Instant::now() < deadline, "no {artifacts} artifacts");
        let ended = make.try_wait().expect("wait");
        assert!(ended.is_none(), "make had ended before the signal");
        sleep(Duration::from_millis(5));
    }
    sleep(later);
    let group = format!("-{}", make.id());
    let sent = Command::new("kill").args(["-9", "--", &group]).status();
    assert!(
        sent.is_ok_and(|s| s.success()),
        "make had ended before the signal"
    );
    make.wait().expect("wait");
}

#[test]
#[ignore = "a minute or two"]
fn a_killed_clue_goes_on_to_the_same_models() {
    bin("act-eval");
    let folder = TempDir::new().expect("a temporary folder");
    let [whole, broken] = ["whole", "broken"].map(|name| folder.path().join(name));
    finishes(&whole);
    for (artifacts, later) in [
        (0, 300),
        (1, 10),
        (4, 150),
        (9, 0),
        (14, 60),
        (20, 250),
        (25, 5),
    ] {
        killed(&broken, artifacts, Duration::from_millis(later));
    }
    finishes(&broken);
    for (one, other) in artifacts(&whole).zip(artifacts(&broken)) {
        assert_eq!(digest(&one), digest(&other), "{}", other.display());
        let same = fs::read(&one).expect("read") == fs::read(&other).expect("read");
        assert!(same, "{}: not byte for byte", other.display());
    }
}
