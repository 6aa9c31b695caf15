//! What an interrupt or a kill leaves behind, and how the same command goes on from it.

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use act_stage::testing::Workshop;

use crate::program::workshop;
use crate::toy;

/// Starts a training that would last for hours, waits until it has done two steps, and gives what
/// it has told so far.
#[cfg(unix)]
fn endless(workshop: &Workshop, more: &[&str]) -> (Child, String) {
    let mut child = workshop
        .command(&["new.act", "-o", "a.act", "-v"])
        .args(["--set", "TrainConfig.epochs=1000000"])
        .args(["--set", "TrainConfig.logging_iter=1"])
        .args(more)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stderr = child.stderr.as_mut().unwrap();
    let (mut told, deadline) = (String::new(), Instant::now() + Duration::from_secs(60));
    let steps = |told: &str| told.lines().filter(|l| l.contains(": step ")).count();
    while steps(&told) < 2 && Instant::now() < deadline {
        let mut buffer = [0; 256];
        let n = stderr.read(&mut buffer).unwrap();
        assert!(n > 0, "it ended early: {told}");
        told += &String::from_utf8_lossy(&buffer[..n]);
    }
    (child, told)
}

#[cfg(unix)]
fn signal(child: &Child, name: &str) {
    let kill = Command::new("kill")
        .args([name, &child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
}

#[cfg(unix)]
fn names_in(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<_> = entries
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
#[cfg(unix)]
fn an_interrupt_ends_it_with_130_and_leaves_a_checkpoint_only() {
    let workshop = workshop();
    let mut expected = names_in(workshop.folder());
    let (mut child, _) = endless(&workshop, &[]);
    signal(&child, "-INT");
    let mut rest = String::new();
    let stderr = child.stderr.as_mut().unwrap();
    stderr.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest}");
    assert!(rest.contains("interrupted"), "{rest}");
    expected.push("a.act.ckpt".into());
    expected.sort();
    assert_eq!(names_in(workshop.folder()), expected);
}

#[test]
#[cfg(unix)]
fn a_kill_leaves_no_output() {
    let workshop = workshop();
    let before = names_in(workshop.folder());
    let (mut child, _) = endless(&workshop, &[]);
    signal(&child, "-KILL");
    assert_eq!(child.wait().unwrap().code(), None);
    assert_eq!(names_in(workshop.folder()), before);
}

/// A run of some seconds, with a checkpoint whenever one can be written.
const KEPT: &[&str] = &[
    "new.act",
    "-o",
    "a.act",
    "--teacher",
    "teacher.act",
    "--set",
    "Distillation.logits=1",
    "--set",
    "Distillation.hidden=1",
    "--set",
    "Distillation.relations=1",
    "--checkpoint-every",
    "0",
    "--metrics",
    "m.jsonl",
    "--report",
    "a.json",
    "--set",
    "TrainConfig.epochs=6",
    "--set",
    "TrainConfig.logging_iter=1",
    "--set",
    "TrainConfig.eval_iter=7",
];

#[test]
#[cfg(unix)]
fn a_killed_run_goes_on_and_ends_in_the_same_bytes() {
    let workshop = workshop();
    workshop.save("teacher.act", &toy::model(3));
    let whole = [KEPT, &["--set", "TrainConfig.seed=5"]].concat();
    let unbroken: Vec<&str> = whole
        .iter()
        .map(|word| if *word == "a.act" { "b.act" } else { word })
        .collect();
    let output = workshop.run(&unbroken);
    assert!(output.status.success());
    let report = |name: &str| -> serde_json::Value {
        serde_json::from_slice(&fs::read(workshop.path(name)).unwrap()).unwrap()
    };
    let expected = report("a.json")["training"]["losses"].clone();
    let told_lines = || {
        let told = fs::read_to_string(workshop.path("m.jsonl"));
        told.map_or(0, |told| told.lines().count())
    };
    let lines = told_lines();
    fs::remove_file(workshop.path("m.jsonl")).unwrap();
    let (mut kills, mut resumed) = (0, 0);
    // At moments that no step knows of: once before there is anything, then a sixth further each
    // time, however fast the machine is.
    let status = loop {
        let mut child = workshop.command(&whole);
        let mut child = child.stderr(Stdio::piped()).spawn().unwrap();
        while told_lines() < lines * kills / 6 && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        if kills < 6 && child.try_wait().unwrap().is_none() {
            signal(&child, "-KILL");
        }
        let mut told = String::new();
        let stderr = child.stderr.as_mut().unwrap();
        stderr.read_to_string(&mut told).unwrap();
        let status = child.wait().unwrap();
        resumed += usize::from(told.contains("going on from the checkpoint"));
        assert!(!told.contains("cannot be used"), "{told}");
        if status.code().is_some() {
            assert!(status.success(), "{told}");
            break status;
        }
        kills += 1;
        assert!(kills < 200, "it never ends: {told}");
    };
    assert!(
        status.success() && kills >= 3 && resumed >= 2,
        "{kills} {resumed}"
    );
    let bytes = |name: &str| fs::read(workshop.path(name)).unwrap();
    assert!(bytes("a.act") == bytes("b.act"), "after {kills} kills");
    assert_eq!(report("a.json")["training"]["losses"], expected);
    let told = fs::read_to_string(workshop.path("m.jsonl")).unwrap();
    assert_eq!(told.lines().count(), lines, "{told}");
    assert!(!workshop.path("a.act.ckpt").exists(), "removed on success");
}

#[test]
#[cfg(unix)]
fn another_command_or_a_damaged_checkpoint_begins_anew_and_says_so() {
    let workshop = workshop();
    let (mut child, _) = endless(&workshop, &[]);
    signal(&child, "-INT");
    child.wait().unwrap();
    let folder = workshop.path("a.act.ckpt");
    let args = [
        "new.act",
        "-o",
        "a.act",
        "--set",
        "TrainConfig.train_iter=2",
    ];
    let output = workshop.run(&args);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.success() && text.contains("starting anew"),
        "{text}"
    );
    assert!(!folder.exists());

    let (mut child, _) = endless(&workshop, &[]);
    signal(&child, "-INT");
    child.wait().unwrap();
    let manifest = folder.join("checkpoint.json");
    let mut bytes = fs::read(&manifest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&manifest, bytes).unwrap();
    let text = String::from_utf8(workshop.run(&args).stderr).unwrap();
    assert!(text.contains("damaged: starting anew"), "{text}");
}

#[test]
#[cfg(unix)]
fn other_losses_do_not_go_on_from_a_checkpoint() {
    let workshop = workshop();
    workshop.save("teacher.act", &toy::model(3));
    let kept = [
        "--checkpoint-every",
        "0",
        "--teacher",
        "teacher.act",
        "--set",
    ];
    // Each finds the checkpoint of the one before.
    for (losses, goes_on) in [
        ("Distillation.pooled=1", false),
        ("Distillation.pooled=1", true),
        ("Distillation.pooled=2", false),
    ] {
        let (mut child, told) = endless(&workshop, &[&kept[..], &[losses]].concat());
        signal(&child, "-KILL");
        child.wait().unwrap();
        let resumed = told.contains("going on from the checkpoint");
        assert_eq!(resumed, goes_on, "{losses}: {told}");
    }
}

#[test]
fn a_pipe_has_no_checkpoint_unless_asked() {
    let workshop = workshop();
    let before = names_in(workshop.folder());
    let args = [
        "-q",
        "--checkpoint-every",
        "0",
        "--set",
        "TrainConfig.train_iter=2",
    ];
    let input = || fs::File::open(workshop.path("new.act")).unwrap();
    let piped = workshop.command(&args).stdin(input()).output().unwrap();
    assert!(piped.status.success());
    assert_eq!(names_in(workshop.folder()), before);
    let args = [&args[..], &["--checkpoint", "kept"]].concat();
    let kept = workshop.command(&args).stdin(input()).output().unwrap();
    assert_eq!(kept.stdout, piped.stdout);
    assert_eq!(names_in(workshop.folder()), before, "removed on success");
}
