//! Configurations, recipes and what Make passes on: no key without effect.

use std::fs;
use std::path::Path;

use act_core::Artifact;
use act_tests::{Ran, bash, workspace};
use tempfile::TempDir;

use super::case;

/// A command of a case's README in the collection's folder of data; `$OUT` is a folder for its files.
fn command(name: &str, line: &str) -> Option<(Ran, TempDir)> {
    let folder = case(&format!("data/{name}"))?;
    let out = TempDir::new().expect("a temporary folder");
    let line = format!("export OUT={}; {line}", out.path().display());
    Some((bash(&folder, &line), out))
}

#[test]
fn a_length_that_is_not_the_models_is_refused() {
    let line =
        "act-distill own.act -c g.yaml --data data --set TrainConfig.epochs=1 -o $OUT/out.act";
    let Some((ran, out)) = command("config-max-seq-length-ignored", line) else {
        return;
    };
    ran.complains(
        2,
        &[
            "g.yaml:2: ",
            "max_seq_length is 512",
            "cuts texts at 128 tokens",
        ],
    );
    assert!(!out.path().join("out.act").exists());
}

/// The case by its command, on a sample of its own that takes seconds.
#[test]
fn the_length_in_a_recipe_is_the_models() {
    let checkout = TempDir::new().expect("a temporary folder");
    let bin = act_tests::bin("act-prune");
    let target = bin.parent().and_then(Path::parent).expect("target/release");
    let line = format!(
        "cp -r Makefile configs {0} && cd {0} && ln -s {1} target && unset CARGO_TARGET_DIR MAKEFLAGS && \
         sed -i 's/max_seq_length: 128/max_seq_length: 64/' configs/sample/afqmc.yaml && \
         make CARGO=true afqmc LAYERS=1 HIDDEN=16 HEADS=2 SAMPLE_FLAGS='--train 300 --dev 50' \
         REPORT_FLAGS='--runs 3 --seq 16'",
        checkout.path().display(),
        target.display()
    );
    bash(workspace(), &line).ok();
    for name in ["base", "pruned", "student", "int8"] {
        let path = checkout
            .path()
            .join(format!("build/sample/afqmc/{name}.act"));
        let model = Artifact::open(&path).expect("a model");
        assert_eq!(model.task.max_seq_length, 64, "{name}");
    }
}

#[test]
fn the_hugging_face_example_is_accepted_with_notes() {
    let line = "act-quant ../config-max-seq-length-ignored/own.act -c rte-like.yaml \
                --data /nonexistent -o $OUT/x.act";
    let Some((ran, _out)) = command("yaml-huggingface-refused", line) else {
        return;
    };
    for key in [
        "input_names",
        "model_type",
        "padding",
        "return_attention_mask",
    ] {
        let note = format!("Global.{key}: without effect");
        assert!(ran.stderr.contains(&note), "{key}: {}", ran.stderr);
    }
    ran.complains(2, &["/nonexistent: No such file"]);
}

#[test]
fn keys_of_paddleslim_2_3_are_refused_by_their_new_names() {
    let Some(folder) = case("data/yaml-paddleslim-2.3-keys") else {
        return;
    };
    for (file, parts) in [
        (
            "quantization.yaml",
            &["QuantPost (after training) or QuantAware"][..],
        ),
        (
            "optim.yaml",
            &[
                "2 mistakes",
                "optimizer_builder now: {optimizer",
                "stand in optimizer_builder",
            ],
        ),
        (
            "distill.yaml",
            &["2 mistakes", "it is alpha now", "it is loss now"],
        ),
    ] {
        let line = format!(
            "act-quant ../config-max-seq-length-ignored/own.act -c {file} --data /nonexistent -o /tmp/x.act"
        );
        bash(&folder, &line).complains(2, parts);
    }
}

#[test]
fn the_last_level_is_acts_own_detail_and_none_of_the_users_texts() {
    let line = "act-distill ../config-max-seq-length-ignored/own.act --data data \
                --set TrainConfig.epochs=1 -vv -o $OUT/x.act";
    let Some((ran, _out)) = command("vv-floods", line) else {
        return;
    };
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let lines = ran.stderr.lines().count();
    assert!((10..200).contains(&lines), "{lines} lines: {}", ran.stderr);
    let data = case("data/vv-floods").expect("it was there").join("data");
    let texts = fs::read_to_string(data.join("train.tsv")).expect("its train split");
    for text in texts.lines().flat_map(|line| line.split('\t')) {
        assert!(
            text.len() < 8 || !ran.stderr.contains(text),
            "{text}: {}",
            ran.stderr
        );
    }
}

/// Texts that are in no line of any stage, at the most that they tell.
#[test]
fn no_line_holds_a_users_text() {
    let folder = TempDir::new().expect("a temporary folder");
    let line = |i: usize| {
        format!(
            "secret{i} \u{e9}l\u{e8}ve \u{79d8}\u{5bc6}\u{1f511}\t{}\n",
            i % 2
        )
    };
    let table = |range: std::ops::Range<usize>| {
        "text\tlabel\n".to_string() + &range.map(line).collect::<String>()
    };
    let data = folder.path().join("data");
    fs::create_dir(&data).expect("a folder");
    let write = |name: &str, text: String| fs::write(data.join(name), text).expect("written");
    write("train.tsv", table(0..90));
    write("dev.tsv", table(90..120));
    let description =
        r#"{"task":"own","columns":{"text":"text","label":"label"},"labels":["0","1"]}"#;
    write("act-dataset.json", description.into());
    let secret = |said: &str| {
        ["secret", "\u{e9}l\u{e8}ve", "\u{79d8}\u{5bc6}"]
            .iter()
            .any(|part| said.contains(part))
    };
    for line in [
        "act-data check data -vv > out",
        "act-convert new --layers 1 --hidden 16 --heads 2 --data data -vv -o new.act",
        "act-distill new.act --data data --set TrainConfig.epochs=1 -vv -o base.act",
        "act-prune base.act --data data -vv -o pruned.act",
        "act-distill pruned.act --teacher base.act --data data -vv -o student.act",
        "act-quant student.act --data data -vv -o int8.act",
        "act-eval accuracy int8.act --data data -vv > out",
        "act-eval report base.act int8.act --data data --runs 3 --seq 16 -vv -o r.md > out",
        "cut -f1 data/dev.tsv | act-eval predict int8.act -vv > out",
        "act-convert export student.act -vv -o student.onnx",
    ] {
        let ran = bash(folder.path(), line);
        assert_eq!(ran.code, Some(0), "{line}: {}", ran.stderr);
        assert!(!secret(&ran.stderr), "{line}: {}", ran.stderr);
    }
    // Nor where the file is wrong: the line and the field say enough.
    let long = format!("short\t{}\n", "secret 秘密 ".repeat(9));
    for wrong in [
        &long[..],
        "secret \u{79d8}\u{5bc6}\tmore\t0\n",
        "secret \u{79d8}\u{5bc6}\n",
        "secret\u{7}\t\n",
    ] {
        write("train.tsv", table(0..90) + wrong);
        let ran = bash(
            folder.path(),
            "act-distill new.act --data data -vv -o x.act",
        );
        assert_eq!(ran.code, Some(2), "{wrong:?}: {}", ran.stderr);
        assert!(
            ran.complaint().contains("train.tsv:92"),
            "{wrong:?}: {}",
            ran.stderr
        );
        assert!(!secret(&ran.stderr), "{wrong:?}: {}", ran.stderr);
    }
}

#[test]
fn a_folder_with_a_blank_is_refused_by_make() {
    let Some(folder) = case("data/make-data-space") else {
        return;
    };
    let blank = folder.join("clue/afqmc new");
    assert!(blank.is_dir());
    for words in [
        format!("DATA='{}'", blank.display()),
        "BUILD='b d'".into(),
        "BASE='my folder/my model.act'".into(),
    ] {
        let ran = bash(
            workspace(),
            &format!("unset MAKEFLAGS; make CARGO=true afqmc {words}"),
        );
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
        assert!(ran.stderr.contains("no blank"), "{}", ran.stderr);
    }
}
