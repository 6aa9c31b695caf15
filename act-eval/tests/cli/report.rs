//! `act-eval report` and `summary`: the table, the page, the JSON, and what they say of int8.

use act_core::Artifact;
use act_core::provenance::StageRecord;
use act_stage::provenance::{AwareFigures, QuantisationFigures};
use act_stage::report::Report;
use serde_json::{Value, json};

use super::{Workplace, refusal};

#[test]
fn a_report_has_all_models_in_json_and_in_markdown() {
    let here = Workplace::new();
    let table = here.stdout(
        "report base.act small=int8.act --data afqmc --runs 5 --batch 4 --seq 8 \
         -o r.txt -o r.json -o r.md",
    );
    let text = std::fs::read_to_string(here.path("r.txt")).unwrap();
    assert_eq!(text, table, "what is printed");
    assert!(
        table.starts_with("(synthetic sample)\n\nsmall is "),
        "{table}"
    );
    assert!(
        table.contains("\nbase   ") && table.contains("\nsmall  "),
        "{table}"
    );
    assert!(
        table.lines().all(|line| line.chars().count() <= 80),
        "{table}"
    );
    let report: Value =
        serde_json::from_slice(&std::fs::read(here.path("r.json")).unwrap()).unwrap();
    let models = report["models"].as_array().unwrap();
    assert_eq!(models.len(), 2);
    assert_eq!(report["model"], models[1]["model"]);
    assert_eq!(report["accuracy"], models[1]["accuracy"]);
    assert!(models[0].get("difference").is_none());
    let change = models[1]["accuracy"]["value"].as_f64().unwrap()
        - models[0]["accuracy"]["value"].as_f64().unwrap();
    assert!((models[1]["difference"]["value"].as_f64().unwrap() - change).abs() < 1e-12);
    assert!(models[1]["size_ratio"].as_f64().unwrap() > 1.0);
    assert_eq!(models[1]["speedups"].as_array().unwrap().len(), 5);
    assert_eq!(models[1]["lineage"][0]["stage"], "act-distill");
    assert_eq!(report["synthetic"], true);
    assert!(
        report["notice"]
            .as_str()
            .unwrap()
            .starts_with("synthetic sample")
    );

    let markdown = std::fs::read_to_string(here.path("r.md")).unwrap();
    assert!(markdown.starts_with("# afqmc: compression report [synthetic sample]\n"));
    let bold = markdown
        .lines()
        .find(|line| line.starts_with("**small is "));
    let first = table.lines().nth(2).unwrap();
    assert!(
        bold.is_some_and(|line| line.contains(first)),
        "the same sentence as on stdout"
    );
    assert!(
        markdown.contains("| base ") && markdown.contains("| small "),
        "{markdown}"
    );
    for part in [
        "## Latency",
        "attention: softmax",
        "## Paired differences",
        "## Changed answers",
        "## Layers",
        "## Lineage",
    ] {
        assert!(markdown.contains(part), "{part}");
    }
    let gate = here.run("gate --from r.json --max-drop 100 --min-speedup 0");
    assert_eq!(gate.status.code(), Some(0));
    let gate = here.run("gate --from r.json --min-speedup 1000000");
    assert_eq!(gate.status.code(), Some(4));
    assert!(
        String::from_utf8(gate.stdout)
            .unwrap()
            .starts_with("missed  small: speed-up")
    );
}

#[test]
fn a_report_is_also_one_page_that_needs_nothing_else() {
    let here = Workplace::new();
    let mut student = written_by("act-distill", &here.artifact("base.act"));
    student["training"] = json!({
        "examples": 90, "steps": 9, "best_step": 9, "final_loss": 0.4, "diverged": null,
        "losses": [{"step": 9, "loss": 0.4, "learning_rate": 1e-3}],
        "evaluations": [{"step": 9, "accuracy": 0.7, "best": true}],
    });
    std::fs::write(here.path("student.json"), student.to_string()).unwrap();
    here.stdout(
        "report <b>=base.act small=int8.act --data afqmc --runs 5 --batch 4 --seq 8 \
         --training student.json -o report.html",
    );
    let page = std::fs::read_to_string(here.path("report.html")).unwrap();
    for part in [
        "synthetic sample",
        "Accuracy against latency",
        "Mean training loss",
        "attention: softmax",
        "Confusion of small",
        "answers of the first model changed",
        "Quantisation of small",
        "Lineage",
        "&lt;b&gt;",
    ] {
        assert!(page.contains(part), "{part}");
    }
    // Nothing from elsewhere, nothing that runs, nothing that a name could smuggle in.
    let body = page.replace("http://www.w3.org/2000/svg", "");
    for part in ["http", "<script", "<link", "url(", "<b>"] {
        assert!(!body.contains(part), "{part}");
    }
}

/// Curves are of what was evaluated, which a report names.
#[test]
fn a_training_by_another_metric_is_drawn_under_its_name() {
    let here = Workplace::new();
    let mut student = written_by("act-distill", &here.artifact("base.act"));
    let course = |metric: Value, value: &str| {
        json!({
            "examples": 90, "steps": 9, "best_step": 9, "final_loss": 0.4, "diverged": null,
            "losses": [], "metric": metric, "evaluations": [{"step": 9, value: 0.7, "best": true}],
        })
    };
    let mut page = |training: Value| {
        student["training"] = training;
        std::fs::write(here.path("student.json"), student.to_string()).unwrap();
        here.stdout(
            "report base.act int8.act --data afqmc --runs 3 --batch 4 --seq 8 \
             --training student.json -o r.html -o r.json",
        );
        let report = std::fs::read_to_string(here.path("r.json")).unwrap();
        let report: Value = serde_json::from_str(&report).unwrap();
        let page = std::fs::read_to_string(here.path("r.html")).unwrap();
        (page, report["training"][0].clone())
    };
    let (drawn, told) = page(course("macro_f1".into(), "score"));
    assert!(drawn.contains("training held out: macro-F1."), "{drawn}");
    assert_eq!(
        (&told["metric"], &told["evaluations"][0]["score"]),
        (&json!("macro_f1"), &json!(0.7))
    );
    for metric in [Value::Null, "accuracy".into()] {
        let (drawn, told) = page(course(metric, "accuracy"));
        assert!(drawn.contains("training held out: accuracy."), "{drawn}");
        assert_eq!(told["evaluations"][0]["accuracy"], 0.7);
    }
}

/// What every report of a stage says.
fn written_by(stage: &str, model: &Artifact) -> Value {
    serde_json::to_value(Report::new(stage, model).unwrap()).unwrap()
}

/// A report of act-quant on `model`, after a training.
fn told_by_act_quant(model: &Artifact) -> Value {
    let mut report = written_by("act-quant", model);
    report["quantization"] = json!({
        "weight_quantize_type": "channel_wise_abs_max", "bias_correction": false,
        "shift_tokens": false, "calibration_examples": 256, "held_out_examples": 64,
        "divergence": 3.8e-3, "schemes": {"static": 15}, "sites": [], "embeddings": [],
        "trials": [], "best_trial": 0,
    });
    report["training"] = json!({
        "mode": "auto", "reason": "more than <b>", "max_divergence": 1e-3, "kept": "qat",
        "teacher": null, "examples": 90, "steps": 240, "best_step": 96, "diverged": null,
        "calibrated": {"divergence": 3.8e-3, "accuracy": null},
        "trained": {"divergence": 1.4e-3, "accuracy": null},
        "engine_agreement": null,
        "losses": [],
        "evaluations": [{"step": 96, "divergence": 1.4e-3}],
    });
    report
}

#[test]
fn a_report_says_whether_int8_was_trained_and_why() {
    let here = Workplace::new();
    let mut model = here.artifact("int8.act");
    let mut record = StageRecord::new("act-quant", 42);
    let calibration = QuantisationFigures {
        validation_ratio: Some(0.1),
        calibration_examples: 256,
        held_out_examples: 64,
        trials: 1,
        divergence: 3.8e-3,
        seen_divergence: None,
        sites: [("static".into(), 15)].into(),
        held_out_accuracy: None,
    };
    let training = AwareFigures {
        trained_steps: 240,
        kept_step: 96,
        calibrated_teacher_divergence: 3.8e-3,
        trained_teacher_divergence: Some(1.4e-3),
    };
    record.metrics = [calibration.to_metrics(), training.to_metrics()].concat();
    model.provenance.push(record);
    let told = told_by_act_quant(&model);
    here.save("int8.act", model);
    let command = "report base.act int8.act --data afqmc --runs 3 --batch 4 --seq 8";
    let sentence = "240 steps took the divergence from the teacher on held-out training examples from \
                    0.0038 to 0.0014 nats an example; the weights of step 96 are kept.";
    here.stdout(&format!("{command} -o alone.md"));
    let alone = std::fs::read_to_string(here.path("alone.md")).unwrap();
    assert!(alone.contains(sentence), "{alone}");

    std::fs::write(here.path("q.json"), told.to_string()).unwrap();
    here.stdout(&format!(
        "{command} --training q.json -o r.md -o r.html -o r.json"
    ));
    let read = |name: &str| std::fs::read_to_string(here.path(name)).unwrap();
    let markdown = read("r.md");
    let sentences =
        format!("Calibrated, then trained with the rounding: more than \\<b>. {sentence}");
    assert!(markdown.contains(&sentences), "{markdown}");
    assert!(markdown.contains("(after a step): 1.4 (96)."), "{markdown}");
    let page = read("r.html");
    assert!(page.contains("rounding: more than &lt;b&gt;. "));
    assert!(page.contains("divergence, thousandths of a nat"));
    let json: Value = serde_json::from_str(&read("r.json")).unwrap();
    let quantised = &json["models"][1]["quantised"];
    assert_eq!(quantised["mode"], "auto");
    assert_eq!(quantised["training"]["kept_step"], 96);
    assert!(json["models"][0].get("quantised").is_none());

    let mut other = told.clone();
    other["model"]["digest"] = "ab".repeat(32).into();
    std::fs::write(here.path("q.json"), other.to_string()).unwrap();
    let (code, message) = refusal(here.run(&format!("{command} --training q.json")));
    let expected = "q.json: the report of act-quant on another model (abababababab)";
    assert!(code == 2 && message.contains(expected), "{message}");

    let mut broken = told.clone();
    broken["training"]["evaluations"][0]["divergence"] = Value::Null;
    std::fs::write(here.path("q.json"), broken.to_string()).unwrap();
    let (code, message) = refusal(here.run(&format!("{command} --training q.json")));
    let expected = "q.json: not a report of act-distill or act-quant";
    assert!(code == 2 && message.contains(expected), "{message}");
}

#[test]
fn a_summary_averages_tasks_in_the_reference_order() {
    let here = Workplace::new();
    let written = written_by("act-eval", &here.artifact("base.act"));
    let report = |task: &str, base: f64, int8: f64, [low, high]: [f64; 2], speedup: f64| {
        let latency = |ms: f64| json!([{"batch": 32, "seq": 128, "padding": "fixed", "threads": 1, "median_ms": ms}]);
        let accuracy = |value: f64| json!({"value": value, "low": value - 0.01, "high": value + 0.01, "n": 1000});
        let mut report = written.clone();
        report["task"] = task.into();
        report["models"] = json!([
            {"name": "base", "model": written["model"], "accuracy": accuracy(base),
             "size_ratio": 1.0, "latency": latency(100.0), "speedups": []},
            {"name": "int8", "model": written["model"], "accuracy": accuracy(int8),
             "difference": {"value": int8 - base, "low": low, "high": high, "p_value": 0.5,
                            "only_model": 1, "only_reference": 1},
             "size_ratio": 4.0, "latency": latency(100.0 / speedup),
             "speedups": [{"batch": 32, "seq": 128, "padding": "fixed", "median": speedup}]},
        ]);
        std::fs::write(here.path(&format!("{task}.json")), report.to_string()).unwrap();
    };
    report("csl", 0.8, 0.78, [-0.05, 0.01], 2.0);
    report("afqmc", 0.7, 0.7, [-0.04, 0.04], 8.0);

    let text = here.stdout("summary csl.json afqmc.json");
    assert!(text.contains("| model | AFQMC |   CSL |   AVG |"), "{text}");
    assert!(text.contains("| int8  | 70.00 | 78.00 | 74.00 |"), "{text}");
    assert!(text.contains("within noise"), "{text}");
    let average = &here.json("summary csl.json afqmc.json --json")["average"];
    let close = |field: &str, expected: f64| {
        let value = average[field].as_f64().unwrap();
        assert!((value - expected).abs() < 1e-9, "{field}: {value}");
    };
    close("difference", -0.01);
    // Half-widths 0.03 and 0.04 make 0.05, over two tasks 0.025.
    close("low", -0.035);
    close("high", -0.01 + 0.025);
    close("speedup", 4.0);

    here.stdout("summary csl.json afqmc.json -o tasks.html -o tasks.md -o tasks.json");
    let read = |name: &str| std::fs::read_to_string(here.path(name)).unwrap();
    assert_eq!(read("tasks.md"), text);
    assert!(read("tasks.json").contains("\"speedup\": 4.0"));
    let page = read("tasks.html");
    for part in ["2 tasks", "4.00x", "-5.00 .. +1.00", "geometric mean"] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("<script"), "nothing runs");

    let (code, line) = refusal(here.run("summary csl.json csl.json"));
    assert_eq!((code, line.contains("a second report of csl")), (2, true));
    let (code, line) = refusal(here.run("summary base.act"));
    assert_eq!((code, line.contains("base.act: not a report")), (2, true));
}

#[test]
fn a_models_name_moves_no_cursor_and_is_no_html() {
    let here = Workplace::new();
    let evil = "a\u{1b}[2J<b>.act";
    std::fs::copy(here.path("int8.act"), here.path(evil)).unwrap();
    let flags = "--data afqmc --runs 2 --batch 4 --seq 8";
    let printed = here.stdout(&format!("report base.act {evil} {flags} -o r.md"));
    let markdown = std::fs::read_to_string(here.path("r.md")).unwrap();
    let raced = here.stdout(&format!("bench {evil} --compare base.act {flags}"));
    for text in [&printed, &markdown, &raced] {
        assert!(!text.contains('\u{1b}'), "{text:?}");
        assert!(text.contains("a\\u{1b}[2J"), "{text}");
    }
    assert!(!markdown.contains("J<b>"), "{markdown}");
}
