//! The program itself: exit codes, one-line errors, streams.

use std::fs;

use act_core::Artifact;
use act_stage::testing::Workshop;

use crate::toy;

/// A folder with an untrained model, its data and a configuration.
pub fn workshop() -> Workshop {
    let program = env!("CARGO_BIN_EXE_act-distill");
    let workshop = Workshop::new(program, "toy", &[("--data", "data"), ("-c", "toy.yaml")]);
    let config = "TrainConfig: {epochs: 2, learning_rate: 0.005, batch_size: 16}\n";
    fs::write(workshop.path("toy.yaml"), config).unwrap();
    workshop.write_data("data", toy::examples(200));
    workshop.save("new.act", &toy::model(1));
    workshop
}

#[test]
fn fine_tunes_reports_and_distils_through_a_pipe() {
    let workshop = workshop();
    let tuned = workshop.run(&["new.act", "-o", "base.act", "--report", "base.json", "-q"]);
    assert!(
        tuned.status.success(),
        "{}",
        String::from_utf8_lossy(&tuned.stderr)
    );
    assert!(tuned.stdout.is_empty());
    let report = fs::read(workshop.path("base.json")).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    assert_eq!(report["synthetic"], true);
    assert_eq!(report["dataset"]["split"], "train");
    assert!(report["wall_s"].as_f64().unwrap() > 0.0);

    // The same stage as a filter gives the same bytes.
    let mut command = workshop.command(&["-q"]);
    let input = fs::File::open(workshop.path("new.act")).unwrap();
    let piped = command.stdin(input).output().unwrap();
    assert!(piped.status.success());
    assert_eq!(piped.stdout, fs::read(workshop.path("base.act")).unwrap());

    let student = workshop.run(&["new.act", "-o", "student.act", "--teacher", "base.act"]);
    assert!(
        student.status.success(),
        "{}",
        String::from_utf8_lossy(&student.stderr)
    );
    let student = Artifact::open(workshop.path("student.act")).unwrap();
    assert_eq!(student.provenance.len(), 1);
    assert_eq!(student.provenance[0].inputs.len(), 2);
    assert!(student.synthetic());
}

#[test]
fn a_missed_target_keeps_the_output_and_is_an_error_only_when_strict() {
    let workshop = workshop();
    let target = [
        "--set",
        "TrainConfig.target_metric=0.9999",
        "--set",
        "TrainConfig.train_iter=1",
    ];
    let args = |output| [&["new.act", "-o", output][..], &target].concat();
    assert_eq!(workshop.run(&args("a.act")).status.code(), Some(0));
    let strict = [args("b.act"), vec!["--strict"]].concat();
    assert_eq!(workshop.run(&strict).status.code(), Some(4));
    assert!(workshop.path("a.act").exists() && workshop.path("b.act").exists());
}
