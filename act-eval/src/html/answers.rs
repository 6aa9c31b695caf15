//! The last model's answers: its confusion matrix, and the examples that it answers differently from
//! the first.

use act_stage::report::{Change, Changes, Confusion};
use maud::{Markup, html};

use crate::changes::{self, Direction};
use crate::comparison::Comparison;
use crate::confusion;

/// A matrix of more classes is no picture any more; its largest mistakes are listed instead.
const MOST_CLASSES: usize = 20;

/// Both sections.
pub fn sections(comparison: &Comparison) -> Markup {
    let name = comparison.models().last().map_or("", |r| &r.name);
    let details = comparison.details();
    html! {
        @if !details.confusion.labels.is_empty() {
            section {
                h2 { "Confusion of " (name) }
                @if details.confusion.labels.len() <= MOST_CLASSES { (matrix(&details.confusion)) }
                @else { (mistakes(&details.confusion)) }
            }
        }
        @if let Some(changes) = &details.changes {
            section { h2 { "Changed answers" } (changed(changes)) }
        }
    }
}

/// Rows are the truth, columns the answers; shades are shares of a row.
fn matrix(confusion: &Confusion) -> Markup {
    html! {
        p { "Rows: the right answer. Columns: the model's." }
        div.scroll { table.confusion {
            thead { tr { th {} @for label in &confusion.labels { th.number { (label) } } } }
            tbody {
                @for (truth, (label, row)) in confusion.labels.iter().zip(&confusion.counts).enumerate() {
                    @let total = row.iter().sum::<usize>().max(1);
                    tr {
                        th { (label) }
                        @for (predicted, &count) in row.iter().enumerate() {
                            @let share = 100 * count / total;
                            td.number.right[truth == predicted].wrong[truth != predicted]
                                style=(format!("--share:{share}%")) { (count) }
                        }
                    }
                }
            }
        } }
    }
}

fn mistakes(confusion: &Confusion) -> Markup {
    let label = |class: usize| &confusion.labels[class];
    html! {
        p { (confusion.labels.len()) " classes; the most frequent mistakes:" }
        div.scroll { table {
            thead { tr { th { "right answer" } th { "model's" } th.number { "examples" } } }
            tbody {
                @for m in confusion::mistakes(confusion, MOST_CLASSES) {
                    tr { td { (label(m.truth)) } td { (label(m.predicted)) } td.number { (m.examples) } }
                }
            }
        } }
    }
}

fn changed(changes: &Changes) -> Markup {
    html! {
        p { (changes::summary(changes)) }
        @if !changes.examples.is_empty() {
            div.scroll { table {
                thead { tr { th.number { "example" } th { "text" } th { "right" } th { "before" } th { "after" } } }
                tbody { @for change in &changes.examples { (row(change)) } }
            } }
        }
    }
}

fn row(change: &Change) -> Markup {
    html! {
        tr.(Direction::of(change).name()) {
            td.number { (change.example) }
            td.text { (change.text) @if let Some(pair) = &change.pair { hr; (pair) } }
            td { (change.truth) }
            td { (change.before) }
            td { (change.after) }
        }
    }
}
