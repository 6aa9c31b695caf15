//! What is set on make's command line has its effect, or make says that it has none.

use crate::workshop::{Workshop, setting};

#[test]
fn a_name_that_cannot_be_set_is_refused_with_one_near_it() {
    let workshop = Workshop::new();
    for (words, says) in [
        (
            "LAYER=2",
            "LAYER: nothing of this name can be set; LAYERS can",
        ),
        (
            "SEEDS=7",
            "SEEDS: nothing of this name can be set; SEED can",
        ),
        (
            "THREAD=1",
            "THREAD: nothing of this name can be set; THREADS can",
        ),
        (
            "EPOCHS=3",
            "EPOCHS: nothing of this name can be set; make help",
        ),
        ("data=x", "data: nothing of this name can be set; make help"),
        // The Makefile's own, which others rest on.
        ("out=elsewhere", "out: nothing of this name can be set"),
    ] {
        workshop.make(&["afqmc", words]).refuses(&[says]);
    }
}

#[test]
fn what_others_read_can_be_set() {
    let workshop = Workshop::new();
    for words in [
        "RUSTFLAGS=-g",
        "CARGO_HOME=/tmp",
        "MAKEFLAGS=-s",
        "TMPDIR=/tmp",
        "CC=cc",
    ] {
        let made = workshop.make(&["-n", "afqmc", words]);
        assert_eq!(made.ran.code, Some(0), "{words}: {}", made.ran.stderr);
    }
    // Those that make hands on to its own makes, too.
    let words = [
        "clue",
        "TASKS=tnews",
        "SEED=7",
        "REPORT_FLAGS=--runs 3",
        "DEVICE=cpu",
    ];
    assert!(!workshop.make(&words).stages().is_empty());
}

#[test]
fn a_setting_without_effect_beside_another_is_refused() {
    let mut workshop = Workshop::new();
    workshop.write("clue/afqmc/train.json");
    workshop.write("model/config.json");
    let data = setting("DATA", &workshop.path("clue"));
    let base = setting("BASE", &workshop.path("model"));
    for shape in ["LAYERS=2", "HIDDEN=64", "HEADS=2"] {
        let made = workshop.make(&["afqmc", &base, shape]);
        made.refuses(&[&format!("{shape} has no effect with BASE")]);
    }
    let made = workshop.make(&["afqmc", &data, "SAMPLE_FLAGS=--train 9"]);
    made.refuses(&["SAMPLE_FLAGS=--train 9 has no effect with DATA"]);
    workshop.set("HEADS", "2");
    let made = workshop.make(&["afqmc", &base]);
    made.refuses(&["HEADS=2 has no effect with BASE"]);
    let made = workshop.make(&["-n", "afqmc", &data, "LAYERS=2"]);
    assert_eq!(made.ran.code, Some(0), "{}", made.ran.stderr);
}

#[test]
fn data_and_models_that_are_not_there_are_refused_in_one_line() {
    let workshop = Workshop::new();
    for name in ["DATA", "BASE"] {
        for nowhere in ["nowhere", "nowhere/afqmc", "model.act"] {
            let words = setting(name, &workshop.path(nowhere));
            let made = workshop.make(&["afqmc", &words]);
            made.refuses(&[&words, "there is no such file or folder"]);
        }
    }
    let file = workshop.write("clue/train.json");
    let words = setting("DATA", &file);
    workshop
        .make(&["afqmc", &words])
        .refuses(&[&words, "is a file; give the folder"]);
}

/// Distilling and training with the rounding both tell their course.
#[test]
fn every_training_writes_its_metrics() {
    let made = Workshop::new().make(&["afqmc"]);
    for file in [
        "base.metrics.jsonl",
        "student.metrics.jsonl",
        "int8.metrics.jsonl",
    ] {
        assert!(made.has(&["--metrics", file]), "{file}: {:?}", made.said);
    }
    assert!(made.has(&["act-quant", "int8.metrics.jsonl"]));
}
