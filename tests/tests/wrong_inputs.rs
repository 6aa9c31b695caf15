//! What users get wrong: every case one clear line, the right exit code, nothing left behind.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use act_tests::{Fixture, bash, run, skipped};

/// A stage as typed, its exit code, and what its complaint must say.
type Case = (&'static str, i32, &'static [&'static str]);

const CASES: &[Case] = &[
    (
        "act-prune missing.act --data data -o x.act",
        2,
        &["missing.act"],
    ),
    (
        "act-prune data --data data -o x.act",
        2,
        &["data", "director"],
    ),
    (
        "act-prune empty.act --data data -o x.act",
        3,
        &["empty.act", "empty"],
    ),
    (
        "act-prune tiny.yaml --data data -o x.act",
        3,
        &["tiny.yaml"],
    ),
    ("act-prune cut.act --data data -o x.act", 3, &["cut.act"]),
    (
        "act-prune flipped.act --data data -o x.act",
        3,
        &["flipped.act"],
    ),
    (
        "act-prune base.act --data nowhere -o x.act",
        2,
        &["nowhere"],
    ),
    ("act-prune base.act -o x.act", 2, &["--data"]),
    (
        "act-prune base.act --data data -c missing.yaml -o x.act",
        2,
        &["missing.yaml"],
    ),
    (
        "act-prune base.act --data data -c broken.yaml -o x.act",
        2,
        &["broken.yaml"],
    ),
    (
        "act-prune base.act --data data -c typo.yaml -o x.act",
        2,
        &["typo.yaml:3", "pruned_ration", "pruned_ratio"],
    ),
    (
        "act-prune base.act --data data --set Prune.pruned_ratio=2 -o x.act",
        2,
        &["pruned_ratio"],
    ),
    (
        "act-prune base.act --data data --set Prune.ratio=0.5 -o x.act",
        2,
        &["ratio"],
    ),
    (
        "act-prune base.act --data data -o missing/x.act",
        2,
        &["missing"],
    ),
    ("act-prune base.act --data data -o data", 2, &["data"]),
    (
        "act-prune base.act --data data --device tpu -o x.act",
        2,
        &["tpu"],
    ),
    (
        "act-distill base.act --data badlabel -o x.act",
        2,
        &["train.json", "7"],
    ),
    (
        "act-distill base.act --data nodata -o x.act",
        2,
        &["train.json", "empty"],
    ),
    (
        "act-distill base.act --data binary -o x.act",
        2,
        &["train.json", "UTF-8"],
    ),
    (
        "act-distill base.act --data data --set TrainConfig.learning_rate=1e30 -o x.act",
        2,
        &["learning_rate"],
    ),
    (
        "act-distill base.act --data data --teacher missing.act -o x.act",
        2,
        &["missing.act"],
    ),
    (
        "act-quant base.act --data data --set QuantPost.algo=best -o x.act",
        2,
        &["best", "hist"],
    ),
    (
        "act-quant base.act --data data --set QuantPost.quantize_op_types=[conv2d] -o x.act",
        2,
        &["conv2d", "matmul_v2"],
    ),
    (
        "act-eval accuracy base.act --data data --split nope",
        2,
        &["nope"],
    ),
    ("act-data sample nosuchtask -o d", 2, &["nosuchtask"]),
    ("act-data check data --task tnews", 2, &["afqmc", "tnews"]),
    (
        "act-convert new --layers 4 --hidden 30 --heads 4 --data data --task afqmc -o x.act",
        2,
        &["30", "4"],
    ),
    (
        "act-convert new --layers 4 --hidden 32 --heads 4 --data data --task nosuchtask -o x.act",
        2,
        &["nosuchtask"],
    ),
];

fn damaged(fixture: &Fixture) {
    let base = fs::read(fixture.file("base.act")).expect("the base model");
    let write = |name: &str, bytes: &[u8]| fs::write(fixture.file(name), bytes).expect("written");
    write("empty.act", b"");
    write("cut.act", &base[..base.len() - 100]);
    let mut flipped = base.clone();
    flipped[base.len() / 2] ^= 1;
    write("flipped.act", &flipped);
    write("broken.yaml", b"Prune: [1, {");
    write("typo.yaml", b"# comment\nPrune:\n  pruned_ration: 0.5\n");
    for (folder, train) in [
        (
            "badlabel",
            &br#"{"sentence1": "a", "sentence2": "b", "label": "7"}"#[..],
        ),
        ("nodata", b""),
        ("binary", b"\xff\xfe\x00\n"),
    ] {
        fs::create_dir(fixture.file(folder)).expect("a folder");
        write(&format!("{folder}/train.json"), train);
        write(&format!("{folder}/dev.json"), train);
    }
}

#[test]
fn wrong_inputs_are_named_and_leave_nothing() {
    let fixture = Fixture::new();
    damaged(&fixture);
    let before = fixture.listing();
    for (line, code, parts) in CASES {
        eprintln!("{line}");
        let ran = bash(fixture.path(), line);
        let stage = line.split(' ').next().expect("a stage");
        assert!(
            ran.complaint().starts_with(&format!("{stage}: ")),
            "{line}: {}",
            ran.stderr
        );
        ran.complains(*code, parts);
        assert_eq!(
            fixture.listing(),
            before,
            "{line}: something was left behind"
        );
    }
}

#[test]
fn a_very_long_line_is_text_like_any_other() {
    let fixture = Fixture::new();
    let long = "借".repeat(100_000);
    let example =
        format!("{{\"sentence1\": \"{long}\", \"sentence2\": \"还\", \"label\": \"0\"}}\n");
    fs::create_dir(fixture.file("long")).expect("a folder");
    fs::write(fixture.file("long/dev.json"), example).expect("written");
    let line = "act-eval accuracy base.act --data long --json";
    let report: serde_json::Value =
        serde_json::from_str(&bash(fixture.path(), line).ok()).expect("JSON");
    assert_eq!(report["accuracy"]["n"], 1);
}

#[test]
fn an_unwritable_folder_is_refused_before_the_work() {
    let fixture = Fixture::new();
    let locked = fixture.file("locked");
    fs::create_dir(&locked).expect("a folder");
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o555)).expect("permissions");
    if fs::write(locked.join("probe"), b"").is_ok() {
        skipped("running as root, no folder is unwritable");
        return;
    }
    let line = "act-prune base.act --data data -o locked/x.act";
    bash(fixture.path(), line).complains(2, &["locked"]);
}

#[test]
fn a_full_disk_fails_and_leaves_nothing() {
    let fixture = Fixture::new();
    bash(
        fixture.path(),
        "act-prune base.act -c tiny.yaml --data data > /dev/full",
    )
    .complains(1, &["space"]);
    // A real file system with too little room, where the test may mount one.
    let disk = fixture.file("disk");
    fs::create_dir(&disk).expect("a folder");
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=16k", "tmpfs"])
        .arg(&disk)
        .output()
        .is_ok_and(|o| o.status.success());
    if !mounted {
        skipped("a small tmpfs cannot be mounted here");
        return;
    }
    let ran = bash(
        fixture.path(),
        "act-prune base.act -c tiny.yaml --data data -o disk/x.act",
    );
    let left = fs::read_dir(&disk).expect("the disk").count();
    let unmounted = Command::new("umount")
        .arg(&disk)
        .status()
        .is_ok_and(|s| s.success());
    ran.complains(1, &["space"]);
    assert_eq!(left, 0, "a partial file was left");
    assert!(unmounted);
}

#[test]
fn a_failing_early_stage_fails_the_pipe_with_clear_lines() {
    let fixture = Fixture::new();
    let line = "act-prune missing.act --data data | act-distill -c tiny.yaml --data data | \
                act-quant -c tiny.yaml --data data | act-eval accuracy --data data";
    let ran = bash(fixture.path(), line);
    assert_ne!(ran.code, Some(0));
    let lines: Vec<&str> = ran.stderr.lines().collect();
    assert!(
        lines
            .iter()
            .any(|l| l.starts_with("act-prune: ") && l.contains("missing.act"))
    );
    assert_eq!(lines.len(), 4, "one line a stage, no more: {}", ran.stderr);
    assert!(ran.stdout.is_empty());
}

#[test]
fn an_artifact_is_not_written_to_a_terminal() {
    // `script` gives the stage a terminal; without it there is nothing to test with.
    if Command::new("script").arg("--version").output().is_err() {
        skipped("no `script` program to make a terminal with");
        return;
    }
    let fixture = Fixture::new();
    let line = "script -qec 'act-prune base.act -c tiny.yaml --data data' /dev/null";
    let ran = bash(fixture.path(), line);
    assert_eq!(ran.code, Some(2));
    let shown = String::from_utf8_lossy(&ran.stdout);
    assert!(shown.contains("terminal"), "{shown}");
}

#[test]
fn help_is_quick_to_read_and_has_examples() {
    for stage in [
        "act-data",
        "act-convert",
        "act-prune",
        "act-distill",
        "act-quant",
        "act-eval",
        "act-serve",
    ] {
        let help = run(stage, ["--help"]).ok();
        assert!(
            help.contains("xample"),
            "{stage} --help has no examples:\n{help}"
        );
    }
}
