//! What act-compress promised of the accuracy and what it tried for that, read from its `promise.json` and
//! written into a comparison.

use std::path::Path;

use act_core::{Error, Result};
use act_stage::report::{self, AccuracyPromise, Trial};

use crate::table::{self, Table};

/// Reads a `promise.json`.
///
/// # Errors
/// Usage: no such file, or not one that act-compress writes.
pub fn read(path: &Path) -> Result<AccuracyPromise> {
    let json = report::load(path)?;
    serde_json::from_slice(&json).map_err(|e| {
        let path = path.display();
        Error::usage(format!("{path}: is no promise.json of act-compress: {e}"))
    })
}

/// What was promised, on what it was judged, and whether it is kept.
pub fn sentences(promise: &AccuracyPromise) -> Vec<String> {
    let AccuracyPromise {
        max_drop,
        confidence,
        judge,
        choosing,
        ..
    } = promise;
    let taken = promise.frontier.iter().find(|tried| tried.taken);
    let most = taken.map_or(String::new(), |tried| {
        format!(": it has lost {:.2} at most", tried.most.max(0.0))
    });
    let (kept, confidence) = (
        if promise.kept {
            "is kept"
        } else {
            "is NOT kept"
        },
        100.0 * confidence,
    );
    let mut said = vec![
        format!(
            "The promise to lose at most {max_drop} points of accuracy against the base {kept} with {confidence:.0} % \
             confidence{most}, on {} texts that neither training nor choosing has seen ({}).",
            judge.examples, judge.name
        ),
        format!(
            "Tries are short and judged on {choosing} training texts that only choose, each with 95 % confidence; \
             finalists are trained to the end, quantised and judged on the judge's texts, all of them together with \
             {confidence:.0} %."
        ),
    ];
    if judge.base_may_know_them {
        said.push(
            "The base may have been trained on the judge's texts, and is better on them than on new ones: the models \
             are held to more than was asked."
                .into(),
        );
    }
    said
}

/// Every model that was tried.
pub fn frontier(promise: &AccuracyPromise) -> Table {
    let header = [
        "tried", "faster", "file", "points", "at worst", "texts", "fits",
    ];
    let mut table = Table::new(header).with_text_columns(1);
    for tried in &promise.frontier {
        let fits = match (tried.taken, tried.fits) {
            (true, true) => "taken",
            (true, false) => "taken, misses",
            (false, true) => "yes",
            (false, false) => "no",
        };
        let what = match tried.what {
            Trial::Finalist if tried.speedup == 1.0 => "finalist, int8 alone",
            what => what.title(),
        };
        table.push([
            what.to_string(),
            table::times(tried.speedup),
            table::bytes(tried.bytes),
            format!("{:+.2}", 0.0 - tried.drop),
            format!("{:+.2}", 0.0 - tried.most),
            tried.n.to_string(),
            fits.into(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use act_stage::report::{PromiseJudge, Tried};

    use super::*;

    #[test]
    fn a_promise_is_told_with_all_that_was_tried() {
        let tried = |what, speedup, fits, taken| Tried {
            speedup,
            what,
            bytes: 1_500_000,
            drop: 0.1,
            most: 0.4,
            n: 5000,
            fits,
            taken,
        };
        let promise = AccuracyPromise {
            max_drop: 0.5,
            confidence: 0.95,
            kept: true,
            judge: PromiseJudge {
                name: "tnews/train".into(),
                examples: 5000,
                base_may_know_them: true,
            },
            choosing: 2000,
            frontier: vec![
                tried(Trial::Short, 4.0, false, false),
                tried(Trial::Finalist, 2.0, true, true),
            ],
        };
        let said = sentences(&promise).join(" ");
        assert!(
            said.contains("at most 0.5 points") && said.contains("is kept"),
            "{said}"
        );
        assert!(
            said.contains("has lost 0.40 at most") && said.contains("held to more"),
            "{said}"
        );
        let table = frontier(&promise).to_string();
        assert!(
            table.contains("taken") && table.contains("-0.10"),
            "{table}"
        );
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("promise.json");
        std::fs::write(&file, serde_json::to_vec(&promise).unwrap()).unwrap();
        assert_eq!(read(&file).unwrap(), promise);
        std::fs::write(&file, "{}").unwrap();
        assert!(
            read(&file)
                .unwrap_err()
                .to_string()
                .contains("is no promise.json")
        );
    }
}
