//! The gate on reports of three models.

use act_core::testing::{TinyOptions, tiny_artifact};
use clap::Parser;
use serde_json::{Value, json};

use super::*;

#[derive(Parser)]
struct Gate {
    #[command(flatten)]
    args: Args,
}

/// The report of three models: the base, one as good and faster, one worse and much faster.
fn report() -> Value {
    let tiny = tiny_artifact(1, &TinyOptions::default());
    let mut report = Report::new("act-eval", &tiny).unwrap();
    report.mark_synthetic(true);
    let mut report = serde_json::to_value(report).unwrap();
    let model = |name: &str, difference: Value, speedups: Value| {
        json!({
            "name": name,
            "model": report["model"],
            "accuracy": {"value": 0.7, "low": 0.6, "high": 0.8, "n": 100},
            "difference": difference,
            "size_ratio": 1.0,
            "latency": [],
            "speedups": speedups,
        })
    };
    let difference = |value: f64, low: f64, high: f64| {
        json!({"value": value, "low": low, "high": high, "only_model": 1, "only_reference": 1,
               "p_value": 0.5})
    };
    let speedup = |batch, padding, median| json!({"batch": batch, "seq": 128, "padding": padding, "median": median});
    report["models"] = json!([
        model("base", Value::Null, json!([])),
        model(
            "student",
            difference(0.001, -0.002, 0.004),
            json!([speedup(32, "fixed", 1.4)])
        ),
        model(
            "int8",
            difference(-0.003, -0.006, 0.0),
            json!([speedup(32, "fixed", 3.2), speedup(1, "none", 1.1)])
        ),
    ]);
    report
}

fn gate(arguments: &str, report: &Value) -> Result<Outcome> {
    let line = format!("gate --from - {arguments}");
    let Gate { args } = Gate::try_parse_from(line.split(' ')).unwrap();
    judge(
        &args,
        &report::parse(report.to_string().as_bytes(), WRITER)?,
    )
}

fn passed(arguments: &str) -> Vec<bool> {
    let outcome = gate(arguments, &report()).unwrap();
    let met = |v: &Verdict| v.outcome == criteria::Outcome::Met;
    outcome.verdicts.iter().map(met).collect()
}

#[test]
fn goals_are_met_or_missed() {
    assert_eq!(passed("--max-drop 0.3 --min-speedup 3"), [true, true]);
    assert_eq!(passed("--max-drop 0.29 --min-speedup 3.3"), [false, false]);
    assert_eq!(passed("--max-drop 0 --model student"), [true]);
}

#[test]
fn a_line_says_what_was_found_and_what_was_wanted() {
    let outcome = gate("--max-drop 0.2 --min-speedup 3", &report()).unwrap();
    let text = outcome.text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines,
        [
            "missed  int8: accuracy -0.30 points (-0.60 .. +0.00, 95 %), a drop of at most 0.2 \
             wanted; these examples cannot tell: the limit is within the interval [synthetic sample]",
            "ok      int8: speed-up 3.20x (batch 32 x 128, padding fixed), at least 3 wanted \
             [synthetic sample]",
        ]
    );
}

#[test]
fn what_cannot_be_judged_is_an_error() {
    let with = |change: fn(&mut Value)| {
        let mut report = report();
        change(&mut report);
        report
    };
    for (arguments, report) in [
        ("--max-drop 1 --model base", report()),
        ("--max-drop 1 --model nobody", report()),
        ("--max-drop 1", json!({"schema": 1})),
        ("--max-drop 1", with(|r| r["models"] = json!([]))),
        ("--max-drop 1", with(|r| r["schema"] = json!(2))),
        (
            "--max-drop 1",
            with(|r| r["models"][2]["difference"]["value"] = Value::Null),
        ),
        (
            "--min-speedup 1",
            with(|r| r["models"][2]["speedups"][0]["median"] = Value::Null),
        ),
        ("--max-drop 1", json!("accuracy 93.4 %")),
    ] {
        let error = gate(arguments, &report).err().expect(arguments);
        assert_eq!(error.kind(), act_core::ErrorKind::Usage);
    }
}

#[test]
fn a_gate_without_criteria_is_a_mistake() {
    assert!(Gate::try_parse_from(["gate", "--from", "r.json"]).is_err());
}

/// The same report with figures by class: class "a" of 100 examples, "b" of 20, "c" of 4; how many of
/// them int8 still knows.
fn with_classes(known: [usize; 3]) -> Value {
    let mut report = report();
    let classes = |known: [usize; 3], against_first: bool| {
        let of = |(label, examples, known): (&str, usize, usize)| {
            let change = known as f64 / examples as f64 - 1.0;
            let mut class = json!({
                "label": label, "examples": examples, "predicted": known, "correct": known,
                "recall": known as f64 / examples as f64,
            });
            if against_first {
                class["difference"] = json!({
                    "value": change, "low": change - 0.1, "high": change + 0.1, "only_model": 0,
                    "only_reference": examples - known, "p_value": 0.25,
                });
            }
            class
        };
        let [a, b, c] = known;
        Value::from_iter([("a", 100, a), ("b", 20, b), ("c", 4, c)].map(of))
    };
    report["models"][0]["classes"] = classes([100, 20, 4], false);
    report["models"][2]["classes"] = classes(known, true);
    report["models"][2]["macro_f1"] = json!({
        "value": 0.6, "difference": {"value": -0.02, "low": -0.05, "high": -0.011, "draws": 2000},
    });
    report
}

#[test]
fn macro_f1_is_judged_beside_accuracy() {
    let report = with_classes([100, 20, 4]);
    let judged = |arguments: &str| gate(arguments, &report).unwrap().text();
    assert_eq!(
        judged("--max-drop-f1 1"),
        "missed  int8: macro-F1 -2.00 points (-5.00 .. -1.10, 95 %), a drop of at most 1 wanted \
         [synthetic sample]\n"
    );
    assert!(judged("--max-drop-f1 2").starts_with("ok      int8: macro-F1 -2.00 points"));
    let both = judged("--max-drop 5 --max-drop-f1 3");
    assert!(both.starts_with("ok      int8: accuracy"), "{both}");
    assert!(both.contains("\nok      int8: macro-F1"), "{both}");
    assert!(
        both.contains("wanted; these examples cannot tell"),
        "{both}"
    );
}

#[test]
fn the_class_that_drops_most_is_judged_and_small_classes_are_not() {
    let line = |known, arguments: &str| gate(arguments, &with_classes(known)).unwrap().text();
    assert_eq!(
        line([98, 15, 1], "--max-class-drop 5"),
        "missed  int8: recall of class \"b\" -25.00 points (-35.00 .. -15.00, 95 %; 20 examples, p = \
         0.2500), a drop of at most 5 wanted in any class; one class of fewer than 10 examples is not \
         judged [synthetic sample]\n"
    );
    let met = line([98, 15, 1], "--max-class-drop 25");
    assert!(
        met.starts_with("ok ") && met.contains("cannot tell"),
        "{met}"
    );
    let two = line([80, 15, 4], "--max-class-drop 5");
    assert!(two.contains("; 2 classes of 2 drop more"), "{two}");
    let all = line([98, 20, 1], "--max-class-drop 5 --class-examples 1");
    assert!(
        all.starts_with("missed  int8: recall of class \"c\" -75.00"),
        "{all}"
    );
    let error = gate(
        "--max-class-drop 5 --class-examples 101",
        &with_classes([98, 20, 1]),
    );
    let error = error.err().unwrap().to_string();
    assert!(error.starts_with("no class has 101 examples"), "{error}");
}

#[test]
fn a_lost_class_is_told_whatever_the_criteria_are() {
    for (known, lost) in [
        ([100, 20, 4], None),
        ([100, 20, 1], None),
        (
            [100, 0, 4],
            Some("a class is lost: \"b\" (recall was 100.0 % of 20 examples and is 0)"),
        ),
        (
            [100, 20, 0],
            Some("a class is lost: \"c\" (recall was 100.0 % of 4 examples and is 0)"),
        ),
        ([100, 0, 0], Some("2 classes are lost: \"b\" ")),
    ] {
        let outcome = gate("--min-speedup 1", &with_classes(known)).unwrap();
        assert!(outcome.verdicts[0].outcome == criteria::Outcome::Met);
        match lost {
            None => assert_eq!(outcome.lost, None, "{known:?}"),
            Some(lost) => {
                let text = outcome.text();
                assert!(text.contains(&format!("\nwarning int8: {lost}")), "{text}");
            }
        }
    }
}

#[test]
fn an_older_report_is_refused_by_the_criteria_that_need_more_alone() {
    for (arguments, what) in [
        ("--max-drop-f1 1", "no macro-F1 in this report"),
        ("--max-class-drop 1", "no recall by class in this report"),
        ("--max-drop-f1 1 --model base", "nothing to compare"),
        ("--max-class-drop 1 --model base", "nothing to compare"),
    ] {
        let error = gate(arguments, &report()).err().expect(arguments);
        assert_eq!(error.kind(), act_core::ErrorKind::Usage);
        assert!(error.to_string().contains(what), "{error}");
    }
    assert_eq!(passed("--max-drop 1"), [true]);
}

/// The rounds of a quiet machine leave the median to judge by; those of a busy one judge nothing.
#[test]
fn rounds_on_both_sides_of_the_limit_are_told() {
    let text = |p5: f64, p95: f64, arguments: &str| {
        let mut report = report();
        let speedup = &mut report["models"][2]["speedups"][0];
        (speedup["p5"], speedup["p95"]) = (json!(p5), json!(p95));
        speedup["rounds"] = json!(20);
        gate(arguments, &report).unwrap().text()
    };
    let quiet = text(2.9, 3.4, "--min-speedup 3");
    assert!(quiet.starts_with("ok "), "{quiet}");
    assert!(
        quiet.contains("some rounds say otherwise (2.90x .. 3.40x)"),
        "{quiet}"
    );
    let busy = text(2.1, 4.5, "--min-speedup 3");
    assert!(busy.starts_with("unclear int8: "), "{busy}");
    assert!(
        busy.contains("the machine was busy and cannot tell (2.10x .. 4.50x)"),
        "{busy}"
    );
    assert!(text(2.1, 4.5, "--min-speedup 2").starts_with("ok "));
    assert!(text(2.1, 4.5, "--min-speedup 5").starts_with("missed "));
}

#[test]
fn class_examples_without_a_class_criterion_have_no_effect_and_are_refused() {
    let parse = |line: &str| Gate::try_parse_from(line.split(' '));
    assert!(parse("gate --from r.json --max-drop 1 --class-examples 5").is_err());
    assert!(parse("gate --from r.json --max-class-drop 1 --class-examples 0").is_err());
    assert!(parse("gate --from r.json --max-class-drop 1").is_ok());
}
