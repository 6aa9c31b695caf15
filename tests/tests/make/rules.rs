//! What make runs, and what it runs again: whatever changes a result, and only that.

use std::fs;

use crate::workshop::{Workshop, change, setting};

const FROM_DATA: [&str; 7] = [
    "act-convert",
    "act-data",
    "act-distill",
    "act-distill",
    "act-eval",
    "act-prune",
    "act-quant",
];

/// What runs where the model, but not the sample, is made again.
fn from_base() -> Vec<&'static str> {
    FROM_DATA.into_iter().filter(|s| *s != "act-data").collect()
}

const FROM_RECIPE: [&str; 4] = ["act-distill", "act-eval", "act-prune", "act-quant"];
const NOTHING: [&str; 0] = [];

#[test]
fn a_second_make_runs_nothing() {
    let workshop = Workshop::new();
    assert_eq!(workshop.make(&["-j4", "afqmc"]).stages(), FROM_DATA);
    assert_eq!(workshop.make(&["afqmc"]).stages(), NOTHING);
}

#[test]
fn what_was_asked_for_redoes_what_rests_on_it() {
    let base = from_base();
    for (words, stages) in [
        ("SEED=7", &FROM_DATA[..]),
        ("SAMPLE_FLAGS=--train 10", &FROM_DATA),
        ("HIDDEN=64", &base),
        ("DEVICE=flex", &base),
        ("REPORT_FLAGS=--split 'train'", &["act-eval"]),
        ("THREADS=3", &[]),
    ] {
        let workshop = Workshop::new();
        workshop.make(&["afqmc"]).stages();
        assert_eq!(workshop.make(&["afqmc", words]).stages(), stages, "{words}");
        let again = workshop.make(&["afqmc", words]);
        assert_eq!(again.stages(), NOTHING, "{words}, again");
        let back = workshop.make(&["afqmc"]);
        assert_eq!(back.stages(), stages, "without {words} again");
    }
}

#[test]
fn a_dry_run_changes_nothing() {
    let workshop = Workshop::new();
    workshop.make(&["afqmc"]).stages();
    let planned = workshop.make(&["-n", "afqmc", "SEED=7"]);
    assert!(planned.said.is_empty(), "{:?}", planned.said);
    assert_eq!(workshop.make(&["afqmc"]).stages(), NOTHING);
}

#[test]
fn a_recipe_that_changes_redoes_all_but_the_base() {
    let workshop = Workshop::in_a_checkout("act");
    workshop.make(&["afqmc"]).stages();
    let recipe = workshop.path("act/configs/sample/afqmc.yaml");
    let text = fs::read_to_string(&recipe).expect("the recipe");
    change(&recipe, &(text + "\nQuantAware:\n"));
    assert_eq!(workshop.make(&["afqmc"]).stages(), FROM_RECIPE);
}

#[test]
fn every_file_of_the_data_counts() {
    let workshop = Workshop::new();
    let [train, described, test] = ["train.tsv", "act-dataset.json", "test.tsv"]
        .map(|name| workshop.write(&format!("clue/afqmc/{name}")));
    let data = setting("DATA", &workshop.path("clue"));
    let first = workshop.make(&["afqmc", &data]);
    assert!(first.has(&["act-distill", "clue/afqmc --seed"]));
    assert_eq!(first.stages(), from_base());
    for (file, stages) in [
        (train, &from_base()[..]),
        (described, &from_base()),
        (test, &["act-eval"]),
    ] {
        change(&file, "other");
        let again = workshop.make(&["afqmc", &data]);
        assert_eq!(again.stages(), stages, "{}", file.display());
    }
}

#[test]
fn every_file_of_the_model_counts() {
    let workshop = Workshop::new();
    let weights = workshop.write("models/tnews/model.safetensors");
    let base = setting("BASE", &workshop.path("models"));
    workshop.write("clue/tnews/train.json");
    let data = setting("DATA", &workshop.path("clue"));
    let first = workshop.make(&["tnews", &base, &data]);
    assert!(first.has(&[
        "act-convert import",
        "models/tnews -c configs/",
        "--task tnews --data"
    ]));
    assert!(first.has(&["act-distill --unless-trained", "-o"]));
    assert!(first.has(&["act-prune", "configs/pp-minilm/tnews.yaml"]));
    change(&weights, "other");
    assert!(
        workshop
            .make(&["tnews", &base, &data])
            .has(&["act-convert import"])
    );
}

/// `MODEL-TASK` is a task by that model's configuration; an artifact is copied, not imported.
#[test]
fn a_recipe_has_one_name_and_finds_its_model_in_a_root() {
    let workshop = Workshop::new();
    workshop.write("models/afqmc.act");
    let base = setting("BASE", &workshop.path("models"));
    workshop.write("clue/afqmc/train.json");
    let data = setting("DATA", &workshop.path("clue"));
    let made = workshop.make(&["ernie-3.0-medium-afqmc", &base, &data]);
    assert!(made.has(&["act-prune", "configs/ernie-3.0-medium/afqmc.yaml"]));
    assert!(!made.has(&["act-convert"]), "{:?}", made.said);
    let built = workshop.path("build/ernie-3.0-medium/afqmc");
    assert!(built.join("base.act").exists() && built.join("report.md").exists());
}

#[test]
fn a_recipe_without_its_model_is_refused() {
    let workshop = Workshop::new();
    let given = workshop.make(&["afqmc", "MODEL=pp-minilm"]);
    given.refuses(&["MODEL=pp-minilm", "BASE=model.act"]);
    let unknown = workshop.make(&["afqmc", "MODEL=gpt"]);
    unknown.refuses(&["MODEL=gpt has no recipe", "configs/gpt"]);
}

/// `own` is no built-in task: the data's folder names it, and every file there counts.
#[test]
fn data_of_ones_own_are_a_target_like_any_task() {
    let workshop = Workshop::new();
    let texts = workshop.write("mine/texts.csv");
    workshop.write("bert/config.json");
    let data = setting("DATA", &workshop.path("mine"));
    let base = setting("BASE", &workshop.path("bert"));
    let first = workshop.make(&["own", &data, &base, "MODEL=minilm"]);
    assert!(first.has(&["act-convert import", "configs/minilm/own.yaml --data"]));
    assert!(!first.has(&["--task"]), "{:?}", first.said);
    assert!(workshop.path("build/minilm/own/report.md").exists());
    change(&texts, "other");
    let again = workshop.make(&["own", &data, &base, "MODEL=minilm"]);
    assert!(again.has(&["act-convert import"]) && again.has(&["act-eval report"]));
    let small = workshop.make(&["own", &data]);
    assert!(small.has(&["act-convert new", "configs/sample/own.yaml"]));
}

#[test]
fn a_model_of_ones_own_is_not_compressed_on_the_sample_corpus() {
    let workshop = Workshop::in_a_checkout("act");
    workshop.write("afqmc.act");
    let base = setting("BASE", &workshop.path("afqmc.act"));
    workshop
        .make(&["afqmc", &base])
        .refuses(&["afqmc with BASE=", "needs data", "DATA=folder"]);
    workshop
        .make(&["own"])
        .refuses(&["own needs data", "act-data describe"]);
}

#[test]
fn a_stage_that_fails_leaves_nothing_that_looks_done() {
    let mut workshop = Workshop::new();
    workshop.failing("act-quant*");
    assert_eq!(workshop.make(&["afqmc"]).ran.code, Some(2));
    assert!(!workshop.built("afqmc").join("int8.act").exists());
    workshop.failing("");
    let rest = workshop.make(&["afqmc"]);
    assert_eq!(rest.stages(), ["act-eval", "act-quant"]);
}

#[test]
fn a_task_that_fails_does_not_take_the_others_with_it() {
    let mut workshop = Workshop::new();
    let words = ["-j2", "clue", "TASKS=tnews afqmc csl"];
    workshop.make(&words).stages();
    workshop.failing("act-quant*/tnews/*");
    let made = workshop.make(&[&words[..], &["SEED=7"]].concat());
    assert_eq!(made.ran.code, Some(2));
    let failed = |task: &str| made.ran.stderr.contains(&format!("make: {task} failed"));
    assert_eq!(["tnews", "afqmc", "csl"].map(failed), [true, false, false]);
    assert!(made.has(&["act-eval summary", "/afqmc/report.json", "/csl/report.json"]));
    assert!(!made.has(&["act-eval summary", "/tnews/"]), "an old report");
}

/// What is beside the target is only looked at once that is there: a kill in between must not leave it.
#[test]
fn the_target_is_the_last_of_a_reports_files() {
    let made = Workshop::new().make(&["afqmc"]);
    let said = made
        .said
        .iter()
        .find(|said| said.starts_with("act-eval report"));
    let said = said.expect("a report is made");
    let outputs = said.split(" -o ").skip(1);
    let ends: Vec<&str> = outputs
        .map(|rest| rest.split(' ').next().unwrap().rsplit('/').next().unwrap())
        .collect();
    assert_eq!(
        ends,
        ["report.txt", "report.json", "report.html", "report.md"]
    );
}

/// SET changes the recipe of every stage, and what was made by another recipe is made anew.
#[test]
fn a_recipe_is_changed_without_a_file() {
    let workshop = Workshop::new();
    let set = "SET=Prune.pruned_ratio=0.5 QuantPost.schemes=[static,smooth]";
    let made = workshop.make(&["afqmc", set]);
    let changes = [
        "--set-any Prune.pruned_ratio=0.5",
        "--set-any QuantPost.schemes=[static,smooth]",
    ];
    for stage in ["act-convert new", "act-prune", "act-distill", "act-quant"] {
        assert!(
            made.has(&[&[stage][..], &changes].concat()),
            "{stage}: {:?}",
            made.said
        );
    }
    assert_eq!(
        workshop.make(&["afqmc", set]).said,
        [""; 0],
        "nothing has changed"
    );
    assert!(
        workshop.make(&["afqmc"]).has(&["act-prune"]),
        "the old recipe's model was kept"
    );
}
