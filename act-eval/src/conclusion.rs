//! What a comparison comes to, in a sentence that names its models: how much faster, how much smaller, and
//! whether the answers are worse, each with what the measurement leaves open.

use std::cmp::Ordering;

use act_stage::report::{ComparedModel, PairedDifference};

use crate::comparison::Comparison;
use crate::table::{points, points_interval, times};

/// Of the last model against the first; `None` of one model.
pub fn sentence(comparison: &Comparison) -> Option<String> {
    let (last, earlier) = comparison.models().split_last()?;
    let first = earlier.first()?;
    let size = match last.size_ratio {
        same if (same - 1.0).abs() < 0.005 => "no smaller".to_string(),
        smaller if smaller >= 1.0 => format!("{} smaller", times(smaller)),
        smaller => format!("{} larger", times(1.0 / smaller.max(1e-9))),
    };
    let (name, base) = (&last.name, &first.name);
    let time = last.speedups.first().zip(comparison.races.first());
    let mut sentence = match time {
        None => format!("{name} is {size} than {base}."),
        Some((speedup, race)) => {
            let (ratio, setting) = (speedup.ratio, race.setting);
            let (median, low, high) = (times(ratio.median), times(ratio.p5), times(ratio.p95));
            if ratio.is_unsteady() {
                format!(
                    "{name} is {size} than {base}; how fast it is at {setting} could not be told on a busy machine \
                     ({low} .. {high})."
                )
            } else {
                format!(
                    "{name} is {median} as fast as {base} at {setting} ({low} .. {high}) and {size}."
                )
            }
        }
    };
    if let Some(difference) = &last.difference {
        sentence += &format!(" {}.", answers(first, last, difference));
    }
    Some(sentence)
}

/// The interval to trust: over groups where examples depend on each other.
pub fn interval(d: &PairedDifference) -> (f64, f64) {
    d.grouped.map_or((d.low, d.high), |g| (g.low, g.high))
}

/// `Greater` or `Less` where the interval leaves out 0.
pub fn direction(d: &PairedDifference) -> Ordering {
    match interval(d) {
        (low, _) if low > 0.0 => Ordering::Greater,
        (_, high) if high < 0.0 => Ordering::Less,
        _ => Ordering::Equal,
    }
}

fn answers(first: &ComparedModel, last: &ComparedModel, d: &PairedDifference) -> String {
    let figure = last.accuracy.metric.title();
    let (low, high) = interval(d);
    let found = format!(
        "{} points ({}, 95 %)",
        points(d.value),
        points_interval(low, high)
    );
    match direction(d) {
        Ordering::Greater => format!("Its {figure} is better: {found}"),
        Ordering::Less => format!("Its {figure} is worse: {found}"),
        Ordering::Equal => format!(
            "{} examples cannot tell its {figure} from {}'s: {found}",
            last.accuracy.n, first.name
        ),
    }
}
