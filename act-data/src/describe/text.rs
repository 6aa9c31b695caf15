//! What was understood, for people.

use std::fmt;

use super::Proposal;
use crate::target::ProblemKind;

/// Labels that are shown.
const LABELS: usize = 20;

/// Characters of a text that are shown.
const TEXT: usize = 60;

impl fmt::Display for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "files")?;
        for split in &self.splits {
            writeln!(
                f,
                "  {:<6} {:>7} examples  {}",
                split.split, split.examples, split.source
            )?;
        }
        if !self.not_used.is_empty() {
            writeln!(f, "  not used: {}", self.not_used.join(", "))?;
        }
        writeln!(f, "\ncolumns")?;
        let columns = &self.columns;
        let pair = columns.pair.as_ref();
        let kind = if pair.is_some() {
            "a pair of texts"
        } else {
            "single texts"
        };
        writeln!(f, "  text   {}", columns.text)?;
        pair.iter()
            .try_for_each(|pair| writeln!(f, "  pair   {pair}"))?;
        writeln!(f, "  label  {}", columns.label)?;
        writeln!(f, "\nrows of train ({kind})")?;
        for row in &self.rows {
            let pair = row
                .pair
                .as_ref()
                .map_or(String::new(), |pair| format!(" | {}", short(pair)));
            writeln!(
                f,
                "  {} | {}{pair}",
                row.labels.join(", "),
                short(&row.text)
            )?;
        }
        self.labels(f)?;
        let lists = [("doubts", &self.doubts), ("wrong", &self.errors)];
        for (what, sentences) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
            writeln!(f, "\n{what}")?;
            sentences.iter().try_for_each(|s| writeln!(f, "  {s}"))?;
        }
        Ok(())
    }
}

impl Proposal {
    fn labels(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problem = self.problem;
        let Some(train) = self.splits.iter().find(|split| split.split == "train") else {
            return writeln!(f, "\n{problem}");
        };
        if problem == ProblemKind::Regression {
            return writeln!(f, "\n{problem}: a score a text");
        }
        writeln!(
            f,
            "\n{problem}, {} labels, with their examples in train",
            train.labels.len()
        )?;
        for label in train.labels.iter().take(LABELS) {
            writeln!(f, "  {:>7}  {}", label.examples, label.label)?;
        }
        match train.labels.len().saturating_sub(LABELS) {
            0 => Ok(()),
            more => writeln!(f, "  and {more} more"),
        }
    }
}

/// A text in a line, cut.
fn short(text: &str) -> String {
    let one_line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    match one_line.char_indices().nth(TEXT) {
        Some((end, _)) => format!("{}...", &one_line[..end]),
        None => one_line,
    }
}
