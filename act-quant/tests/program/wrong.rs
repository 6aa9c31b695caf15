//! What users get wrong: each ends in one line that says what and where and what to do, with its exit
//! code, and leaves nothing behind.

use std::fs;

use act_core::{Linear, Norm};

use crate::workshop::{change, float, in_turn, texts, workshop};

/// The exit code, the line, and what its complaint must say.
type Case = (i32, &'static str, &'static [&'static str]);

#[test]
fn a_head_that_was_never_trained_is_not_quantised() {
    let workshop = workshop();
    let mut bare = float();
    bare.task.head_trained = Some(false);
    workshop.save("bare.act", &bare);
    for arguments in [
        &["bare.act"][..],
        &["bare.act", "--set", "QuantPost.algo=abs_max"],
        &["bare.act", "--mode", "qat"],
    ] {
        let output = workshop.run(arguments);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains("act-distill MODEL"), "{told}");
    }
}

#[test]
fn options_that_cannot_be() {
    let workshop = workshop();
    fs::write(
        workshop.path("conv.yaml"),
        "QuantPost:\n  quantize_op_types: [conv2d]\n",
    )
    .unwrap();
    let cases: &[Case] = &[
        (
            2,
            "float.act -c conv.yaml",
            &["conv.yaml:2", "write [mul, matmul, matmul_v2]"],
        ),
        (
            2,
            "float.act --set QuantPost.algo=magic",
            &["QuantPost.algo", "known: abs_max"],
        ),
        (
            2,
            "float.act --set QuantPost.weight_max=0",
            &["weight_max: 0", "1 to 127"],
        ),
        (
            2,
            "float.act --set QuantPost.weight_max=128",
            &["weight_max: 128", "1 to 127"],
        ),
        (
            2,
            "float.act --set QuantPost.activation_max=300",
            &["activation_max", "300", "0 to 255"],
        ),
        (
            2,
            "float.act --set QuantPost.batch_nums=0",
            &["batch_nums: 0", "1 or more"],
        ),
        (
            2,
            "float.act --set QuantPost.batch_size=0",
            &["batch_size: 0", "1 or more"],
        ),
        (
            2,
            "float.act --set QuantPost.batch_nums=-1",
            &["batch_nums", "-1", "0 or more"],
        ),
        (
            2,
            "float.act --set QuantPost.batch_nums=99999999999999999999",
            &["too large a number"],
        ),
        (
            2,
            "float.act --set QuantPost.hist_percent=0",
            &["hist_percent: 0", "above 0, at most 1"],
        ),
        (
            2,
            "float.act --set QuantPost.hist_percent=1.5",
            &["hist_percent: 1.5", "at most 1"],
        ),
        (
            2,
            "float.act --set QuantPost.hist_percent=.nan",
            &["hist_percent", "not a finite number"],
        ),
        (
            2,
            "float.act --set QuantPost.hist_percent=NaN",
            &["hist_percent", "a number"],
        ),
        (
            2,
            "float.act --set QuantPost.max_divergence=-1",
            &["max_divergence: -1", "0 or more"],
        ),
        (
            2,
            "float.act --set QuantPost.schemes=[]",
            &["QuantPost.schemes: []", "static or dynamic"],
        ),
        (
            2,
            "float.act --set QuantPost.schemes=[float]",
            &["[float] is not allowed"],
        ),
        (
            2,
            "float.act --set QuantPost.schemes=[dynamic,smooth]",
            &["static beside smooth"],
        ),
        (
            2,
            "float.act --deploy onnx --set QuantPost.schemes=[dynamic]",
            &["--deploy onnx", "add static"],
        ),
        (
            2,
            "float.act --set HyperParameterOptimization.ptq_algo=[]",
            &[
                "HyperParameterOptimization.ptq_algo: is empty",
                "at least one choice",
            ],
        ),
        (
            2,
            "float.act --set HyperParameterOptimization.batch_num=[4,0]",
            &["HyperParameterOptimization.batch_num: 0", "1 or more"],
        ),
        (
            2,
            "float.act --set HyperParameterOptimization.hist_percent=[0.99,2]",
            &["HyperParameterOptimization.hist_percent: 2", "at most 1"],
        ),
        (
            2,
            "float.act --set HyperParameterOptimization.max_quant_count=0",
            &["max_quant_count: 0", "1 or more"],
        ),
        (
            2,
            "float.act --set HyperParameterOptimization.max_quant_count=-3",
            &["max_quant_count", "-3"],
        ),
        (
            2,
            "float.act --mode qat --set QuantAware.train_iter=0",
            &["train_iter: 0", "1 or more"],
        ),
        (
            2,
            "float.act --mode qat --set QuantAware.epochs=0",
            &["epochs: 0", "1 or more"],
        ),
        (
            2,
            "float.act --mode qat --set QuantAware.learning_rate=2",
            &["learning_rate: 2", "at most 1"],
        ),
        (
            2,
            "float.act --mode qat --device abacus",
            &["abacus", "cpu"],
        ),
        (2, "float.act --threads -1", &["-1"]),
        (
            2,
            "float.act --set Global.max_seq_length=512",
            &[
                "--set Global.max_seq_length=512: ",
                "cuts texts at",
                "--max-seq-length 512",
            ],
        ),
        (
            2,
            "float.act --set Prune.pruned_ratio=0.5",
            &[
                "act-quant where it trains",
                "does not read Prune.pruned_ratio; act-prune does",
            ],
        ),
        (
            2,
            "float.act --set TrainConfig.epochs=3",
            &["act-quant without training does not read TrainConfig.epochs; act-distill"],
        ),
        (
            2,
            "float.act --mode ptq --set QuantAware.epochs=3",
            &[
                "act-quant without training does not read QuantAware.epochs; act-quant where it trains",
            ],
        ),
    ];
    for (code, line, parts) in cases {
        workshop.refuses(*code, line, parts);
    }
}

#[test]
fn models_that_cannot_be_quantised() {
    let workshop = workshop();
    fs::write(workshop.path("text.act"), "not a model").unwrap();
    let mut dead = float();
    let names: Vec<String> = dead
        .params
        .iter()
        .map(|(name, _)| name.to_string())
        .collect();
    for name in names {
        change(&mut dead, name, |_, _| 0.0);
    }
    workshop.save("dead.act", &dead);
    // Finite weights whose products are not.
    let mut huge = float();
    change(&mut huge, Linear::Intermediate(0).weight(), |_, w| {
        w.signum() * 1e38
    });
    change(&mut huge, Norm::Attention(0).weight(), |_, w| 1e3 * w);
    workshop.save("huge.act", &huge);
    // Only at the very end, where no input is looked at.
    let mut late = float();
    change(&mut late, Linear::Classifier.weight(), |_, w| {
        w.signum() * f32::MAX
    });
    workshop.save("late.act", &late);
    let mut other = float();
    other.task.labels[0] = "x".into();
    workshop.save("other.act", &other);
    let cases: &[Case] = &[
        (
            2,
            "int8.act",
            &["quantised already", "the float model it came from"],
        ),
        (
            2,
            "int8.act --mode qat --teacher float.act",
            &["quantised already"],
        ),
        (2, "missing.act", &["missing.act"]),
        (3, "text.act", &["text.act"]),
        (1, "dead.act", &["nothing to calibrate", "trained"]),
        (
            3,
            "huge.act",
            &["layer.0", "not finite", "training diverged"],
        ),
        (
            3,
            "late.act",
            &["class scores are not finite", "training diverged"],
        ),
        (
            2,
            "float.act -o float.act",
            &["float.act", "replaced by the output", "-o another file"],
        ),
        (
            2,
            "float.act -o ./data/../float.act",
            &["float.act", "replaced by the output"],
        ),
        (
            2,
            "float.act --mode qat --teacher int8.act -o int8.act",
            &["the teacher", "replaced"],
        ),
        // A teacher is looked at before the long work of calibration.
        (
            2,
            "float.act --mode qat --teacher missing.act",
            &["the teacher: missing.act"],
        ),
        (
            2,
            "float.act --mode qat --teacher other.act",
            &["label 0", "other classes"],
        ),
        (
            3,
            "float.act --mode qat --teacher text.act",
            &["the teacher", "text.act"],
        ),
    ];
    for (code, line, parts) in cases {
        workshop.refuses(*code, line, parts);
    }
}

/// A tensor that is not finite cannot be read, and could not have been written.
#[test]
fn tensors_that_are_not_finite_never_get_in() {
    let workshop = workshop();
    for value in [f32::NAN, f32::INFINITY] {
        let mut model = float();
        let mark = 1234.5f32;
        change(&mut model, Linear::Query(0).bias(), |i, v| {
            if i == 1 { mark } else { v }
        });
        let mut bytes = model.to_bytes().unwrap();
        let at = bytes
            .windows(4)
            .position(|w| w == mark.to_le_bytes())
            .unwrap();
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        fs::write(workshop.path("broken.act"), bytes).unwrap();
        workshop.refuses(3, "broken.act", &["broken.act"]);
        change(&mut model, Linear::Query(0).bias(), |_, _| value);
        assert!(model.to_bytes().is_err(), "{value} was written");
    }
}

#[test]
fn data_that_nothing_can_be_learned_from() {
    let workshop = workshop();
    for count in [1, 2, 3, 31] {
        workshop.write_data(&format!("of{count}"), in_turn(texts(count)));
        let line = format!("float.act --data of{count}");
        let found = format!("tiny/train has {count} of the 32 examples");
        workshop.refuses(2, &line, &[&found, "give a larger train split"]);
    }
    workshop.write_data("none", in_turn([]));
    workshop.write_data("alike", in_turn(vec!["花呗".to_string(); 100]));
    workshop.write_data("blank", in_turn(vec![String::new(); 100]));
    workshop.write_data("strange", in_turn((1..100).map(|n| "ǁ ʘ".repeat(n))));
    workshop.write_data("labels", in_turn(texts(40)));
    let data = workshop.path("labels/train.json");
    let lines = fs::read_to_string(&data).unwrap();
    fs::write(&data, lines.replacen("label 0", "sports", 1)).unwrap();
    workshop.write_data("nan", in_turn(texts(40)));
    let data = workshop.path("nan/train.json");
    let lines = fs::read_to_string(&data).unwrap();
    fs::write(&data, lines.replacen("\"label 2\"", "NaN", 1)).unwrap();
    let cases: &[Case] = &[
        (2, "float.act --data none", &["train.json", "empty"]),
        (
            2,
            "float.act --data alike",
            &["too much alike", "texts that differ"],
        ),
        (2, "float.act --data blank", &["too much alike"]),
        (
            2,
            "float.act --data strange",
            &["tiny/train", "knows none of its"],
        ),
        (2, "float.act --data labels", &["train.json:1", "sports"]),
        (2, "float.act --data nan", &["train.json:3"]),
        (2, "float.act --data missing", &["missing"]),
        (
            2,
            "float.act --data data/train.json",
            &["is a file", "give the folder"],
        ),
    ];
    for (code, line, parts) in cases {
        workshop.refuses(*code, line, parts);
    }
}
