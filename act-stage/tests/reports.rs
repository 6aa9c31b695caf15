//! Reports as the programs wrote them before their fields were types: names and shapes stay, and
//! nothing is lost on the way through the types.

use act_stage::report::{
    self, AccuracyDetails, BenchDetails, ComparisonDetails, FamilyIndex, PruningDetails,
    QuantisationDetails, Report, TrainingDetails,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A recorded report is read into its type and written again, word for word.
fn unchanged<D: Serialize + DeserializeOwned>(recorded: &str) {
    let report: Report<D> = report::parse(recorded.as_bytes(), "a stage").unwrap();
    let before: Value = serde_json::from_str(recorded).unwrap();
    let after = serde_json::to_value(&report).unwrap();
    assert_eq!(after, before);
}

#[test]
fn every_field_keeps_its_name_and_shape() {
    unchanged::<PruningDetails>(include_str!("reports/pruning.json"));
    unchanged::<TrainingDetails>(include_str!("reports/training.json"));
    unchanged::<QuantisationDetails>(include_str!("reports/quantisation.json"));
    unchanged::<ComparisonDetails>(include_str!("reports/comparison.json"));
    unchanged::<AccuracyDetails>(include_str!("reports/accuracy.json"));
    unchanged::<BenchDetails>(include_str!("reports/bench.json"));
    let family = include_str!("reports/family.json");
    let index: FamilyIndex = serde_json::from_str(family).unwrap();
    let before: Value = serde_json::from_str(family).unwrap();
    assert_eq!(serde_json::to_value(&index).unwrap(), before);
}

#[test]
fn what_is_no_report_is_refused_with_its_path_and_its_size_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.json");
    let refusal = |json: &str| {
        std::fs::write(&path, json).unwrap();
        let error = report::read::<ComparisonDetails>(&path, "act-eval report").unwrap_err();
        assert_eq!(error.kind(), act_core::ErrorKind::Usage, "{error}");
        error.to_string()
    };
    let recorded = include_str!("reports/comparison.json");
    let mut null: Value = serde_json::from_str(recorded).unwrap();
    null["models"][1]["difference"]["value"] = Value::Null;
    for (json, what) in [
        ("accuracy 93.4 %", "not a report of act-eval report"),
        ("{\"models\": []}", "missing field `schema`"),
        ("{\"schema\": 2}", "schema 2; this program knows schema 1"),
        (&null.to_string(), "invalid type"),
        (
            &recorded.replace("\"size_ratio\": 1.0", "\"size_ratio\": 1e999"),
            "out of range",
        ),
    ] {
        let said = refusal(json);
        assert!(said.contains("r.json: ") && said.contains(what), "{said}");
    }
    let file = std::fs::File::create(&path).unwrap();
    file.set_len((16 << 20) + 1).unwrap();
    let error = report::load(&path).unwrap_err().to_string();
    assert!(error.contains("longer than 16 MiB"), "{error}");
    // Short, and much in memory.
    let many = vec!["{\"\":0}"; 1 << 20].join(",");
    let said = refusal(&format!("{{\"schema\": 1, \"models\": [{many}]}}"));
    assert!(said.contains("MiB of memory"), "{said}");
}
