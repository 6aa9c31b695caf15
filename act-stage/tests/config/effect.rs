//! What is given and has no effect is named: flags for another program, a length that is not the
//! model's.

use act_core::ErrorKind;
use act_core::testing::{TinyOptions, tiny_artifact};
use act_stage::config::Program;

use super::load;

/// What a program says of flags; nothing if it reads them all.
fn told(program: Program, flags: &[&str]) -> Option<String> {
    let config = load(
        "Prune: {pruned_ratio: 0.5}\nTrainConfig: {epochs: 9}",
        flags,
    )
    .unwrap();
    let error = config.check_flags(program).err()?;
    assert_eq!(error.kind(), ErrorKind::Usage);
    Some(error.to_string())
}

#[test]
fn a_flag_for_another_program_is_a_mistake_that_names_who_reads_it() {
    for (program, flag, says) in [
        (
            Program::Distill,
            "Prune.pruned_ratio=0.5",
            "--set Prune.pruned_ratio=0.5: act-distill does not read Prune.pruned_ratio; act-prune does",
        ),
        (
            Program::Prune,
            "TrainConfig.epochs=2",
            "--set TrainConfig.epochs=2: act-prune does not read TrainConfig.epochs; act-distill, \
             act-quant where it trains",
        ),
        (
            Program::Calibrate,
            "TrainConfig.optimizer_builder={optimizer: {type: SGD}}",
            "--set TrainConfig.optimizer_builder={optimizer: {type: SGD}}: act-quant without training \
             does not read TrainConfig.optimizer_builder.optimizer.type; act-distill",
        ),
        (
            Program::Train,
            "TrainConfig.dropout=0.2",
            "--set TrainConfig.dropout=0.2: act-quant where it trains (--mode auto or qat, or a section \
             QuantAware) does not read TrainConfig.dropout; act-distill does",
        ),
        (
            Program::Import,
            "Global.batch_size=3",
            "--set Global.batch_size=3: act-convert import does not read Global.batch_size; act-prune",
        ),
    ] {
        let told = told(program, &[flag]).expect(flag);
        assert!(told.starts_with(says), "\nfound    {told}\nexpected {says}");
    }
}

#[test]
fn what_a_program_reads_is_taken_and_a_file_may_hold_more() {
    for (program, flags) in [
        (
            Program::Prune,
            &[
                "Prune.params=0.5",
                "Prune.pruned_ratio=",
                "QuantPost.weight_max=64",
            ][..],
        ),
        (
            Program::Distill,
            &["TrainConfig.epochs=2", "Distillation.logits=1"],
        ),
        (
            Program::Calibrate,
            &["QuantPost.algo=KL", "TrainConfig.validation_ratio=0.1"],
        ),
        (
            Program::Train,
            &["QuantAware.epochs=1", "TrainConfig.epochs=2"],
        ),
        (Program::New, &["Global.max_seq_length=64"]),
        // Accepted without effect, which was said when it was read.
        (Program::New, &["QuantPost.epochs=3"]),
    ] {
        assert_eq!(told(program, flags), None, "{program}");
    }
}

#[test]
fn another_length_than_the_models_is_refused_where_it_stands() {
    let model = tiny_artifact(1, &TinyOptions::default());
    let has = model.task.max_seq_length;
    for (wanted, flag) in [(has + 1, false), (has + 1, true), (512, false), (4, true)] {
        if wanted == has {
            continue;
        }
        let (file, flags) = if flag {
            let flag = format!("Global.max_seq_length={wanted}");
            (String::new(), vec![flag])
        } else {
            let file = format!("Global:\n  batch_size: 3\n  max_seq_length: {wanted}\n");
            (file, vec![])
        };
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let error = load(&file, &flags)
            .unwrap()
            .check_model(&model)
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        let told = error.to_string();
        let place = if flag {
            "--set Global.max_seq_length="
        } else {
            "x.yaml:3: "
        };
        for part in [
            place,
            &format!("Global.max_seq_length is {wanted}"),
            &format!("cuts texts at {has} tokens"),
            &format!("--max-seq-length {wanted}"),
        ] {
            assert!(told.contains(part), "no {part} in {told}");
        }
    }
    for same in [
        "",
        &format!("Global: {{max_seq_length: {has}}}"),
        "Global: {task_name: other}",
    ] {
        load(same, &[]).unwrap().check_model(&model).unwrap();
    }
}

#[test]
fn losses_without_a_teacher_are_a_mistake_in_a_flag_only() {
    let with = |text: &str, flags: &[&str]| load(text, flags).unwrap().check_untaught();
    with("Distillation:\nPrune: {}", &[]).unwrap();
    with("Distillation: {alpha: 1.0, loss: soft_label}", &[]).unwrap();
    for flag in [
        "Distillation.logits=1",
        "Distillation.hidden=2",
        "Distillation.loss=l2",
    ] {
        let told = with("Distillation: {temperature: 2}", &[flag])
            .unwrap_err()
            .to_string();
        let key = flag.split('=').next().unwrap();
        assert!(
            told.starts_with(&format!(
                "--set {flag}: {key} has no effect without a teacher"
            )),
            "{told}"
        );
    }
}
