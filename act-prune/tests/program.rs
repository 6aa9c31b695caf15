//! The program itself: exit codes, one-line errors, streams and the report.

use std::fs;

use act_core::testing::{CHARACTERS, TinyInt8, TinyOptions, tiny_artifact};
use act_core::{Artifact, LayerPlan};
use act_stage::testing::Workshop;

/// A folder with a float and an int8 model and their data.
fn workshop() -> Workshop {
    let program = env!("CARGO_BIN_EXE_act-prune");
    let workshop = Workshop::new(program, "tiny", &[("--data", "data")]);
    let texts = CHARACTERS.chars().map(|c| format!("{c}借款"));
    workshop.write_data("data", texts.enumerate().map(|(i, text)| (text, i % 3)));
    for (name, int8) in [("base.act", None), ("int8.act", Some(TinyInt8::default()))] {
        let options = TinyOptions {
            layers: vec![LayerPlan::full(4, 2, 16), LayerPlan::full(4, 2, 8)],
            int8,
            ..TinyOptions::default()
        };
        workshop.save(name, &tiny_artifact(1, &options));
    }
    workshop
}

#[test]
fn prunes_reports_and_filters_alike() {
    let workshop = workshop();
    let output = workshop.run(&["base.act", "-o", "pruned.act", "--report", "pruned.json"]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}");
    assert!(told.contains("removed 25.0 % of heads"), "{told}");

    let pruned = Artifact::open(workshop.path("pruned.act")).unwrap();
    let shape = |l: &LayerPlan| (l.heads(), l.intermediate_size);
    assert!(pruned.plan.layers.iter().map(shape).eq([(3, 12), (3, 6)]));
    let record = &pruned.provenance[0];
    assert_eq!(
        (record.stage.as_str(), record.inputs.len()),
        ("act-prune", 1)
    );
    assert!(
        record.config.contains("pruned_ratio: 0.25"),
        "{}",
        record.config
    );
    assert!(pruned.synthetic());

    let report = fs::read(workshop.path("pruned.json")).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    assert_eq!(report["pruning"]["heads_removed"], 0.25);
    assert_eq!(report["pruning"]["layers"][1]["kept_neurons"], 6);
    assert_eq!(report["dataset"]["split"], "train");
    assert!(report.get("accuracy").is_none(), "dev is not read");

    let mut command = workshop.command(&["-q"]);
    let input = fs::File::open(workshop.path("base.act")).unwrap();
    let piped = command.stdin(input).output().unwrap();
    assert!(piped.stderr.is_empty() && piped.status.success());
    assert_eq!(piped.stdout, fs::read(workshop.path("pruned.act")).unwrap());
}

#[test]
fn a_ratio_that_does_not_fit_and_one_that_removes_nothing_are_told() {
    let workshop = workshop();
    let told = |ratio: &str| {
        let set = format!("Prune.pruned_ratio={ratio}");
        let output = workshop.run(&["base.act", "-o", "pruned.act", "--set", &set]);
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(told("0.4").contains("does not fit 4 heads: 2 stay"));
    assert!(told("0").contains("nothing was removed"));
    assert!(told("0.1").contains("nothing was removed"));
}

#[test]
fn a_model_with_an_untrained_head_is_not_pruned() {
    let workshop = workshop();
    let mut bare = Artifact::open(workshop.path("base.act")).unwrap();
    bare.task.head_trained = Some(false);
    workshop.save("bare.act", &bare);
    for set in [
        "Prune.pruned_ratio=0.25",
        "Prune.criterion=magnitude",
        "Prune.target_speedup=1.5",
    ] {
        let output = workshop.run(&["bare.act", "-o", "a.act", "--set", set]);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains("never trained"), "{told}");
        assert!(told.contains("act-distill MODEL"), "{told}");
    }
}

#[test]
fn wrong_inputs_end_in_one_line_and_their_exit_code() {
    let workshop = workshop();
    fs::write(workshop.path("text.act"), "not a model").unwrap();
    fs::write(workshop.path("empty.act"), "").unwrap();
    for (code, args, says) in [
        (2, &["missing.act", "-o", "a.act"][..], "missing.act"),
        (2, &["data", "-o", "a.act"], "data"),
        (3, &["empty.act", "-o", "a.act"], "empty.act"),
        (3, &["text.act", "-o", "a.act"], "text.act"),
        (2, &["int8.act", "-o", "a.act"], "int8"),
        (2, &["base.act", "-o", "nowhere/a.act"], "nowhere"),
        (
            2,
            &["base.act", "-o", "a.act", "--set", "Prune.pruned_ratio=1"],
            "pruned_ratio",
        ),
        (
            2,
            &["base.act", "-o", "a.act", "--set", "Prune.prune_algo=magic"],
            "prune_algo",
        ),
        (
            2,
            &["base.act", "-o", "a.act", "--device", "abacus"],
            "abacus",
        ),
        (
            2,
            &[
                "base.act",
                "-o",
                "a.act",
                "--set",
                "Global.max_seq_length=512",
            ],
            "cuts texts at",
        ),
        (
            2,
            &["base.act", "-o", "a.act", "--set", "TrainConfig.epochs=3"],
            "act-prune does not read TrainConfig.epochs; act-distill",
        ),
        (
            2,
            &["base.act", "-o", "a.act", "--latency-table", "t.json"],
            "--latency-table has no effect",
        ),
    ] {
        let output = workshop.run(&[args, &["-q"]].concat());
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {text}");
        assert!(
            text.starts_with("act-prune: ") && text.lines().count() == 1,
            "{text}"
        );
        assert!(text.contains(says), "{args:?}: {text}");
        assert!(!workshop.path("a.act").exists());
    }
}

#[test]
fn targets_that_need_no_clock_are_kept_exactly() {
    let workshop = workshop();
    let read = |name: &str| -> serde_json::Value {
        serde_json::from_slice(&fs::read(workshop.path(name)).unwrap()).unwrap()
    };
    let before = Artifact::open(workshop.path("base.act"))
        .unwrap()
        .plan
        .parameters() as f64;
    let args = [
        "base.act", "-o", "a.act", "--report", "a.json", "--params", "0.85",
    ];
    let output = workshop.run(&args);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let after = Artifact::open(workshop.path("a.act")).unwrap();
    assert!(after.plan.parameters() as f64 <= 0.85 * before);
    assert!(after.provenance[0].config.contains("params: 0.85"));
    let report = read("a.json");
    let promise = &report["pruning"]["promise"];
    assert_eq!(promise["promised"]["kind"], "parameters");
    assert_eq!(promise["measured"], promise["predicted"]);

    // The command line goes before the configuration; in one place, two are a contradiction.
    let ratio = ["--set", "Prune.pruned_ratio=0.5"];
    let output = workshop.run(&[&args[..], &ratio].concat());
    assert!(output.status.success());
    let set = ["base.act", "-o", "b.act", "--set", "Prune.params=0.85"];
    let output = workshop.run(&[&set[..], &ratio].concat());
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.contains("pruned_ratio and params contradict"),
        "{told}"
    );
}

#[test]
fn a_promise_that_cannot_be_kept_is_refused_in_one_line() {
    let workshop = workshop();
    for (args, says) in [
        (
            ["--params", "0.01"],
            "1 % of the parameters cannot be kept; the nearest is",
        ),
        (
            ["--bytes", "2kB"],
            "a file of 2 kB cannot be kept; the nearest is a file of",
        ),
    ] {
        let output = workshop.run(&[&["base.act", "-q", "-o", "a.act"], &args[..]].concat());
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(says) && told.lines().count() == 1, "{told}");
        assert!(!workshop.path("a.act").exists());
    }
    let output = workshop.run(&["base.act", "-q", "-o", "-", "--family", "1.5,2"]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("-o DIR"), "{told}");
}

#[test]
fn the_vocabulary_of_an_int8_model_shrinks_alone() {
    let workshop = workshop();
    let used = [
        "--set",
        "Prune.vocabulary=used",
        "--set",
        "Prune.pruned_ratio=0",
    ];
    let args = ["int8.act", "-o", "a.act", "--report", "a.json"];
    let output = workshop.run(&[&args[..], &used].concat());
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}");
    assert!(told.contains("of 128 tokens stay; 0 of"), "{told}");
    let (before, after) = (
        Artifact::open(workshop.path("int8.act")).unwrap(),
        Artifact::open(workshop.path("a.act")).unwrap(),
    );
    assert_eq!(
        after.plan.embeddings.vocab_size,
        after.tokenizer.vocab_size()
    );
    assert!(after.plan.embeddings.vocab_size < before.plan.embeddings.vocab_size);
    assert_eq!(after.plan.layers, before.plan.layers);
}

/// Layers and units go before heads and neurons, and the record says so.
#[test]
fn layers_and_units_are_taken_out_for_the_whole_model() {
    let workshop = workshop();
    let base = Artifact::open(workshop.path("base.act")).unwrap();
    let sizes = ["--set", "Prune.layers=1", "--set", "Prune.hidden_size=5"];
    let run = |flags: &[&str]| workshop.run(&[&["base.act", "-o", "small.act"], flags].concat());
    let output = run(&sizes);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}");
    assert!(
        told.contains("layers [1] stay of 2") && told.contains("5 of 8 units stay"),
        "{told}"
    );
    let small = Artifact::open(workshop.path("small.act")).unwrap();
    assert_eq!((small.plan.layers.len(), small.plan.hidden_size), (1, 5));
    assert_eq!(
        (
            small.plan.layers[0].heads(),
            small.plan.layers[0].intermediate_size
        ),
        (3, 6)
    );
    let metrics = small.provenance[0].metrics.iter();
    let metrics: Vec<(&str, f64)> = metrics.map(|(name, value)| (&**name, *value)).collect();
    for expected in [
        ("layers_before", 2.0),
        ("layers_after", 1.0),
        ("hidden_before", 8.0),
        ("hidden_after", 5.0),
    ] {
        assert!(metrics.contains(&expected), "{expected:?}: {metrics:?}");
    }
    assert!(small.params.len() < base.params.len());
    for (flags, says) in [
        (
            &["--set", "Prune.hidden_size=9"][..],
            "9 of 8 units cannot stay",
        ),
        (&["--set", "Prune.layers=3"], "3 of 2 layers cannot stay"),
        (&["--set", "Prune.layers=0"], "Prune.layers"),
        (
            &["--set", "Prune.layers=1", "--target-speedup", "2"],
            "the times behind target_speedup",
        ),
    ] {
        let output = run(flags);
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(
            output.status.code() == Some(2) && told.contains(says),
            "{told}"
        );
    }
}
