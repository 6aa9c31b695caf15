//! Figures beside accuracy: a class that is lost is seen.

use act_tests::run;
use serde_json::Value;
use tempfile::tempdir;

use super::case;

/// Accuracy falls by 4 points, and recall of class 2 from 100 % to 0 %.
#[test]
fn a_minority_class_that_is_lost_is_in_the_report_and_misses_the_gate() {
    let Some(case) = case("data/gate-minority-class") else {
        return;
    };
    let folder = tempdir().unwrap();
    let report = folder.path().join("mi.json");
    let report = report.to_str().unwrap();
    let of = |name: &str| case.join(name).to_str().unwrap().to_string();
    let (base, small, data) = (of("miA.act"), of("miB.act"), of("data"));
    let (base, small) = (format!("base={base}"), format!("small={small}"));
    let flags = ["--data", &data, "--runs", "3", "--seq", "16", "-o", report];
    let lost = "small: a class is lost: \"2\" (recall was 100.0 % of 20 examples and is 0)";
    let ran = run(
        "act-eval",
        ["report", &base, &small].into_iter().chain(flags),
    );
    assert!(ran.stderr.contains(lost), "{}", ran.stderr);
    let text = ran.ok();
    let words: Vec<&str> = text.split_whitespace().collect();
    let words = words.join(" ");
    assert!(words.contains(&format!("Warning: {lost}.")), "{text}");
    assert!(words.contains(" small 65.33 % "), "{text}");

    let json: Value = serde_json::from_str(&std::fs::read_to_string(report).unwrap()).unwrap();
    let model = &json["models"][1];
    let value = |figure: &Value| figure["value"].as_f64().unwrap();
    assert!((value(&model["macro_f1"]) - (0.96 + 1.0) / 3.0).abs() < 1e-12);
    assert!(model["macro_f1"]["difference"]["high"].as_f64().unwrap() < -0.3);
    assert_eq!(model["worst_class"]["label"], "2");
    assert_eq!(model["lost_classes"], serde_json::json!(["2"]));
    let loss = &model["largest_loss"];
    assert_eq!(
        (loss["before"].as_f64(), loss["after"].as_f64()),
        (Some(1.0), Some(0.0))
    );
    assert_eq!(
        (loss["examples"].as_u64(), loss["significant"].as_bool()),
        (Some(20), Some(true))
    );

    for (criteria, code, line) in [
        ("--max-drop 5", 0, "ok      small: accuracy -4.00 points"),
        ("--min-speedup 0", 0, "ok      small: speed-up"),
        (
            "--max-drop-f1 5",
            4,
            "missed  small: macro-F1 -34.67 points",
        ),
        (
            "--max-class-drop 5",
            4,
            "missed  small: recall of class \"2\" -100.00 points",
        ),
    ] {
        let flags = criteria.split(' ');
        let ran = run(
            "act-eval",
            ["gate", "--from", report].into_iter().chain(flags),
        );
        let stdout = String::from_utf8(ran.stdout).unwrap();
        assert_eq!(ran.code, Some(code), "{criteria}: {stdout}{}", ran.stderr);
        assert!(stdout.starts_with(line), "{stdout}");
        assert!(stdout.contains(&format!("warning {lost}")), "{stdout}");
        assert!(
            ran.stderr.contains(&format!("warning: {lost}")),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn an_accuracy_has_the_figures_of_every_class_beside_it() {
    let Some(case) = case("data/gate-minority-class") else {
        return;
    };
    let (small, data) = (case.join("miB.act"), case.join("data"));
    let of = |flags: &str| {
        let arguments = [
            "accuracy",
            small.to_str().unwrap(),
            "--data",
            data.to_str().unwrap(),
        ];
        run("act-eval", arguments.into_iter().chain(flags.split(' '))).ok()
    };
    let text = of("--per-class");
    let figures = "macro-F1 65.3 %; MCC 0.927; worst class \"2\", recall 0.0 % of 20";
    assert!(text.contains(figures), "{text}");
    assert!(
        text.contains("| 2     |       20 |       0 |   0.0 % |         - |   0.0 % |"),
        "{text}"
    );
    let json: Value = serde_json::from_str(&of("--json")).unwrap();
    let first = &json["classes"][0];
    assert_eq!(first["examples"], 240);
    for (name, expected) in [("recall", 1.0), ("precision", 240.0 / 260.0), ("f1", 0.96)] {
        let found = first[name].as_f64().unwrap();
        assert!((found - expected).abs() < 1e-12, "{name} {found}");
    }
    assert!(
        json["classes"][2].get("precision").is_none(),
        "never answered"
    );
}
