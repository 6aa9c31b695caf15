//! The program itself: exit codes, one-line errors, streams and the report.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use act_core::testing::{CHARACTERS, TinyInt8, TinyOptions, tiny_artifact};
use act_core::{Artifact, Params, Tensor};
use tempfile::TempDir;

/// A folder with models and their data.
struct Workshop {
    dir: TempDir,
}

impl Workshop {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let workshop = Self { dir };
        workshop.write_data("data", 3);
        workshop.write_data("little", 1);
        let model = tiny_artifact(1, &TinyOptions::default());
        workshop.save("float.act", &model);
        let int8 = TinyOptions {
            int8: Some(TinyInt8::default()),
            ..TinyOptions::default()
        };
        workshop.save("int8.act", &tiny_artifact(1, &int8));
        workshop.save("dead.act", &without_life(model));
        workshop
    }

    /// `times` examples for each character of the tiny vocabulary but the first three.
    fn write_data(&self, name: &str, times: usize) {
        let folder = self.path(name);
        fs::create_dir(&folder).unwrap();
        let texts = CHARACTERS.chars().skip(3).enumerate();
        let lines: String = texts
            .flat_map(|(i, c)| (0..times).map(move |n| (i, format!("{c}借款{n}"))))
            .map(|(i, text)| format!("{{\"text\":\"{text}\",\"label\":\"label {}\"}}\n", i % 3))
            .collect();
        fs::write(folder.join("train.json"), lines).unwrap();
        let description = r#"{"task":"tiny","columns":{"text":"text","label":"label"},
            "labels":["label 0","label 1","label 2"],"synthetic":true}"#;
        fs::write(folder.join("act-dataset.json"), description).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn save(&self, name: &str, model: &Artifact) {
        fs::write(self.path(name), model.to_bytes().unwrap()).unwrap();
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_act-quant"));
        command.current_dir(self.dir.path()).args(args);
        command.stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }
}

/// A model all of whose tensors are 0, so that every activation is.
fn without_life(mut model: Artifact) -> Artifact {
    let zeros = model.params.iter().map(|(name, tensor)| {
        let len = tensor.shape().iter().product();
        (
            name.to_string(),
            Tensor::f32(tensor.shape(), vec![0.0; len]),
        )
    });
    model.params = zeros.collect::<Params>();
    model
}

#[test]
fn quantises_reports_and_filters_alike() {
    let workshop = Workshop::new();
    let output = workshop.run(&[
        "float.act",
        "-o",
        "out.act",
        "--data",
        "data",
        "--report",
        "out.json",
        "--set",
        "HyperParameterOptimization.ptq_algo=[KL, hist, avg]",
    ]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}");
    assert!(
        told.contains("trial 3: avg, weights channel_wise_abs_max"),
        "{told}"
    );

    let int8 = Artifact::open(workshop.path("out.act")).unwrap();
    assert_eq!(int8.quant.linears.len(), int8.plan.linears().len());
    let record = &int8.provenance[0];
    assert_eq!(
        (record.stage.as_str(), record.data[0].name.as_str()),
        ("act-quant", "tiny/train")
    );
    assert!(int8.synthetic());

    let report = fs::read(workshop.path("out.json")).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    assert_eq!(report["model"]["precision"], "int8");
    assert_eq!(
        report["quantization"]["trials"].as_array().unwrap().len(),
        3
    );
    assert_eq!(report["synthetic"], true);
    assert!(report.get("accuracy").is_none(), "dev is not read");

    let mut command = workshop.command(&[
        "-q",
        "--data",
        "data",
        "--set",
        "HyperParameterOptimization.ptq_algo=[KL, hist, avg]",
    ]);
    let input = fs::File::open(workshop.path("float.act")).unwrap();
    let piped = command.stdin(input).output().unwrap();
    assert!(piped.status.success());
    assert_eq!(piped.stdout, fs::read(workshop.path("out.act")).unwrap());
}

#[test]
fn wrong_inputs_end_in_one_line_and_their_exit_code() {
    let workshop = Workshop::new();
    fs::write(workshop.path("text.act"), "not a model").unwrap();
    fs::write(
        workshop.path("conv.yaml"),
        "QuantPost:\n  quantize_op_types: [conv2d]\n",
    )
    .unwrap();
    let data = ["--data", "data"];
    for (code, args, says) in [
        (2, &["int8.act"][..], "quantised already"),
        (2, &["missing.act"], "missing.act"),
        (3, &["text.act"], "text.act"),
        (
            1,
            &["dead.act"],
            "layer.0.attention.query.input is 0 for every",
        ),
        (
            2,
            &["float.act", "-c", "conv.yaml"],
            "write [mul, matmul, matmul_v2]",
        ),
        (
            2,
            &["float.act", "--set", "QuantPost.algo=magic"],
            "QuantPost.algo",
        ),
        (
            2,
            &["float.act", "--set", "QuantPost.weight_max=200"],
            "weight_max",
        ),
        (
            2,
            &["float.act", "--set", "QuantPost.batch_nums=0"],
            "batch_nums",
        ),
        (
            2,
            &[
                "float.act",
                "--set",
                "HyperParameterOptimization.max_quant_count=0",
            ],
            "HyperParameterOptimization.max_quant_count: 0 is not allowed",
        ),
        (
            2,
            &[
                "float.act",
                "--set",
                "HyperParameterOptimization.ptq_algo=[]",
            ],
            "ptq_algo: is empty",
        ),
        (
            2,
            &["float.act", "--set", "QuantPost.schemes=[float]"],
            "QuantPost.schemes: [float] is not allowed",
        ),
        (
            2,
            &[
                "float.act",
                "--deploy",
                "onnx",
                "--set",
                "QuantPost.schemes=[dynamic]",
            ],
            "--deploy onnx",
        ),
    ] {
        let output = workshop.run(&[args, &data, &["-o", "out.act", "-q"]].concat());
        expect_error(&output, code, says);
        assert!(!workshop.path("out.act").exists());
    }
    let little = workshop.run(&["float.act", "--data", "little", "-o", "out.act", "-q"]);
    expect_error(&little, 2, "at least 32");
}

/// The error is the last line; warnings may come before it.
fn expect_error(output: &Output, code: i32, says: &str) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{says}: {text}");
    let error = text.lines().last().unwrap();
    assert!(
        error.starts_with("act-quant: ") && error.contains(says),
        "{says}: {text}"
    );
}
