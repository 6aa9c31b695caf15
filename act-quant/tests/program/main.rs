//! The program itself: streams and the report, what users get wrong, and inputs that are strange but
//! no mistake.

mod judges;
mod strange;
mod workshop;
mod wrong;

use std::fs;

use act_core::Artifact;
use workshop::workshop;

#[test]
fn quantises_reports_and_filters_alike() {
    let workshop = workshop();
    let search = ["--set", "HyperParameterOptimization.ptq_algo=[KL,hist,avg]"];
    let told = workshop.ends(
        0,
        &format!("float.act --report out.json {}", search.join(" ")),
    );
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
    let trials = report["quantization"]["trials"].as_array().unwrap();
    assert_eq!(
        trials
            .iter()
            .filter(|t| t.get("bias_correct").is_some())
            .count(),
        3,
        "{trials:?}"
    );
    assert_eq!(report["synthetic"], true);
    let costs = &report["quantization"]["costs"];
    let inputs = costs["inputs"].as_array().unwrap();
    assert_eq!(inputs.len(), 10);
    for input in inputs {
        let schemes = input["schemes"].as_array().unwrap();
        let chosen: Vec<_> = schemes.iter().filter(|s| s["chosen"] == true).collect();
        assert_eq!(chosen.len(), 1, "{input}");
        assert_eq!(chosen[0]["scheme"], input["scheme"]);
        assert_eq!(chosen[0]["divergence"], costs["divergence"]);
        let of = |name: &str| schemes.iter().find(|s| s["scheme"] == name).unwrap();
        let bytes = |name: &str| of(name)["bytes"].as_u64().unwrap();
        // So small a weight takes more for its scales than bytes save.
        assert!(bytes("float") != bytes("static"), "{input}");
        assert!(schemes.iter().all(|s| s["divergence"].is_f64()), "{input}");
        // The classifier's time is in the pooler's.
        let timed = input["site"] != "classifier.input";
        assert!(schemes.iter().all(|s| s["ms"].is_f64() == timed), "{input}");
    }
    assert!(report.get("accuracy").is_none(), "dev is not read");

    let mut command = workshop.command(&[&["-q", "-o", "-"], &search[..]].concat());
    let input = fs::File::open(workshop.path("float.act")).unwrap();
    let piped = command.stdin(input).output().unwrap();
    assert!(piped.status.success());
    assert_eq!(piped.stdout, fs::read(workshop.path("out.act")).unwrap());
}
