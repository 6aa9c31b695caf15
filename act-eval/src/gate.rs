//! `act-eval gate`: turns a report into pass or fail, one line for each criterion, so that a build
//! can depend on it. It measures nothing and changes nothing.

use std::path::PathBuf;

use act_core::{Error, Result};
use act_stage::report::{self, ComparedModel, ComparisonDetails, Report};
use act_stage::{Context, Exit, LogArgs};

use crate::args;
use crate::output::{self, synthetic_tag};
use crate::table::points;

/// Arguments of `act-eval gate`.
#[derive(Debug, Clone, clap::Args)]
#[command(group(
    clap::ArgGroup::new("criteria")
        .args(["max_drop", "min_speedup"])
        .required(true)
        .multiple(true)
))]
pub struct Args {
    /// The JSON that `act-eval report` wrote; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    pub from: PathBuf,
    /// Model to judge, by its name in the report; default: the last.
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// Accuracy lost against the first model, in percentage points, at most.
    #[arg(long, value_name = "POINTS", value_parser = args::not_negative)]
    pub max_drop: Option<f64>,
    /// Speed-up over the first model, at least.
    #[arg(long, value_name = "RATIO", value_parser = args::not_negative)]
    pub min_speedup: Option<f64>,
    /// What it says.
    #[command(flatten)]
    pub log: LogArgs,
}

/// Who writes what is judged here.
const WRITER: &str = "act-eval report";

/// One criterion's outcome.
struct Verdict {
    passed: bool,
    line: String,
}

/// Runs the subcommand.
pub fn run(args: &Args, ctx: &Context) -> Result<Exit> {
    let report = report::read(&args.from, WRITER)?;
    let verdicts = judge(args, &report).map_err(|e| e.context(args.from.display()))?;
    let lines: String = verdicts.iter().map(|v| format!("{}\n", v.line)).collect();
    output::print(ctx, &lines)?;
    let passed = verdicts.iter().all(|v| v.passed);
    Ok(if passed { Exit::Done } else { Exit::Missed })
}

fn judge(args: &Args, report: &Report<ComparisonDetails>) -> Result<Vec<Verdict>> {
    let models = &report.details.models;
    let model = find(models, args.model.as_deref())?;
    let mut verdicts = Vec::new();
    if let Some(most) = args.max_drop {
        verdicts.push(drop_of(model, most)?);
    }
    if let Some(least) = args.min_speedup {
        verdicts.push(speedup_of(model, least)?);
    }
    for v in &mut verdicts {
        let outcome = if v.passed { "ok    " } else { "missed" };
        v.line = format!(
            "{outcome}  {}: {}{}",
            model.name,
            v.line,
            synthetic_tag(report.synthetic)
        );
    }
    Ok(verdicts)
}

fn find<'a>(models: &'a [ComparedModel], name: Option<&str>) -> Result<&'a ComparedModel> {
    let found = match name {
        Some(name) => models.iter().find(|m| m.name == name),
        None => models.last(),
    };
    found.ok_or_else(|| {
        let names: Vec<&str> = models.iter().map(|m| m.name.as_str()).collect();
        Error::usage(match (name, names.is_empty()) {
            (Some(name), false) => format!("no model {name}; there are {}", names.join(", ")),
            _ => "no models to judge: is it the JSON that act-eval report wrote?".into(),
        })
    })
}

fn drop_of(model: &ComparedModel, most: f64) -> Result<Verdict> {
    let Some(difference) = &model.difference else {
        return Err(nothing_to_compare(model));
    };
    let [change, low, high] = [difference.value, difference.low, difference.high].map(points);
    Ok(Verdict {
        // A drop of exactly the limit passes, whatever its last bit says.
        passed: -100.0 * difference.value <= most + 1e-9,
        line: format!(
            "accuracy {change} points ({low} .. {high}, 95 %), a drop of at most {most} wanted"
        ),
    })
}

fn speedup_of(model: &ComparedModel, least: f64) -> Result<Verdict> {
    let Some(s) = model.speedups.first() else {
        return Err(nothing_to_compare(model));
    };
    let (batch, seq, padding) = (s.batch, s.seq, s.padding.name());
    let median = s.ratio.median;
    Ok(Verdict {
        passed: median >= least,
        line: format!(
            "speed-up {median:.2}x (batch {batch} x {seq}, padding {padding}), at least {least} \
             wanted"
        ),
    })
}

fn nothing_to_compare(model: &ComparedModel) -> Error {
    Error::usage(format!(
        "{} is the first model, or the only one: there is nothing to compare it with",
        model.name
    ))
}

#[cfg(test)]
mod tests {
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

    fn gate(arguments: &str, report: &Value) -> Result<Vec<Verdict>> {
        let line = format!("gate --from - {arguments}");
        let Gate { args } = Gate::try_parse_from(line.split(' ')).unwrap();
        judge(
            &args,
            &report::parse(report.to_string().as_bytes(), WRITER)?,
        )
    }

    fn passed(arguments: &str) -> Vec<bool> {
        let verdicts = gate(arguments, &report()).unwrap();
        verdicts.iter().map(|v| v.passed).collect()
    }

    #[test]
    fn goals_are_met_or_missed() {
        assert_eq!(passed("--max-drop 0.3 --min-speedup 3"), [true, true]);
        assert_eq!(passed("--max-drop 0.29 --min-speedup 3.3"), [false, false]);
        assert_eq!(passed("--max-drop 0 --model student"), [true]);
    }

    #[test]
    fn a_line_says_what_was_found_and_what_was_wanted() {
        let verdicts = gate("--max-drop 0.2 --min-speedup 3", &report()).unwrap();
        let lines: Vec<&str> = verdicts.iter().map(|v| v.line.as_str()).collect();
        assert_eq!(
            lines,
            [
                "missed  int8: accuracy -0.30 points (-0.60 .. +0.00, 95 %), a drop of at most 0.2 \
                 wanted [synthetic sample]",
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
}
