//! Artifacts through files, pipes and terminals.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use act_core::testing::{TinyOptions, tiny_artifact};

use super::{assert_line, kill, piped, probe, stderr};

fn model(dir: &Path) -> PathBuf {
    let path = dir.join("model.act");
    let bytes = tiny_artifact(1, &TinyOptions::default())
        .to_bytes()
        .unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn files_and_pipes_carry_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let model = model(dir.path());
    let (copy, report) = (dir.path().join("copy.act"), dir.path().join("report.json"));
    let output = probe(&[text(&model), "-o", text(&copy), "--report", text(&report)])
        .output()
        .unwrap();
    assert_line(
        &output,
        0,
        &format!("act-probe: wrote {}: ", copy.display()),
    );
    let bytes = fs::read(&model).unwrap();
    assert_eq!(fs::read(&copy).unwrap(), bytes);
    let report: serde_json::Value = serde_json::from_slice(&fs::read(report).unwrap()).unwrap();
    assert_eq!(report["schema"], 1);
    assert_eq!(report["stage"], "act-probe");
    assert_eq!(report["model"]["bytes"], bytes.len());
    assert!(report["wall_s"].as_f64().unwrap() > 0.0);

    let output = piped(&["-"], &bytes);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(output.stdout, bytes);
    let output = piped(&["/dev/stdin"], &bytes);
    assert_eq!(output.stdout, bytes);
    assert_eq!(
        fs::read_dir(dir.path()).unwrap().count(),
        3,
        "no temporary file is left"
    );
}

#[test]
fn an_artifact_is_not_replaced_by_what_is_made_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let model = model(dir.path());
    let bytes = fs::read(&model).unwrap();
    let link = dir.path().join("link.act");
    std::os::unix::fs::symlink(&model, &link).unwrap();
    for (input, output) in [(&model, &model), (&model, &link), (&link, &model)] {
        let ran = probe(&[text(input), "-o", text(output)]).output().unwrap();
        assert_line(&ran, 2, &format!("act-probe: {}: is read", model.display()));
    }
    assert_eq!(fs::read(&model).unwrap(), bytes);
    // An older result may be replaced, and a stream has no name to compare.
    let copy = dir.path().join("copy.act");
    for _ in 0..2 {
        let ran = probe(&[text(&model), "-o", text(&copy)]).output().unwrap();
        assert_eq!(ran.status.code(), Some(0), "{}", stderr(&ran));
    }
    assert_eq!(
        piped(&["-", "-o", text(&copy)], &bytes).status.code(),
        Some(0)
    );
}

#[test]
fn inputs_that_are_no_artifact_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let out = dir.path().join("out.act");
    let read = |path: &str| probe(&[path, "-o", text(&out)]).output().unwrap();
    let (empty, words) = (
        file("empty.act", b""),
        file("words.act", b"Dear model, please classify.\n"),
    );
    assert_line(
        &read("/nowhere.act"),
        2,
        "act-probe: /nowhere.act: No such file",
    );
    assert_line(
        &read(text(dir.path())),
        2,
        &format!("act-probe: {}: is a directory", dir.path().display()),
    );
    assert_line(
        &read(text(&empty)),
        3,
        &format!("act-probe: {}: empty file", empty.display()),
    );
    assert_line(
        &read(text(&words)),
        3,
        &format!("act-probe: {}: ", words.display()),
    );
    let cut = fs::read(model(dir.path())).unwrap();
    let cut = file("cut.act", &cut[..cut.len() / 2]);
    assert_line(
        &read(text(&cut)),
        3,
        &format!("act-probe: {}: ", cut.display()),
    );
    assert!(!out.exists());
}

#[test]
fn an_empty_pipe_means_that_the_stage_before_failed() {
    assert_line(
        &piped(&[], b""),
        3,
        "act-probe: standard input is empty: the stage before it failed\n",
    );
    assert_line(
        &piped(&[], b"not an artifact at all"),
        3,
        "act-probe: standard input: ",
    );
    let probe = env!("CARGO_BIN_EXE_act-probe");
    let script =
        format!("set -o pipefail; '{probe}' --act failed | '{probe}' | '{probe}' >/dev/null");
    let output = Command::new("bash").args(["-c", &script]).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let lines = stderr(&output);
    assert_eq!(lines.lines().count(), 3, "{lines}");
    assert!(lines.contains("act-probe: diverged\n"));
}

#[test]
fn an_artifact_that_its_reader_did_not_take_is_a_failure() {
    // Larger than a pipe holds, so that the write cannot be over before the reader is gone.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("large.act");
    let options = TinyOptions {
        vocab_size: 20_000,
        ..TinyOptions::default()
    };
    let bytes = tiny_artifact(1, &options).to_bytes().unwrap();
    assert!(bytes.len() > 500_000);
    fs::write(&path, bytes).unwrap();
    let mut child = probe(&[text(&path)])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_line(
        &child.wait_with_output().unwrap(),
        1,
        "act-probe: standard output: ",
    );
}

#[test]
fn a_read_that_waits_is_interrupted_at_once() {
    let mut child = probe(&["-v"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let kept_open = child.stdin.take();
    std::thread::sleep(Duration::from_millis(300));
    kill("-INT", &child);
    assert_line(
        &child.wait_with_output().unwrap(),
        130,
        "act-probe: interrupted\n",
    );
    drop(kept_open);
}

/// `script` gives a program a terminal; without it there is none to refuse.
#[test]
fn terminals_neither_give_nor_take_artifacts() {
    let dir = tempfile::tempdir().unwrap();
    let on_terminal = |command: String| {
        let output = Command::new("script")
            .args(["-qec", &command, "/dev/null"])
            .stdin(Stdio::null())
            .output()
            .ok()?;
        Some((
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
        ))
    };
    let probe = env!("CARGO_BIN_EXE_act-probe");
    let Some((code, said)) = on_terminal(format!("'{probe}' '{}'", text(&model(dir.path()))))
    else {
        return;
    };
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("artifacts are not written to a terminal"),
        "{said}"
    );
    let (code, said) = on_terminal(format!("'{probe}' -o /dev/null")).unwrap();
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("no input: give an artifact"), "{said}");
}

#[test]
fn what_a_killed_writer_left_is_taken_away_by_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let model = model(dir.path());
    let make = |name: &str, age: u64| {
        let path = dir.path().join(name);
        let file = fs::File::create(&path).unwrap();
        let written = std::time::SystemTime::now() - Duration::from_secs(age);
        file.set_modified(written).unwrap();
        (path, file)
    };
    let dead = make(".copy.actaBc123.tmp", 3600).0;
    let (alive, held) = make(".copy.actaBc124.tmp", 3600);
    held.lock().unwrap();
    let kept = [
        alive,
        make(".copy.actaBc125.tmp", 0).0,
        make(".copy.act-notes.tmp", 3600).0,
        make(".other.actaBc123.tmp", 3600).0,
    ];
    let copy = dir.path().join("copy.act");
    let output = probe(&[text(&model), "-o", text(&copy)]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(!dead.exists() && copy.exists());
    for path in kept {
        assert!(path.exists(), "{}", path.display());
    }
}

#[cfg(unix)]
#[test]
fn a_limit_of_file_sizes_is_a_failure_that_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("file");
    let command = format!(
        "ulimit -f 10; exec '{}' --act file -o '{}'",
        env!("CARGO_BIN_EXE_act-probe"),
        target.display()
    );
    let output = Command::new("sh").args(["-c", &command]).output().unwrap();
    assert_line(&output, 1, "act-probe: ");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn an_artifact_for_a_closed_standard_output_is_a_failure() {
    let dir = tempfile::tempdir().unwrap();
    let run = |redirection: &str| {
        let probe = env!("CARGO_BIN_EXE_act-probe");
        let command = format!(
            "exec '{probe}' '{}' {redirection}",
            text(&model(dir.path()))
        );
        Command::new("sh").args(["-c", &command]).output().unwrap()
    };
    assert_line(&run(">&-"), 1, "act-probe: standard output is closed: ");
    // Somebody who asks for it may throw a model away.
    assert_eq!(run("> /dev/null").status.code(), Some(0));
}
