//! Inputs that are strange, but no mistake: they give a model that answers as the float one does, and
//! a warning where the user may not have meant them.

use act_core::metrics::argmax;
use act_core::{Artifact, Batch, Linear, Norm, Tokenizer};
use act_infer::Engine;
use act_stage::testing::Workshop;

use crate::workshop::{change, float, in_turn, texts, workshop};

/// What a model answers to some texts.
fn classes(workshop: &Workshop, name: &str) -> Vec<usize> {
    let model = Artifact::open(workshop.path(name)).unwrap();
    let tokenizer = Tokenizer::new(&model.tokenizer, model.task.max_seq_length).unwrap();
    let encodings: Vec<_> = texts(93)
        .map(|t| tokenizer.encode(&t, None).unwrap())
        .collect();
    let engine = Engine::new(model).unwrap();
    let logits = engine.forward(&Batch::new(&encodings)).unwrap();
    logits.iter().map(|row| argmax(row)).collect()
}

/// Share of some texts that two models classify alike.
fn agreement(workshop: &Workshop, float: &str, int8: &str) -> f64 {
    let (a, b) = (classes(workshop, float), classes(workshop, int8));
    a.iter().zip(&b).filter(|(a, b)| a == b).count() as f64 / a.len() as f64
}

/// Runs a line that must give a model close to `float`; what it told.
fn good(workshop: &Workshop, float: &str, line: &str) -> String {
    let told = workshop.ends(0, &format!("{float} --report out.json {line}"));
    let same = agreement(workshop, float, "out.act");
    assert!(same > 0.94, "{float} {line}: {same} alike; {told}");
    told
}

/// What the other tests rest on: answers that depend on the text.
#[test]
fn the_float_model_tells_texts_apart() {
    let found = classes(&workshop(), "float.act");
    let most = (0..3).map(|class| found.iter().filter(|&&c| c == class).count());
    assert!(most.max().unwrap() < 80, "{found:?}");
}

/// Every calibrator alone, the default search, training.
const WAYS: [&str; 10] = [
    "--set QuantPost.schemes=[static] --set QuantPost.algo=abs_max",
    "--set QuantPost.schemes=[static] --set QuantPost.algo=avg",
    "--set QuantPost.schemes=[static] --set QuantPost.algo=mse",
    "--set QuantPost.schemes=[static] --set QuantPost.algo=emd",
    "--set QuantPost.schemes=[static] --set QuantPost.algo=KL",
    "--set QuantPost.schemes=[static] --set QuantPost.algo=min_max",
    "--set QuantPost.schemes=[dynamic]",
    "--set QuantPost.max_divergence=0 --set HyperParameterOptimization.ptq_algo=[hist,KL]",
    "--mode qat --set TrainConfig.learning_rate=1.0e-5",
    "--mode qat --set TrainConfig.learning_rate=1.0e-5 --set QuantAware.moving_rate=0.9",
];

#[test]
fn inputs_that_never_change() {
    let workshop = workshop();
    // The classified token is the same whatever the text says.
    let mut flat = float();
    change(&mut flat, Norm::Output(1).weight(), |_, _| 0.0);
    workshop.save("flat.act", &flat);
    // No neuron of a layer is ever anything but 0.
    let mut silent = float();
    change(&mut silent, Linear::Intermediate(0).weight(), |_, _| 0.0);
    change(&mut silent, Linear::Intermediate(0).bias(), |_, _| 0.0);
    workshop.save("silent.act", &silent);
    for way in WAYS {
        let told = good(&workshop, "flat.act", way);
        assert!(
            told.contains("2 of 14 linear layers read the same"),
            "{told}"
        );
        assert!(told.contains("pooler.input the first"), "{told}");
        let told = good(&workshop, "silent.act", way);
        assert!(
            told.contains("1 of 14 linear layers read the same"),
            "{told}"
        );
        assert!(told.contains("layer.0.output.input the first"), "{told}");
    }
}

#[test]
fn channels_that_are_zero() {
    let workshop = workshop();
    let mut rows = float();
    for linear in [Linear::Query(0), Linear::Value(1), Linear::Intermediate(1)] {
        let [_, columns] = rows.plan.linear_shape(linear);
        change(&mut rows, linear.weight(), |i, w| {
            if i / columns == 0 { 0.0 } else { w }
        });
    }
    workshop.save("rows.act", &rows);
    // The first channel of an input is never active.
    let mut channel = float();
    for name in [
        Norm::Embeddings.weight(),
        Norm::Embeddings.bias(),
        Linear::Value(0).bias(),
    ] {
        change(&mut channel, name, |i, v| if i == 0 { 0.0 } else { v });
    }
    let columns = channel.plan.hidden_size;
    change(&mut channel, Linear::Value(0).weight(), |i, w| {
        if i / columns == 0 { 0.0 } else { w }
    });
    workshop.save("channel.act", &channel);
    for way in WAYS {
        for model in ["rows.act", "channel.act"] {
            let told = good(&workshop, model, way);
            assert!(!told.contains("read the same"), "{told}");
        }
    }
}

#[test]
fn options_at_their_ends() {
    let workshop = workshop();
    let silent = [
        "--set HyperParameterOptimization.max_quant_count=1000000000000",
        "--set QuantPost.batch_size=2",
        "--set QuantPost.hist_percent=1",
        "--deploy onnx --set QuantPost.schemes=[static]",
        "--mode ptq --teacher missing.act",
        "--mode qat --set TrainConfig.batch_size=1000 --set QuantAware.eval_iter=1000",
        "--threads 1000",
    ];
    for line in silent {
        good(&workshop, "float.act", line);
    }
    let told = [
        (
            "--set QuantPost.batch_nums=1 --set QuantPost.batch_size=4",
            "too few to choose by",
        ),
        (
            "--set QuantPost.batch_nums=18446744073709551615",
            "has 93 examples: calibrating on",
        ),
        (
            "--set HyperParameterOptimization.batch_num=1000",
            "has 93 examples: calibrating on",
        ),
        (
            "--set QuantPost.algo=KL --set QuantPost.hist_percent=0.5",
            "QuantPost.hist_percent: has no effect",
        ),
        (
            "--set QuantPost.algo=KL --set HyperParameterOptimization.hist_percent=[0.5]",
            "HyperParameterOptimization.hist_percent: has no effect",
        ),
    ];
    for (line, says) in told {
        let told = good(&workshop, "float.act", line);
        assert!(
            told.contains("warning: ") && told.contains(says),
            "{line}: {told}"
        );
    }
    workshop.write_data("least", in_turn(texts(32)));
    let told = good(&workshop, "float.act", "--data least");
    assert!(
        told.contains("has 32 examples: calibrating on 16"),
        "{told}"
    );
    workshop.write_data("foreign", in_turn(texts(60).map(|text| text + "ǁ ʘ ǂ ǀ")));
    let told = good(&workshop, "float.act", "--data foreign");
    assert!(
        told.contains("% of its tokens are not in the model's vocabulary"),
        "{told}"
    );
}

/// A grid that is asked for and ruins the model is written, as it was asked for, and said to.
#[test]
fn ruin_is_told_even_when_quiet() {
    let workshop = workshop();
    for ruin in [
        "QuantPost.hist_percent=1.0e-12",
        "QuantPost.activation_max=1",
    ] {
        let line = format!("float.act -q --set QuantPost.schemes=[static] --set {ruin}");
        let told = workshop.ends(0, &line);
        let warning = told.lines().last().unwrap();
        assert!(
            warning.contains("answers differently from the float model"),
            "{told}"
        );
        assert!(warning.contains("--mode qat"), "{told}");
    }
    let told = workshop.ends(0, "float.act -q");
    assert!(!told.contains("answers differently"), "{told}");
}
