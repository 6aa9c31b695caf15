//! `act-eval accuracy`: the figure, its interval, and what it does not depend on.

use act_core::{Artifact, Tensor};
use serde_json::Value;

use super::{Workplace, text_of};

#[test]
fn accuracy_prints_a_line_with_its_interval_the_digest_and_what_stands_beside() {
    let here = Workplace::new();
    let text = here.stdout("accuracy base.act --data afqmc");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(
        lines[0].starts_with("accuracy ") && lines[0].contains(", 95 %), 50 examples of afqmc")
    );
    let digest = Artifact::open(here.path("base.act"))
        .unwrap()
        .model_digest()
        .unwrap();
    assert_eq!(lines[1], format!("model_digest {digest}"));
    let figures: Vec<&str> = lines[2].split("; ").collect();
    assert!(figures[0].starts_with("macro-F1 "), "{text}");
    assert!(
        figures[1].starts_with("F1 ") && figures[1].ends_with(" % of class \"1\""),
        "{text}"
    );
    assert!(figures[2].starts_with("MCC "), "{text}");
    assert!(
        figures[3].starts_with("worst class ") && figures[3].contains(", recall "),
        "{text}"
    );
    assert!(
        here.stdout("accuracy int8.act --data afqmc")
            .contains("[synthetic sample]")
    );
}

#[test]
fn accuracy_stands_at_the_end_of_a_pipe() {
    let here = Workplace::new();
    let bytes = std::fs::read(here.path("int8.act")).unwrap();
    let piped = text_of(here.run_with("accuracy --data afqmc", &bytes));
    assert_eq!(piped, here.stdout("accuracy int8.act --data afqmc"));
}

#[test]
fn the_accuracy_report_counts_what_was_answered() {
    let here = Workplace::new();
    let report = here.json("accuracy base.act --data afqmc --json --per-class --report r.json");
    assert_eq!(report["schema"], 1);
    assert_eq!(report["accuracy"]["n"], 50);
    assert_eq!(report["dataset"]["split"], "dev");
    assert_eq!(report["synthetic"], false);
    assert_eq!(report["majority_class"]["label"], "0");
    let classes = report["classes"].as_array().unwrap();
    let sum = |field: &str| {
        classes
            .iter()
            .map(|c| c[field].as_u64().unwrap())
            .sum::<u64>()
    };
    assert_eq!((sum("examples"), sum("predicted")), (50, 50));
    assert_eq!(
        sum("correct") as f64 / 50.0,
        report["accuracy"]["value"].as_f64().unwrap()
    );
    let written: Value =
        serde_json::from_slice(&std::fs::read(here.path("r.json")).unwrap()).unwrap();
    assert_eq!(written["accuracy"], report["accuracy"]);
    assert_eq!(written["classes"], report["classes"]);
}

/// A model that answers everything with one class.
fn constant(here: &Workplace, name: &str, class: usize) {
    let mut constant = here.artifact("base.act");
    let mut bias = vec![-100.0, -100.0];
    bias[class] = 100.0;
    let bias = Tensor::f32([2], bias);
    constant.params.insert("classifier.bias", bias);
    here.save(name, constant);
}

#[test]
fn the_figures_beside_accuracy_are_those_of_the_definition() {
    let here = Workplace::new();
    // 17 of 50 examples are of class 1, which class 0 answers never find.
    constant(&here, "zero.act", 0);
    constant(&here, "one.act", 1);
    let f1 = |n: f64| 2.0 * n / (n + 50.0);
    for (model, right, worst) in [("zero.act", 33.0, "1"), ("one.act", 17.0, "0")] {
        let report = here.json(&format!("accuracy {model} --data afqmc --json"));
        let value = |field: &str| report[field].as_f64().unwrap();
        assert!(
            (value("macro_f1") - f1(right) / 2.0).abs() < 1e-12,
            "{report}"
        );
        let positive = if worst == "1" { 0.0 } else { f1(right) };
        assert!((value("f1") - positive).abs() < 1e-12, "{report}");
        assert_eq!(value("mcc"), 0.0);
        assert_eq!(report["worst_class"]["label"], worst);
        assert_eq!(report["worst_class"]["recall"], 0.0);
        assert_eq!(report["classes"].as_array().unwrap().len(), 2);
    }
    let text = here.stdout("accuracy zero.act --data afqmc --per-class");
    let figures = "macro-F1 39.8 %; F1 0.0 % of class \"1\"; MCC 0.000; worst class \"1\", recall 0.0 % \
                   of 17";
    assert!(text.contains(figures), "{text}");
    let row = "| 0     |       33 |      50 | 100.0 % |    66.0 % | 79.5 % |";
    assert!(text.contains(row), "{text}");
}

/// Without the line breaks that make a text fit a terminal.
fn unwrapped(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_class_that_compression_lost_is_in_every_report_and_at_the_gate() {
    let here = Workplace::new();
    constant(&here, "zero.act", 0);
    constant(&here, "one.act", 1);
    let run = here.run(
        "report one.act zero.act --data afqmc --runs 3 --batch 4 --seq 8 -o r.json -o r.md -o r.html",
    );
    let stderr = String::from_utf8(run.stderr.clone()).unwrap();
    let lost = "zero: a class is lost: \"1\" (recall was 100.0 % of 17 examples and is 0)";
    assert!(stderr.contains(&format!("warning: {lost}")), "{stderr}");
    let text = unwrapped(&text_of(run));
    let warning = format!("Warning: {lost}.");
    assert!(text.contains(&warning), "{text}");
    let read = |name: &str| std::fs::read_to_string(here.path(name)).unwrap();
    assert!(read("r.md").contains(&warning));
    let loss = "class \"1\" lost most: recall 100.0 % before and 0.0 % after, -100.00 points";
    let page = read("r.html").replace("&quot;", "\"");
    for (document, of) in [(read("r.md"), "md"), (page, "html")] {
        assert!(
            document.contains(loss) && document.contains("not chance"),
            "{of}: {document}"
        );
        assert!(document.contains("100.0 % → 0.0 %"), "{of}");
    }
    let report: Value = serde_json::from_str(&read("r.json")).unwrap();
    let zero = &report["models"][1];
    assert_eq!(zero["lost_classes"], serde_json::json!(["1"]));
    assert_eq!(zero["largest_loss"]["label"], "1");
    assert_eq!(zero["largest_loss"]["significant"], true);
    assert_eq!(zero["classes"][1]["difference"]["only_reference"], 17);
    let f1 = &zero["macro_f1"]["difference"];
    let ends = ["low", "value", "high"].map(|end| f1[end].as_f64().unwrap());
    assert!(ends.is_sorted() && ends[0] > 0.0, "{f1}");
    assert!(report["models"][0]["macro_f1"].get("difference").is_none());

    // Accuracy rose; a gate on it alone passes, and warns.
    let gate = here.run("gate --from r.json --max-drop 0");
    assert_eq!(gate.status.code(), Some(0));
    let [out, err] = [gate.stdout, gate.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(out.contains(&format!("\nwarning {lost}")), "{out}");
    assert!(err.contains(&format!("warning: {lost}")), "{err}");
    for (criterion, code) in [
        ("--max-drop-f1 0", 0),
        ("--max-class-drop 99", 4),
        ("--max-class-drop 100", 0),
        ("--max-drop 0 --max-class-drop 5", 4),
    ] {
        let gate = here.run(&format!("gate --from r.json {criterion}"));
        assert_eq!(gate.status.code(), Some(code), "{criterion}");
    }
}

#[test]
fn accuracy_does_not_depend_on_batches_or_threads() {
    let here = Workplace::new();
    let one = here.stdout("accuracy int8.act --data afqmc --batch-size 1 --threads 1");
    assert_eq!(
        one,
        here.stdout("accuracy int8.act --data afqmc --batch-size 50 --threads 3")
    );
}

#[test]
fn a_model_that_answers_one_class_is_named() {
    let here = Workplace::new();
    constant(&here, "constant.act", 0);
    let warning = "predicted one class, \"0\", for all 50 examples";
    let run = here.run("accuracy constant.act --data afqmc");
    let said = String::from_utf8(run.stderr).unwrap();
    assert!(
        said.contains(&format!("warning: constant: {warning}")),
        "{said}"
    );

    let table = here.stdout(
        "report constant.act same=constant.act --data afqmc --runs 5 --batch 4 --seq 8 \
         -o r.json -o r.md -o r.html",
    );
    let together = format!("Warning: constant, same: {warning}.");
    assert!(table.contains(&together), "{table}");
    let read = |name: &str| std::fs::read_to_string(here.path(name)).unwrap();
    assert!(read("r.md").contains(&together));
    assert!(read("r.html").contains("constant, same: predicted one class"));
    let report: Value = serde_json::from_str(&read("r.json")).unwrap();
    assert_eq!(report["models"][1]["warning"], warning);
    assert_eq!(report["majority_class"]["label"], "0");

    let summary = here.stdout("summary r.json");
    assert!(
        summary.contains("| afqmc   | nothing learned |"),
        "{summary}"
    );
    assert!(
        summary.contains(&format!("Warning: afqmc, same: {warning}.")),
        "{summary}"
    );
    assert_eq!(
        here.json("summary r.json --json")["tasks"][0]["warning"],
        warning
    );
}

#[test]
fn what_is_cut_stands_in_every_answer() {
    let here = Workplace::new();
    let long = "花呗还款".repeat(20);
    let line =
        |text: &str| format!("{{\"sentence1\":\"{text}\",\"sentence2\":\"借\",\"label\":\"0\"}}\n");
    let lines = line("花").repeat(38) + &line(&long).repeat(2);
    std::fs::write(here.path("afqmc/dev.json"), lines).unwrap();
    // 80 characters, 1 and three special tokens.
    let sentence = "2 of 40 examples (5.0 %) are longer than 24 tokens and are cut; 84 tokens keep 99 % \
                    whole";
    let run = here.run("accuracy base.act --data afqmc");
    let said = String::from_utf8(run.stderr).unwrap();
    assert!(
        said.contains(&format!("warning: afqmc/dev: {sentence}")),
        "{said}"
    );
    assert!(String::from_utf8(run.stdout).unwrap().contains(sentence));
    let report = here.json("accuracy base.act --data afqmc --json");
    let cut = &report["dataset"]["cut"];
    assert_eq!((&cut["examples"], &cut["of"]), (&2.into(), &40.into()));
    assert_eq!(
        (&cut["share"], &cut["max_seq_length"]),
        (&0.05.into(), &24.into())
    );
    assert_eq!(cut["keeps_99_percent"], 84);

    let table = here.stdout(
        "report base.act same=base.act --data afqmc --runs 2 --batch 4 --seq 8 -o r.json -o r.md -o r.html",
    );
    let together = format!("base, same: {sentence}.");
    let read = |name: &str| std::fs::read_to_string(here.path(name)).unwrap();
    for text in [unwrapped(&table), read("r.md"), read("r.html")] {
        assert!(text.contains(&together), "{text}");
    }
    let report: Value = serde_json::from_str(&read("r.json")).unwrap();
    assert_eq!(&report["models"][1]["cut"], cut);
    assert_eq!(&report["dataset"]["cut"], cut);
}
