//! The last model's most frequent mistakes, and the examples that it answers differently from the
//! first.

use act_stage::report::{Changes, Confusion};

use crate::comparison::Comparison;
use crate::output::synthetic_tag;
use crate::table::Table;
use crate::{changes, confusion};

/// More mistakes than this are in the JSON only.
const MISTAKES: usize = 20;

/// Both sections.
pub fn sections(comparison: &Comparison) -> String {
    let tag = synthetic_tag(comparison.report.synthetic);
    let name = comparison.models().last().map_or("", |r| &r.name);
    let confusion = &comparison.details().confusion;
    let mut text = if confusion.labels.is_empty() {
        String::new()
    } else {
        let mistakes = mistakes(confusion);
        format!("## Most frequent mistakes of {name}{tag}\n\n{mistakes}")
    };
    if let Some(changes) = &comparison.details().changes {
        let summary = changes::summary(changes);
        text += &format!("\n## Changed answers{tag}\n\n{summary}\n");
        if !changes.examples.is_empty() {
            text += &format!("\n{}", changed(changes));
        }
    }
    text
}

fn mistakes(confusion: &Confusion) -> Table {
    let mut table = Table::new(["right answer", "model's", "examples"]).with_text_columns(2);
    for mistake in confusion::mistakes(confusion, MISTAKES) {
        let [truth, predicted] =
            [mistake.truth, mistake.predicted].map(|class| confusion.labels[class].clone());
        table.push([truth, predicted, mistake.examples.to_string()]);
    }
    table
}

fn changed(changes: &Changes) -> Table {
    let mut table =
        Table::new(["example", "text", "pair", "right", "before", "after"]).with_text_columns(6);
    for change in &changes.examples {
        table.push([
            change.example.to_string(),
            change.text.clone(),
            change.pair.clone().unwrap_or_default(),
            change.truth.clone(),
            change.before.clone(),
            change.after.clone(),
        ]);
    }
    table
}
