//! Models that give a text several labels or a score, and the most probable of many labels.

use act_core::testing::{TinyInt8, TinyOptions, tiny_artifact};
use act_core::{Artifact, Problem, ProblemKind};
use serde_json::Value;

use crate::{Workplace, refusal, text_of};

const MOODS: &str = r#"{"task": "moods", "problem": "multi-label", "labels": ["joy", "fear", "love"],
    "columns": {"text": "text", "label": "moods"}}"#;
const LIKENESS: &str = r#"{"task": "likeness", "problem": "regression",
    "columns": {"text": "text", "label": "score"}}"#;

/// A float model and its int8 twin for a task, `NAME.act` and `NAME8.act`, and data for it.
fn workplace(name: &str, description: &str, kind: ProblemKind, labels: &[&str]) -> Workplace {
    let here = Workplace::new();
    let model = |int8| -> Artifact {
        let options = TinyOptions {
            num_labels: labels.len(),
            int8,
            ..TinyOptions::default()
        };
        let mut model = tiny_artifact(3, &options);
        model.task.name = name.into();
        model.task.labels = labels.iter().map(|label| (*label).into()).collect();
        model.task.problem = Problem::new(kind, labels.len());
        model
    };
    here.save(&format!("{name}.act"), model(None));
    here.save(&format!("{name}8.act"), model(Some(TinyInt8::default())));
    std::fs::create_dir(here.path(name)).unwrap();
    std::fs::write(here.path(name).join("act-dataset.json"), description).unwrap();
    here
}

fn moods() -> Workplace {
    let labels = ["joy", "fear", "love"];
    let here = workplace("moods", MOODS, ProblemKind::MultiLabel, &labels);
    let of = |i: usize| ["joy", "joy,fear", "", "love"][i % 4];
    let rows: String = (0..60).map(|i| format!("花呗{i}\t{}\n", of(i))).collect();
    std::fs::write(here.path("moods/dev.tsv"), format!("text\tmoods\n{rows}")).unwrap();
    here
}

fn likeness() -> Workplace {
    let here = workplace("likeness", LIKENESS, ProblemKind::Regression, &["score"]);
    let row = |i: usize| format!("{}{i}\t{}\n", "花呗".repeat(i % 5), i % 5);
    let rows: String = (0..60).map(row).collect();
    std::fs::write(
        here.path("likeness/dev.tsv"),
        format!("text\tscore\n{rows}"),
    )
    .unwrap();
    here
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn labels_are_those_whose_probability_reaches_their_threshold() {
    let here = moods();
    let mut model = here.artifact("moods.act");
    let answers = text_of(here.run_with("predict moods.act", "花\n花呗还款\n".as_bytes()));
    let answers = lines(&answers);
    let probability = |answer: &Value, label: usize| {
        let logit = answer["logits"][label].as_f64().unwrap();
        let probability = answer["probabilities"][label].as_f64().unwrap();
        assert!((probability - 1.0 / (1.0 + (-logit).exp())).abs() < 1e-6);
        probability
    };
    for answer in &answers {
        let given = ["joy", "fear", "love"].into_iter().enumerate();
        let given = given.filter(|(i, _)| probability(answer, *i) >= 0.5);
        let given: Vec<&str> = given.map(|(_, label)| label).collect();
        assert_eq!(answer["labels"], serde_json::json!(given));
        assert!(answer.get("label").is_none());
    }
    // Thresholds just above and just below the first answer's probabilities.
    let of = |label| probability(&answers[0], label) as f32;
    model.task.problem = Problem::MultiLabel {
        thresholds: vec![of(0) * 1.001, of(1) * 0.999, of(2) * 1.001],
    };
    here.save("moods.act", model);
    let labels = text_of(here.run_with("predict moods.act --labels-only", "花\n".as_bytes()));
    assert_eq!(labels, "fear\n");
    let top = text_of(here.run_with("predict moods.act --top 2", "花\n".as_bytes()));
    let top = &lines(&top)[0];
    assert_eq!(top["labels"], serde_json::json!(["fear"]));
    let [first, second] = &top["top"].as_array().unwrap()[..] else {
        panic!("two labels: {top}");
    };
    assert!(first["probability"].as_f64() >= second["probability"].as_f64());
    assert!(here.stdout("inspect moods.act").contains("multi-label"));
    let inspected = here.json("inspect moods.act --json");
    assert_eq!(inspected["problem"], "multi-label");
    assert_eq!(inspected["thresholds"].as_array().unwrap().len(), 3);
}

#[test]
fn sets_of_labels_are_judged_as_wholes_and_label_by_label() {
    let here = moods();
    let text = here.stdout("accuracy moods.act --data moods --per-class");
    for words in ["accuracy", "macro-F1", "micro-F1", "LRAP", "| fear"] {
        assert!(text.contains(words), "no {words} in: {text}");
    }
    assert!(!text.contains("MCC"), "{text}");
    let table = here
        .stdout("report moods.act moods8.act --data moods --runs 1 -o r.json -o r.html -o r.md");
    assert!(
        table.contains("micro-F1") && table.contains("LRAP"),
        "{table}"
    );
    let report: Value =
        serde_json::from_slice(&std::fs::read(here.path("r.json")).unwrap()).unwrap();
    let second = &report["models"][1];
    for figure in ["macro_f1", "micro_f1", "lrap"] {
        let (low, high) = (&second[figure]["low"], &second[figure]["high"]);
        assert!(
            low.as_f64() <= second[figure]["value"].as_f64(),
            "{figure}: {second}"
        );
        assert!(
            high.as_f64() >= second[figure]["value"].as_f64(),
            "{figure}: {second}"
        );
        assert!(second[figure]["difference"]["p_value"].is_f64());
    }
    assert!(second.get("mcc").is_none());
    assert_eq!(report["models"][0]["classes"].as_array().unwrap().len(), 3);
    let gate = here.stdout("gate --from r.json --max-drop-of lrap=100 --max-drop-of micro_f1=100");
    assert!(gate.contains("LRAP") && gate.contains("micro-F1"), "{gate}");
    let (code, line) = refusal(here.run("gate --from r.json --max-drop-of mcc=1"));
    assert!(
        code == 2 && line.contains("no MCC in this report"),
        "{line}"
    );
    let (code, _) = refusal(here.run("gate --from r.json --max-drop-of mcc"));
    assert_eq!(code, 2);
}

#[test]
fn a_score_is_given_and_judged_by_its_correlation() {
    let here = likeness();
    let answer = text_of(here.run_with("predict likeness.act", "花\n".as_bytes()));
    let answer = &lines(&answer)[0];
    assert_eq!(answer["score"], answer["logits"][0]);
    assert!(answer.get("probabilities").is_none() && answer.get("label").is_none());
    let alone = text_of(here.run_with("predict likeness.act --labels-only", "花\n".as_bytes()));
    assert_eq!(alone.trim().parse::<f64>().ok(), answer["score"].as_f64());
    let (code, line) = refusal(here.run("predict likeness.act --top 2"));
    assert!(code == 2 && line.contains("--top"), "{line}");

    let report = here.json("accuracy likeness.act --data likeness --json");
    assert_eq!(report["accuracy"]["metric"], "pearson");
    assert!(
        report["spearman"].is_f64()
            && report
                .get("classes")
                .is_none_or(|c| c == &serde_json::json!([]))
    );
    let text = here.stdout("accuracy likeness.act --data likeness");
    assert!(
        text.starts_with("Pearson ") && text.contains("Spearman"),
        "{text}"
    );
    let table = here.stdout(
        "report likeness.act likeness8.act --data likeness --runs 1 -o r.json -o r.html -o r.md",
    );
    assert!(
        table.contains("Pearson (95 %)") && table.contains("Spearman"),
        "{table}"
    );
    let report: Value =
        serde_json::from_slice(&std::fs::read(here.path("r.json")).unwrap()).unwrap();
    let difference = &report["models"][1]["difference"];
    assert!(
        difference["low"].as_f64() <= difference["value"].as_f64(),
        "{difference}"
    );
    assert_eq!(
        report["models"][1]["difference"]["value"],
        report["models"][1]["pearson"]["difference"]["value"]
    );
    let gate = here.stdout("gate --from r.json --max-drop 100 --max-drop-of spearman=200");
    assert!(
        gate.contains("Pearson") && gate.contains("Spearman"),
        "{gate}"
    );
}

#[test]
fn data_of_another_kind_are_refused() {
    let here = moods();
    let single = MOODS.replace("\"problem\": \"multi-label\", ", "");
    std::fs::write(here.path("moods/act-dataset.json"), single).unwrap();
    std::fs::write(
        here.path("moods/dev.tsv"),
        "text\tmoods\n花\tjoy\n呗\tfear\n",
    )
    .unwrap();
    let mut other = here.artifact("moods.act");
    other.task.problem = Problem::SingleLabel;
    here.save("other.act", other);
    let (code, line) = refusal(here.run("report other.act moods.act --data moods --runs 1"));
    assert!(
        code == 2 && line.contains("give single-label and multi-label answers"),
        "{line}"
    );
    let (code, line) = refusal(here.run("accuracy moods.act --data moods"));
    assert!(
        code == 2 && line.contains("single-label") && line.contains("multi-label"),
        "{line}"
    );
}

#[test]
fn the_most_probable_labels_come_with_their_probabilities() {
    let here = Workplace::new();
    let whole = text_of(here.run_with("predict base.act", "花\t呗\n".as_bytes()));
    let top = text_of(here.run_with("predict base.act --top 5", "花\t呗\n".as_bytes()));
    let (whole, top) = (&lines(&whole)[0], &lines(&top)[0]);
    assert_eq!(whole["label"], top["label"]);
    assert_eq!(top["top"].as_array().unwrap().len(), 2);
    assert_eq!(top["top"][0]["label"], top["label"]);
    let most = whole["probabilities"].as_array().unwrap().iter();
    let most = most.filter_map(Value::as_f64).fold(0.0, f64::max);
    assert_eq!(top["top"][0]["probability"].as_f64(), Some(most));
    assert!(top.get("logits").is_none());
    let (code, _) = refusal(here.run("predict base.act --top 0"));
    assert_eq!(code, 2);
}
