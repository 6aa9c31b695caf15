//! The program as its users meet it: tiny models on disk, a tiny data set, and what comes out of
//! stdout, stderr and the exit code.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use act_core::provenance::{DataRecord, Digest, StageRecord};
use act_core::testing::{TinyInt8, TinyOptions, tiny_artifact};
use act_core::{Artifact, Tensor};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A folder with `base.act`, `int8.act` (its rounded twin, made from the synthetic corpus) and a
/// data set in AFQMC's format.
struct Workplace(TempDir);

impl Workplace {
    fn new() -> Self {
        let dir = Self(TempDir::new().unwrap());
        let float = TinyOptions {
            num_labels: 2,
            ..TinyOptions::default()
        };
        let int8 = TinyOptions {
            int8: Some(TinyInt8::default()),
            ..float.clone()
        };
        dir.save("base.act", afqmc(tiny_artifact(1, &float)));
        let mut rounded = afqmc(tiny_artifact(1, &int8));
        let mut record = StageRecord::new("act-distill", 42);
        record.data.push(DataRecord {
            name: "afqmc/train".into(),
            digest: Digest([7; 32]),
            examples: 100,
            synthetic: true,
        });
        rounded.provenance.push(record);
        dir.save("int8.act", rounded);
        std::fs::create_dir(dir.path("afqmc")).unwrap();
        let lines: String = (0..50)
            .map(|i| {
                let label = usize::from(i % 3 == 0);
                let more = "花呗还款".repeat(i % 4);
                format!(
                    "{{\"sentence1\":\"花呗{i}{more}\",\"sentence2\":\"借{i}\",\
                     \"label\":\"{label}\"}}\n"
                )
            })
            .collect();
        std::fs::write(dir.path("afqmc/dev.json"), lines).unwrap();
        dir
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn save(&self, name: &str, artifact: Artifact) {
        std::fs::write(self.path(name), artifact.to_bytes().unwrap()).unwrap();
    }

    /// Runs `act-eval` here, words split at blanks.
    fn run(&self, arguments: &str) -> Output {
        self.run_with(arguments, b"")
    }

    fn run_with(&self, arguments: &str, stdin: &[u8]) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_act-eval"))
            .args(arguments.split_whitespace())
            .current_dir(self.0.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pipe = child.stdin.take().unwrap();
        let bytes = stdin.to_vec();
        // A program that refuses its arguments never reads.
        let writer = std::thread::spawn(move || drop(pipe.write_all(&bytes)));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        output
    }

    /// What a run prints, if it ends well.
    fn stdout(&self, arguments: &str) -> String {
        text_of(self.run(arguments))
    }

    fn json(&self, arguments: &str) -> Value {
        serde_json::from_str(&self.stdout(arguments)).unwrap()
    }
}

fn afqmc(mut artifact: Artifact) -> Artifact {
    artifact.task.name = "afqmc".into();
    artifact.task.labels = vec!["0".into(), "1".into()];
    artifact
}

fn text_of(output: Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{}: {errors}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// The exit code and the one line on stderr.
fn refusal(output: Output) -> (i32, String) {
    let errors = String::from_utf8(output.stderr).unwrap();
    let line = errors.lines().last().unwrap_or_default().to_string();
    (output.status.code().unwrap(), line)
}

#[test]
fn accuracy_prints_one_line_with_its_interval_and_the_digest() {
    let here = Workplace::new();
    let text = here.stdout("accuracy base.act --data afqmc");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(
        lines[0].starts_with("accuracy ") && lines[0].contains(", 95 %), 50 examples of afqmc")
    );
    let digest = Artifact::open(here.path("base.act"))
        .unwrap()
        .model_digest()
        .unwrap();
    assert_eq!(lines[1], format!("model_digest {digest}"));
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
fn predict_answers_every_line_in_order() {
    let here = Workplace::new();
    let input = "花呗\t借\n\n{\"sentence1\":\"花呗\",\"sentence2\":\"借\"}\n\
                 {\"input_ids\":[2,5,6,3,7,3],\"token_type_ids\":[0,0,0,0,1,1]}";
    let text = text_of(here.run_with("predict base.act --batch-size 3", input.as_bytes()));
    let answers: Vec<Value> = text
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(answers.len(), 4);
    assert_eq!(answers[0], answers[2], "the same pair as text and as JSON");
    assert_ne!(answers[0], answers[1]);
    for answer in &answers {
        let probabilities = answer["probabilities"].as_array().unwrap();
        let sum: f64 = probabilities.iter().map(|p| p.as_f64().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-6);
        let likely = if probabilities[1].as_f64() > probabilities[0].as_f64() {
            "1"
        } else {
            "0"
        };
        assert_eq!(answer["label"], likely);
    }
}

#[test]
fn a_submission_has_the_ids_of_its_lines() {
    let here = Workplace::new();
    let lines = "{\"id\": 2415, \"sentence1\": \"a\", \"sentence2\": \"b\"}\na\tb\n";
    let output = here.run_with("predict base.act --submission", lines.as_bytes());
    let answers: Vec<Value> = text_of(output)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let whole = text_of(here.run_with("predict base.act", b"a\tb\n"));
    let label = &serde_json::from_str::<Value>(&whole).unwrap()["label"];
    assert_eq!(answers[0], json!({"id": 2415, "label": label}));
    assert_eq!(answers[1], json!({"id": 1, "label": label}));
}

#[test]
fn a_bad_line_is_named_after_the_answers_before_it() {
    let here = Workplace::new();
    let output = here.run_with(
        "predict base.act",
        "花\n{\"input_ids\":[999]}\n花\n".as_bytes(),
    );
    assert_eq!(
        output.stdout.split(|&b| b == b'\n').count(),
        2,
        "one answer"
    );
    let (code, line) = refusal(output);
    assert_eq!(code, 2);
    assert!(
        line.contains("standard input:2: input_ids: 999 is not below 128"),
        "{line}"
    );
}

#[test]
fn predict_may_lose_its_reader() {
    let here = Workplace::new();
    std::fs::write(here.path("many.txt"), "花呗\n".repeat(20_000)).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_act-eval"))
        .args(["predict", "base.act", "many.txt"])
        .current_dir(here.0.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        (output.status.code(), output.stderr.as_slice()),
        (Some(0), &b""[..])
    );
}

#[test]
fn bench_measures_every_setting_and_the_ratio() {
    let here = Workplace::new();
    let report = here
        .json("bench int8.act --compare base.act --data afqmc --runs 5 --batch 4 --seq 16 --json");
    let settings = |rows: &Value| -> Vec<(u64, String)> {
        let rows = rows.as_array().unwrap().iter();
        rows.map(|r| {
            (
                r["batch"].as_u64().unwrap(),
                r["padding"].as_str().unwrap().into(),
            )
        })
        .collect()
    };
    let expected = [
        (4, "fixed"),
        (4, "longest"),
        (4, "none"),
        (4, "none"),
        (1, "none"),
    ];
    let expected = expected.map(|(b, p)| (b, p.to_string()));
    assert_eq!(settings(&report["latency"]), expected);
    assert_eq!(settings(&report["speedups"]), expected);
    assert_eq!(report["latency"][0]["seq"], 16);
    assert_eq!(report["latency"][0]["threads"], 1);
    let tokenizing = |i: usize| report["latency"][i]["tokenizing"].as_bool().unwrap();
    assert_eq!([2, 3, 4].map(tokenizing), [false, true, false]);
    let percentile = |name: &str| report["latency"][0][name].as_f64().unwrap();
    assert!(percentile("p99_ms") >= percentile("p95_ms"));
    assert_eq!(report["speedups"][0]["rounds"], 5);
    assert_eq!(report["speedup"], report["speedups"][0]["median"]);
    assert!(report["speedup"].as_f64().unwrap() > 0.0);
}

#[test]
fn bench_scales_over_threads_and_tells_the_memory() {
    let here = Workplace::new();
    let report =
        here.json("bench int8.act --scaling --threads 3 --runs 5 --batch 4 --seq 8 --json");
    let threads = |rows: &Value| -> Vec<u64> {
        let rows = rows.as_array().unwrap().iter();
        rows.map(|r| r["threads"].as_u64().unwrap()).collect()
    };
    assert_eq!(threads(&report["latency"]), [1, 2, 3]);
    assert_eq!(threads(&report["speedups"]), [2, 3]);
    assert_eq!(report["speedup"], Value::Null, "there is no other model");
    if cfg!(target_os = "linux") {
        let bytes = |key: &str| report["memory"][key].as_u64().unwrap();
        assert!(bytes("own_bytes") > 0 && bytes("peak_bytes") >= bytes("own_bytes"));
    }
    let text = here.stdout("bench int8.act --scaling --threads 2 --runs 5 --batch 4 --seq 8");
    assert!(text.contains("| 4 x 8          | 2 threads |"), "{text}");
    assert!(text.contains("1, 2 thread(s) of "), "{text}");
}

#[test]
fn help_shows_only_the_flags_that_matter() {
    let here = Workplace::new();
    let shown = |subcommand: &str, flag: &str| {
        let help = here.stdout(&format!("{subcommand} --help"));
        help.contains(&format!("  {flag}"))
    };
    for subcommand in ["summary", "inspect", "gate", "predict"] {
        assert!(!shown(subcommand, "--data"), "{subcommand}");
        assert!(!shown(subcommand, "--strict"), "{subcommand}");
    }
    assert!(shown("predict", "--threads") && !shown("gate", "--threads"));
    assert!(shown("report", "--data") && !shown("report", "--device"));
    assert!(!shown("accuracy", "--seed") && shown("bench", "--seed"));
    assert!(
        here.stdout("report --help")
            .contains("Threads to measure with")
    );
}

#[test]
fn a_model_that_answers_one_class_is_named() {
    let here = Workplace::new();
    let mut constant = Artifact::open(here.path("base.act")).unwrap();
    let bias = Tensor::f32([2], vec![100.0, -100.0]);
    constant.params.insert("classifier.bias", bias);
    here.save("constant.act", constant);
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
fn bench_without_data_measures_only_full_sequences() {
    let here = Workplace::new();
    let text = here.stdout("bench base.act --runs 5 --batch 2");
    // The model has 32 positions, so the default of 128 tokens becomes 32.
    assert!(text.contains("| 2 x 32 "), "{text}");
    assert!(!text.contains("own length"), "{text}");
}

#[test]
fn a_report_has_all_models_in_json_and_in_markdown() {
    let here = Workplace::new();
    let table = here.stdout(
        "report base.act small=int8.act --data afqmc --runs 5 --batch 4 --seq 8 \
         -o r.json -o r.md",
    );
    assert!(
        table.contains("| base ") && table.contains("| small "),
        "{table}"
    );
    assert!(table.contains("(synthetic sample)"), "{table}");
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
    assert!(
        markdown.contains(table.trim_end()),
        "the same table as on stdout"
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
    let course = r#"{"training":{"losses":[{"step":9,"loss":0.4}],"evaluations":[{"step":9,"accuracy":0.7}]}}"#;
    std::fs::write(here.path("student.json"), course).unwrap();
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

#[test]
fn a_report_says_whether_int8_was_trained_and_why() {
    let here = Workplace::new();
    let mut model = Artifact::open(here.path("int8.act")).unwrap();
    let mut record = StageRecord::new("act-quant", 42);
    let metrics = [
        ("divergence", 3.8e-3),
        ("trained_steps", 240.0),
        ("kept_step", 96.0),
        ("calibrated_teacher_divergence", 3.8e-3),
        ("trained_teacher_divergence", 1.4e-3),
    ];
    record.metrics = metrics.map(|(name, v)| (name.to_string(), v)).into();
    model.provenance.push(record);
    let digest = model.model_digest().unwrap();
    here.save("int8.act", model);
    let report = |digest: &str| {
        json!({
            "stage": "act-quant",
            "model": {"digest": digest},
            "training": {
                "mode": "auto",
                "reason": "more than <b>",
                "evaluations": [{"step": 96, "divergence": 1.4e-3}],
            },
        })
    };
    let command = "report base.act int8.act --data afqmc --runs 3 --batch 4 --seq 8";
    let sentence = "240 steps took the divergence from the teacher on held-out training examples from \
                    0.0038 to 0.0014 nats an example; the weights of step 96 are kept.";
    here.stdout(&format!("{command} -o alone.md"));
    let alone = std::fs::read_to_string(here.path("alone.md")).unwrap();
    assert!(alone.contains(sentence), "{alone}");

    std::fs::write(here.path("q.json"), report(&digest.to_string()).to_string()).unwrap();
    here.stdout(&format!(
        "{command} --training q.json -o r.md -o r.html -o r.json"
    ));
    let read = |name: &str| std::fs::read_to_string(here.path(name)).unwrap();
    let markdown = read("r.md");
    let told = format!("Calibrated, then trained with the rounding: more than <b>. {sentence}");
    assert!(markdown.contains(&told), "{markdown}");
    assert!(markdown.contains("(after a step): 1.4 (96)."), "{markdown}");
    let page = read("r.html");
    assert!(page.contains("rounding: more than &lt;b&gt;. "));
    assert!(page.contains("divergence, thousandths of a nat"));
    let json: Value = serde_json::from_str(&read("r.json")).unwrap();
    let quantised = &json["models"][1]["quantised"];
    assert_eq!(quantised["mode"], "auto");
    assert_eq!(quantised["training"]["kept_step"], 96);
    assert!(json["models"][0].get("quantised").is_none());

    std::fs::write(here.path("q.json"), report("abcdef").to_string()).unwrap();
    let (code, message) = refusal(here.run(&format!("{command} --training q.json")));
    assert!(
        code == 2 && message.contains("q.json: the report of act-quant on another model (abcdef)"),
        "{message}"
    );
}

#[test]
fn inspect_shows_shapes_bytes_and_lineage() {
    let here = Workplace::new();
    let text = here.stdout("inspect int8.act --quant");
    for part in [
        "task            afqmc [synthetic sample]",
        "labels          2: 0, 1",
        "└─ act-distill",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    assert!(text.contains("layer.0.attention.query"), "{text}");
    let json = here.json("inspect int8.act --json");
    let artifact = Artifact::open(here.path("int8.act")).unwrap();
    assert_eq!(
        json["model"]["digest"],
        artifact.model_digest().unwrap().to_string()
    );
    assert_eq!(json["model"]["bytes"], artifact.file_len().unwrap());
    assert_eq!(
        json["tensors"].as_array().unwrap().len(),
        artifact.params.len()
    );
    assert!(
        json["tensors"]
            .as_array()
            .unwrap()
            .iter()
            .all(|t| t["part"].is_string())
    );
    let bytes = std::fs::read(here.path("int8.act")).unwrap();
    assert_eq!(text_of(here.run_with("inspect --quant", &bytes)), text);
}

#[test]
fn mistakes_end_with_one_line_and_the_right_code() {
    let here = Workplace::new();
    std::fs::write(here.path("text.act"), "not a model").unwrap();
    for (arguments, code, message) in [
        ("accuracy missing.act --data afqmc", 2, "missing.act"),
        ("accuracy text.act --data afqmc", 3, "text.act"),
        ("accuracy base.act", 2, "--data"),
        ("accuracy base.act --data nowhere", 2, "nowhere"),
        ("accuracy base.act --data afqmc --split test", 2, "test"),
        ("predict -", 2, "standard input"),
        ("report base.act base.act --data afqmc", 2, "NAME=FILE"),
        ("report base.act --data afqmc -o nowhere/r.md", 2, "nowhere"),
        ("gate --from base.act --max-drop 1", 2, "base.act"),
        ("inspect text.act", 3, "text.act"),
    ] {
        let (got, line) = refusal(here.run(arguments));
        assert_eq!(got, code, "{arguments}: {line}");
        assert!(
            line.starts_with("act-eval: ") && line.contains(message),
            "{arguments}: {line}"
        );
    }
}

#[test]
fn models_with_other_labels_cannot_be_compared() {
    let here = Workplace::new();
    here.save("other.act", tiny_artifact(1, &TinyOptions::default()));
    let (code, line) = refusal(here.run("report base.act other.act --data afqmc"));
    assert_eq!(code, 2);
    assert!(line.contains("different labels"), "{line}");
}

#[test]
fn a_summary_averages_tasks_in_the_reference_order() {
    let here = Workplace::new();
    let report = |task: &str, base: f64, int8: f64, [low, high]: [f64; 2], speedup: f64| {
        let latency = |ms: f64| json!([{"batch": 32, "seq": 128, "padding": "fixed", "threads": 1, "median_ms": ms}]);
        let accuracy = |value: f64| json!({"value": value, "low": value - 0.01, "high": value + 0.01, "n": 1000});
        let report = json!({"schema": 1, "task": task, "host": {"cpu": "a processor"}, "models": [
            {"name": "base", "model": {"precision": "f32", "bytes": 4000}, "accuracy": accuracy(base),
             "size_ratio": 1.0, "latency": latency(100.0), "speedups": []},
            {"name": "int8", "model": {"precision": "int8", "bytes": 1000}, "accuracy": accuracy(int8),
             "difference": {"value": int8 - base, "low": low, "high": high, "p_value": 0.5},
             "size_ratio": 4.0, "latency": latency(100.0 / speedup), "speedups": [{"median": speedup}]},
        ]});
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

    let (code, line) = refusal(here.run("summary csl.json csl.json"));
    assert_eq!((code, line.contains("a second report of csl")), (2, true));
    let (code, line) = refusal(here.run("summary base.act"));
    assert_eq!((code, line.contains("base.act: not a report")), (2, true));
}
