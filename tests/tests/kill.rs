//! Ctrl-C and kill -9 in each stage: no file under the target's name, nothing damaged, exit 130.

use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use act_tests::{Fixture, bash, bin};

/// Stages with enough to do that a signal finds them working.
const STAGES: &[(&str, &[&str])] = &[
    (
        "act-distill",
        &[
            "base.act",
            "-o",
            "x.act",
            "--data",
            "data",
            "--set",
            "TrainConfig.epochs=1000",
        ],
    ),
    (
        "act-prune",
        &[
            "base.act",
            "-o",
            "x.act",
            "--data",
            "big",
            "--set",
            "Prune.calibration_examples=20000",
        ],
    ),
    (
        "act-quant",
        &[
            "base.act",
            "-o",
            "x.act",
            "--data",
            "big",
            "--set",
            "QuantPost.batch_nums=600",
        ],
    ),
];

/// Starts a stage, waits, sends a signal, and returns its exit code.
fn signalled(
    fixture: &Fixture,
    stage: &str,
    args: &[&str],
    signal: &str,
    after: Duration,
) -> Option<i32> {
    let mut child = Command::new(bin(stage))
        .args(args)
        .current_dir(fixture.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the stage starts");
    sleep(after);
    let sent = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status();
    assert!(
        sent.is_ok_and(|s| s.success()),
        "{stage} had ended before the signal"
    );
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(status) = child.try_wait().expect("wait") {
            return status.code();
        }
        assert!(Instant::now() < deadline, "{stage} does not stop");
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_signal_leaves_no_file_under_the_targets_name() {
    let fixture = Fixture::new();
    bash(
        fixture.path(),
        "act-data sample afqmc -o big --train 20000 --dev 100",
    )
    .ok();
    for (stage, args) in STAGES {
        let code = signalled(&fixture, stage, args, "-INT", Duration::from_millis(400));
        assert_eq!(code, Some(130), "{stage}: Ctrl-C");
        for wait in [5, 120, 400] {
            let code = signalled(&fixture, stage, args, "-KILL", Duration::from_millis(wait));
            assert_eq!(code, None, "{stage}: kill -9");
        }
        assert!(
            !fixture.file("x.act").exists(),
            "{stage} left a file under the target's name"
        );
    }
    // The inputs are as they were: the next run works.
    bash(fixture.path(), "act-eval accuracy base.act --data data").ok();
}
