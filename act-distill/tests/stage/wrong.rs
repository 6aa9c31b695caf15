//! What users get wrong: each ends in one line that says what and where and what to do, with its exit
//! code, and leaves nothing behind.

use std::fs;

use act_core::WordPieceSpec;

use crate::program::workshop;
use crate::toy;

/// The exit code, the line, and what its complaint must say.
type Case = (i32, &'static str, &'static [&'static str]);

#[test]
fn options_that_cannot_be() {
    let workshop = workshop();
    let cases: &[Case] = &[
        (
            2,
            "new.act --set TrainConfig.learning_rate=0",
            &["learning_rate: 0", "above 0, at most 1"],
        ),
        (
            2,
            "new.act --set TrainConfig.learning_rate=2",
            &["learning_rate: 2", "at most 1"],
        ),
        (
            2,
            "new.act --set TrainConfig.learning_rate=.nan",
            &["learning_rate", "not a finite number"],
        ),
        (
            2,
            "new.act --set TrainConfig.train_iter=0",
            &["train_iter: 0", "1 or more"],
        ),
        (
            2,
            "new.act --set TrainConfig.eval_iter=0",
            &["eval_iter: 0", "1 or more"],
        ),
        (
            2,
            "new.act --set TrainConfig.epochs=0",
            &["epochs: 0", "1 or more"],
        ),
        (
            2,
            "new.act --set TrainConfig.patience=0",
            &["patience: 0", "1 or more"],
        ),
        (
            2,
            "new.act --set TrainConfig.batch_size=0",
            &["batch_size: 0", "1 or more"],
        ),
        (
            2,
            "new.act --set TrainConfig.validation_ratio=1",
            &["validation_ratio: 1", "below 1"],
        ),
        (
            2,
            "new.act --set TrainConfig.validation_ratio=0.9999",
            &[
                "toy/train",
                "none are left",
                "lower TrainConfig.validation_ratio (0.9999)",
            ],
        ),
        (
            2,
            "new.act --set TrainConfig.validation_ratio=0 --set TrainConfig.patience=1",
            &["TrainConfig.patience", "validation_ratio"],
        ),
        (
            2,
            "new.act --set TrainConfig.optimizer_builder={optimizer:{type:Lamb}}",
            &["optimizer_builder"],
        ),
        (2, "new.act --device abacus", &["abacus", "cpu"]),
        (
            2,
            "new.act -o nowhere/a.act",
            &["nowhere", "does not exist"],
        ),
        (2, "- --teacher -", &["both"]),
    ];
    for (code, line, parts) in cases {
        workshop.refuses(*code, line, parts);
    }
    if act_nn::available(act_nn::Device::Cuda(0)).is_err() {
        let build = "cargo build --release --features act-nn/cuda";
        workshop.refuses(
            2,
            "new.act --device cuda",
            &["not compiled in", build, "DEVICE=cuda"],
        );
    }
}

#[test]
fn models_that_cannot_be_trained_or_learned_from() {
    let workshop = workshop();
    fs::write(workshop.path("text.act"), "not a model").unwrap();
    workshop.save("hot.act", &toy::overflowing());
    let mut other = toy::model(1);
    other.task.labels[0] = "x".into();
    workshop.save("other.act", &other);
    let mut fewer = toy::model(1);
    let tokens: String = fewer
        .tokenizer
        .word_piece()
        .unwrap()
        .tokens()
        .map(|token| format!("{token}\n"))
        .collect();
    fewer.tokenizer = WordPieceSpec::from_vocab(&tokens.replace('z', "ʒ"))
        .unwrap()
        .into();
    workshop.save("fewer.act", &fewer);
    let mut shorter = toy::model(1);
    shorter.task.max_seq_length = 8;
    workshop.save("shorter.act", &shorter);
    let cases: &[Case] = &[
        (2, "missing.act", &["missing.act"]),
        (3, "text.act", &["text.act"]),
        (3, "hot.act", &["class scores are not finite", "damaged"]),
        (
            3,
            "new.act --teacher hot.act",
            &["the teacher's logits", "not finite"],
        ),
        (
            2,
            "new.act --teacher missing.act",
            &["the teacher: missing.act"],
        ),
        (
            2,
            "new.act --teacher data",
            &["data is a folder", "act-convert import"],
        ),
        (
            3,
            "new.act --teacher text.act",
            &["the teacher", "text.act"],
        ),
        (
            2,
            "new.act --teacher other.act",
            &["label 0", "other classes"],
        ),
        (
            2,
            "new.act --set Global.max_seq_length=512",
            &[
                "--set Global.max_seq_length=512: ",
                "cuts texts at",
                "--max-seq-length 512",
            ],
        ),
        (
            2,
            "new.act --set Distillation.logits=1",
            &[
                "--set Distillation.logits=1: ",
                "no effect without a teacher",
                "--teacher FILE",
            ],
        ),
        (
            2,
            "new.act --set QuantPost.algo=KL",
            &["act-distill does not read QuantPost.algo; act-quant without training"],
        ),
        (
            2,
            "new.act --set Prune.pruned_ratio=0.5 --set TrainConfig.epoch=3 --set Global.batch_size=x",
            &[
                "2 mistakes: ",
                "--set TrainConfig.epoch=3: ",
                "\"epochs\"",
                "--set Global.batch_size=x: ",
            ],
        ),
        // Its logits are as good as any, its hidden states are not comparable.
        (
            2,
            "new.act --teacher fewer.act --set Distillation.hidden=1",
            &["look inside the teacher", "vocabulary or sequence length"],
        ),
        (
            2,
            "new.act --teacher shorter.act --set Distillation.relations=1",
            &["look inside the teacher", "vocabulary or sequence length"],
        ),
        (
            2,
            "new.act -o new.act",
            &["new.act", "replaced by the output", "-o another file"],
        ),
        (
            2,
            "new.act --teacher shorter.act -o shorter.act",
            &["the teacher", "replaced"],
        ),
    ];
    for (code, line, parts) in cases {
        workshop.refuses(*code, line, parts);
    }
    for teacher in ["fewer.act", "shorter.act"] {
        let line = "new.act -o out.act --set TrainConfig.train_iter=2 --teacher";
        let told = workshop.ends(0, &format!("{line} {teacher}"));
        assert!(told.contains("text is encoded for it apart"), "{told}");
    }
}

#[test]
fn data_that_cannot_be_learned_from() {
    let workshop = workshop();
    workshop.write_data("none", []);
    workshop.write_data("strange", (0..50).map(|i| ("ʘ ǁ".repeat(i + 1), i % 3)));
    workshop.write_data("label", [("花".to_string(), 7)]);
    workshop.write_data("nan", toy::examples(50));
    let file = workshop.path("nan/train.json");
    let lines = fs::read_to_string(&file).unwrap();
    fs::write(&file, lines.replacen("\"label 0\"", "NaN", 1)).unwrap();
    workshop.write_data("unlabelled", toy::examples(50));
    let file = workshop.path("unlabelled/train.json");
    fs::write(&file, "{\"text\":\"花\"}\n").unwrap();
    let cases: &[Case] = &[
        (2, "new.act --data none", &["train.json", "empty"]),
        (
            2,
            "new.act --data strange",
            &["toy/train", "knows none of its"],
        ),
        (2, "new.act --data label", &["train.json:1", "label 7"]),
        (2, "new.act --data nan", &["nan/train.json:"]),
        (
            2,
            "new.act --data unlabelled",
            &["train.json:1", "no label"],
        ),
        (2, "new.act --data missing", &["missing"]),
        (
            2,
            "new.act --data data/train.json",
            &["is a file", "give the folder"],
        ),
    ];
    for (code, line, parts) in cases {
        workshop.refuses(*code, line, parts);
    }
}
