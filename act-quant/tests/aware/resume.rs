//! A training that is killed goes on from its checkpoint to the same model.
#![cfg(unix)]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use act_core::Artifact;
use tempfile::TempDir;

use crate::program::{act_quant, report, workshop};

/// A run with a checkpoint after every step, long enough to be killed on its way.
const KEPT: &[&str] = &[
    "-c",
    "coarse.yaml",
    "--checkpoint-every",
    "0",
    "--set",
    "QuantAware.eval_iter=3",
    "--set",
    "QuantAware.epochs=6",
    "--report",
    "r.json",
];

fn start(dir: &TempDir, args: &[&str]) -> Child {
    let mut command = act_quant(dir.path(), &[KEPT, args].concat());
    command.stderr(Stdio::piped()).spawn().unwrap()
}

/// Follows a run until it has told `enough` evaluations: how many it told, whether it went on from a
/// checkpoint, and all its words.
fn follow(child: &mut Child, enough: usize) -> (usize, bool, String) {
    let (mut evaluations, mut resumed, mut all) = (0, false, String::new());
    let mut lines = BufReader::new(child.stderr.as_mut().unwrap()).lines();
    while evaluations < enough
        && let Some(Ok(line)) = lines.next()
    {
        evaluations += usize::from(line.starts_with("act-quant: step "));
        resumed |= line.contains("going on from the checkpoint");
        all += &(line + "\n");
    }
    (evaluations, resumed, all)
}

#[test]
fn a_killed_run_goes_on_and_ends_in_the_same_bytes() {
    for rules in [
        &[][..],
        &[
            "--set",
            "QuantAware.activation_quantize_type=moving_average_abs_max",
        ],
    ] {
        let dir = workshop();
        let bytes = |name: &str| std::fs::read(dir.path().join(name)).unwrap();
        let args = |output| [rules, &["-o", output]].concat();
        let mut whole = start(&dir, &args("whole.act"));
        let (evaluations, _, told) = follow(&mut whole, usize::MAX);
        assert!(whole.wait().unwrap().success(), "{told}");
        let expected = report(dir.path(), "r.json")["training"].clone();
        assert_eq!(expected["kept"], "qat", "{told}");
        assert!(evaluations > 8);

        let (mut kills, mut resumed) = (0, 0);
        loop {
            let mut child = start(&dir, &args("killed.act"));
            let (_, goes_on, told) = follow(&mut child, if kills < 3 { 2 } else { usize::MAX });
            resumed += usize::from(goes_on);
            assert!(!told.contains("starting anew"), "{told}");
            if kills < 3 {
                child.kill().unwrap();
                assert_eq!(child.wait().unwrap().code(), None);
                kills += 1;
            } else {
                assert!(child.wait().unwrap().success(), "{told}");
                break;
            }
        }
        assert_eq!(resumed, 3);
        assert!(bytes("killed.act") == bytes("whole.act"));
        assert_eq!(report(dir.path(), "r.json")["training"], expected);
        assert!(!dir.path().join("killed.act.ckpt").exists(), "removed");
    }
}

#[test]
fn a_checkpoint_is_not_taken_for_one_of_another_training() {
    let dir = workshop();
    let long = ["-o", "out.act", "--set", "QuantAware.epochs=1000"];
    let stop_early = |args: &[&str]| {
        let mut child = start(&dir, &[args, &long].concat());
        let (_, resumed, told) = follow(&mut child, 1);
        child.kill().unwrap();
        child.wait().unwrap();
        (resumed, told)
    };
    assert!(!stop_early(&[]).0);
    let (resumed, told) = stop_early(&["--threads", "1"]);
    assert!(resumed, "threads change nothing: {told}");
    for other in [
        &["--set", "QuantPost.activation_max=9"][..],
        &["--set", "QuantAware.learning_rate=1e-4"],
        &["--teacher", "float.act"],
        &["--seed", "7"],
    ] {
        let (resumed, told) = stop_early(other);
        assert!(
            !resumed && told.contains("starting anew"),
            "{other:?}: {told}"
        );
    }
    // A calibration alone has nothing to keep.
    let args = [
        "-c",
        "coarse.yaml",
        "--mode",
        "ptq",
        "-o",
        "ptq.act",
        "--checkpoint-every",
        "0",
    ];
    let mut child = act_quant(dir.path(), &args)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (_, _, told) = follow(&mut child, usize::MAX);
    assert!(child.wait().unwrap().success(), "{told}");
    Artifact::open(dir.path().join("ptq.act")).unwrap();
    assert!(!dir.path().join("ptq.act.ckpt").exists());
}
