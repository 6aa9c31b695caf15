//! A summary as one web page: the tasks' differences as a picture with their intervals, then the tables.

use act_core::Result;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::average::{Average, Comparison, ends, interval};
use super::tables;
use crate::html::{STYLE, grid};
use crate::table::{points, points_interval, times};

/// The whole page.
pub(super) fn document(reports: &[Comparison]) -> Result<String> {
    let average = Average::new(reports);
    let (first, last) = ends(&reports[0]);
    let synthetic = reports.iter().any(|report| report.synthetic);
    let warnings = tables::warnings(reports);
    let tasks = match reports.len() {
        1 => "one task".to_string(),
        n => format!("{n} tasks"),
    };
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "act: " (tasks) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { "Compression of " (tasks) }
                    @if synthetic { p.notice { "synthetic sample" } }
                    @for warning in warnings.lines().filter(|line| !line.is_empty()) { p.notice { (warning) } }
                    div.headline {
                        @if let Some(speedup) = average.speedup {
                            div { strong { (times(speedup)) } span { "as fast as " (first.name) ", geometric mean" } }
                        }
                        div {
                            strong { (points(average.difference)) }
                            span { "points of " (last.name) " on average ("
                                (points_interval(average.interval.low, average.interval.high)) ")" }
                        }
                    }
                }
                section { h2 { "Differences" } (picture(reports)) }
                section { h2 { "Accuracy" } (grid(&tables::accuracies(reports))) (grid(&tables::differences(reports))) }
                section { h2 { "Size and latency" } (grid(&tables::latencies(reports))) p { (tables::conditions(reports)) } }
            }
        }
    };
    Ok(page.into_string())
}

/// A line a task: the interval of its difference on an axis that all share.
fn picture(reports: &[Comparison]) -> Markup {
    let rows: Vec<_> = reports
        .iter()
        .filter_map(|report| {
            let difference = ends(report).1.difference.as_ref()?;
            Some((&report.task, difference.value, interval(difference)))
        })
        .collect();
    let widest = rows
        .iter()
        .flat_map(|(_, _, i)| [i.low.abs(), i.high.abs()])
        .fold(1e-4, f64::max);
    // Zero in the middle.
    let at = |value: f64| 50.0 + 50.0 * (value / widest).clamp(-1.0, 1.0);
    html! {
        p { "Points of accuracy against the first model, with 95 % intervals; the line in the middle is no difference, the \
             edges are " (points(widest)) " and less." }
        div.bars {
            @for (task, value, i) in &rows {
                span { (task) }
                div.interval title=(points_interval(i.low, i.high)) {
                    i style=(format!("left:{:.1}%;width:{:.1}%", at(i.low), (at(i.high) - at(i.low)).max(0.4))) {}
                    b style=(format!("left:{:.1}%", at(*value))) {}
                }
                span.number { (points(*value)) }
                span.number { (points_interval(i.low, i.high)) }
            }
        }
    }
}
