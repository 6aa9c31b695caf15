//! Trainings that are strange, or run away. What can be trained is, with a warning; a model that has
//! become worse is never written, however few examples could tell.

use act_stage::testing::Workshop;

use crate::program::workshop;
use crate::toy;

/// A workshop with a model that has learned the toy task.
fn learned() -> Workshop {
    let workshop = workshop();
    workshop.ends(0, "new.act -o base.act -q --set TrainConfig.epochs=10");
    workshop
}

#[test]
fn a_rate_that_is_too_high_never_replaces_a_model() {
    let workshop = learned();
    // 100 held-out examples, 10, 2, none.
    for ratio in ["0.5", "0.05", "0.01", "0"] {
        for teacher in [
            "",
            "--teacher base.act",
            "--teacher base.act --set Distillation.logits=1",
        ] {
            let line = format!(
                "base.act --set TrainConfig.learning_rate=1 --set \
                 TrainConfig.validation_ratio={ratio} {teacher}"
            );
            workshop.refuses(1, &line, &["learning rate"]);
        }
    }
}

#[test]
fn a_rate_that_jumps_keeps_what_was_won_before() {
    let workshop = workshop();
    let jump = "TrainConfig.learning_rate={type:PiecewiseDecay,boundaries:[90],values:[0.005,1.0]}";
    let jump = jump.replace(':', ": ").replace(',', ", ");
    let mut args = vec![
        "new.act", "-o", "out.act", "--report", "out.json", "--set", &jump,
    ];
    for set in [
        "TrainConfig.epochs=10",
        "TrainConfig.validation_ratio=0.2",
        "TrainConfig.eval_iter=10",
    ] {
        args.extend(["--set", set]);
    }
    let output = workshop.run(&args);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}");
    let report = std::fs::read(workshop.path("out.json")).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    assert!(
        report["training"]["best_step"].as_u64().unwrap() <= 90,
        "{report}"
    );
    assert!(
        report["validation"]["after"]["value"].as_f64().unwrap() > 0.8,
        "{report}"
    );
    let fit = |key: &str| report["fit"][key].as_f64().unwrap();
    assert!(
        fit("after") < 0.8 * fit("guessing") && fit("guessing") < 1.1,
        "{report}"
    );
}

#[test]
fn a_model_that_never_learned_is_said_not_to_have() {
    let workshop = workshop();
    let told = workshop.ends(
        0,
        "new.act -o out.act -q --set TrainConfig.learning_rate=1.0e-9",
    );
    assert!(told.contains("has learned nothing"), "{told}");
    assert!(
        told.contains("train longer, or with another learning rate"),
        "{told}"
    );
}

#[test]
fn data_that_can_hardly_be_meant_are_told() {
    let workshop = learned();
    workshop.write_data("one", toy::examples(1));
    workshop.write_data("three", toy::examples(3));
    workshop.write_data(
        "class",
        toy::examples(90)
            .into_iter()
            .filter(|(_, class)| *class == 1),
    );
    let foreign = toy::examples(90).into_iter();
    workshop.write_data(
        "foreign",
        foreign.map(|(text, class)| (text + "ʘ ǁ", class)),
    );
    for (line, says) in [
        ("--data one", "0 examples are held out: too few"),
        ("--data one", "all 1 training examples have one label"),
        ("--data three", "0 examples are held out: too few"),
        (
            "--data class",
            "have one label: there is nothing to tell apart",
        ),
        (
            "--data foreign",
            "% of its tokens are not in the model's vocabulary",
        ),
        ("--set TrainConfig.batch_size=1000", "an epoch is one step"),
        (
            "--set TrainConfig.gradient_accumulation=18446744073709551615",
            "an epoch is one step",
        ),
        (
            "--set TrainConfig.validation_ratio=0.0001",
            "0 examples are held out: too few",
        ),
    ] {
        let told = workshop.ends(0, &format!("base.act -o out.act -q {line}"));
        assert!(
            told.contains("warning: ") && told.contains(says),
            "{line}: {told}"
        );
    }
    // Numbers beyond the end of a training are no mistake.
    let line = "base.act -o out.act --set TrainConfig.eval_iter=1000 --set TrainConfig.patience=1000 \
                --set TrainConfig.logging_iter=1000 --set TrainConfig.validation_ratio=0.2";
    let told = workshop.ends(0, line);
    assert!(!told.contains("warning: "), "{told}");
    assert!(told.contains("validation accuracy"), "{told}");
}
