//! `act-eval gate`: turns a report into pass or fail, one line for each criterion, so that a build
//! can depend on it. It measures nothing and changes nothing.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use act_core::{Error, Result};
use act_stage::{Context, Exit, LogArgs};
use serde::Deserialize;

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

/// What a gate reads of a report; the rest is none of its business.
#[derive(Debug, Deserialize)]
struct Reported {
    schema: u32,
    #[serde(default)]
    synthetic: bool,
    #[serde(default)]
    models: Vec<Judged>,
}

#[derive(Debug, Deserialize)]
struct Judged {
    name: String,
    difference: Option<Difference>,
    #[serde(default)]
    speedups: Vec<Speedup>,
}

#[derive(Debug, Deserialize)]
struct Difference {
    value: f64,
    low: f64,
    high: f64,
}

#[derive(Debug, Deserialize)]
struct Speedup {
    batch: usize,
    seq: usize,
    padding: String,
    median: f64,
}

/// One criterion's outcome.
struct Verdict {
    passed: bool,
    line: String,
}

/// Runs the subcommand.
pub fn run(args: &Args, ctx: &Context) -> Result<Exit> {
    let mut json = Vec::new();
    let read = match args.from.as_os_str() == "-" {
        true => std::io::stdin().lock().read_to_end(&mut json),
        false => File::open(&args.from).and_then(|mut file| file.read_to_end(&mut json)),
    };
    read.map_err(|e| Error::io(&args.from, e))?;
    let verdicts = judge(args, &json).map_err(|e| e.context(args.from.display()))?;
    let lines: String = verdicts.iter().map(|v| format!("{}\n", v.line)).collect();
    output::print(ctx, &lines)?;
    let passed = verdicts.iter().all(|v| v.passed);
    Ok(if passed { Exit::Done } else { Exit::Missed })
}

fn judge(args: &Args, json: &[u8]) -> Result<Vec<Verdict>> {
    let report: Reported = serde_json::from_slice(json)
        .map_err(|e| Error::usage(format!("not a report of act-eval: {e}")))?;
    if report.schema != 1 {
        let message = format!("schema {}; this program knows schema 1", report.schema);
        return Err(Error::usage(message));
    }
    let model = find(&report, args.model.as_deref())?;
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

fn find<'a>(report: &'a Reported, name: Option<&str>) -> Result<&'a Judged> {
    let found = match name {
        Some(name) => report.models.iter().find(|m| m.name == name),
        None => report.models.last(),
    };
    found.ok_or_else(|| {
        let names: Vec<&str> = report.models.iter().map(|m| m.name.as_str()).collect();
        Error::usage(match (name, names.is_empty()) {
            (Some(name), false) => format!("no model {name}; there are {}", names.join(", ")),
            _ => "no models to judge: is it the JSON that act-eval report wrote?".into(),
        })
    })
}

fn drop_of(model: &Judged, most: f64) -> Result<Verdict> {
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

fn speedup_of(model: &Judged, least: f64) -> Result<Verdict> {
    let Some(s) = model.speedups.first() else {
        return Err(nothing_to_compare(model));
    };
    let Speedup {
        batch,
        seq,
        padding,
        median,
    } = s;
    Ok(Verdict {
        passed: *median >= least,
        line: format!(
            "speed-up {median:.2}x (batch {batch} x {seq}, padding {padding}), at least {least} \
             wanted"
        ),
    })
}

fn nothing_to_compare(model: &Judged) -> Error {
    Error::usage(format!(
        "{} is the first model, or the only one: there is nothing to compare it with",
        model.name
    ))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::{Cli, Command};

    const REPORT: &str = r#"{"schema":1,"synthetic":true,"models":[
        {"name":"base","speedups":[]},
        {"name":"student","difference":{"value":0.001,"low":-0.002,"high":0.004},
         "speedups":[{"batch":32,"seq":128,"padding":"fixed","median":1.4}]},
        {"name":"int8","difference":{"value":-0.003,"low":-0.006,"high":0.0},
         "speedups":[{"batch":32,"seq":128,"padding":"fixed","median":3.2},
                     {"batch":1,"seq":40,"padding":"none","median":1.1}]}]}"#;

    fn gate(arguments: &str, report: &str) -> Result<Vec<Verdict>> {
        let line = format!("act-eval gate --from - {arguments}");
        match Cli::try_parse_from(line.split(' ')).unwrap().command {
            Command::Gate(args) => judge(&args, report.as_bytes()),
            _ => unreachable!("gate was asked for"),
        }
    }

    fn passed(arguments: &str) -> Vec<bool> {
        gate(arguments, REPORT)
            .unwrap()
            .iter()
            .map(|v| v.passed)
            .collect()
    }

    #[test]
    fn goals_are_met_or_missed() {
        assert_eq!(passed("--max-drop 0.3 --min-speedup 3"), [true, true]);
        assert_eq!(passed("--max-drop 0.29 --min-speedup 3.3"), [false, false]);
        assert_eq!(passed("--max-drop 0 --model student"), [true]);
    }

    #[test]
    fn a_line_says_what_was_found_and_what_was_wanted() {
        let verdicts = gate("--max-drop 0.2 --min-speedup 3", REPORT).unwrap();
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
        for (arguments, report) in [
            ("--max-drop 1 --model base", REPORT),
            ("--max-drop 1 --model nobody", REPORT),
            ("--max-drop 1", r#"{"schema":1}"#),
            ("--max-drop 1", r#"{"schema":2,"models":[]}"#),
            ("--max-drop 1", "accuracy 93.4 %"),
        ] {
            let error = gate(arguments, report).err().expect(report);
            assert_eq!(error.kind(), act_core::ErrorKind::Usage);
        }
    }

    #[test]
    fn a_gate_without_criteria_is_a_mistake() {
        assert!(Cli::try_parse_from(["act-eval", "gate", "--from", "r.json"]).is_err());
    }
}
