//! What was found, for people.

use std::fmt;

use super::{Check, Scores, SplitCheck};
use crate::target::ProblemKind;

/// Labels of a split that are shown: all of IFLYTEK's.
const LABELS: usize = 128;

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let synthetic = if self.synthetic {
            " (synthetic sample)"
        } else {
            ""
        };
        let problem = match self.problem {
            ProblemKind::SingleLabel => String::new(),
            other => format!(", {other}"),
        };
        writeln!(f, "task {}{problem}{synthetic}", self.task)?;
        self.held_out
            .iter()
            .try_for_each(|note| writeln!(f, "{note}"))?;
        if !self.splits.is_empty() {
            writeln!(f, "tokens are those of the vocabulary {}", self.vocabulary)?;
        }
        self.splits.iter().try_for_each(|split| split.fmt(f))?;
        for shared in self.also_in_train.iter().filter(|s| s.examples > 0) {
            writeln!(
                f,
                "\n{} examples of {} are also in train",
                shared.examples, shared.split
            )?;
        }
        let lists = [
            ("columns without effect", &self.unused_columns),
            ("files that are not read", &self.not_read),
        ];
        for (what, names) in lists.into_iter().filter(|(_, names)| !names.is_empty()) {
            writeln!(f, "\n{what}: {}", names.join(", "))?;
        }
        let lists = [("warning", &self.warnings), ("error", &self.errors)];
        for (what, sentences) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
            writeln!(f)?;
            sentences
                .iter()
                .try_for_each(|s| writeln!(f, "{what}: {s}"))?;
        }
        Ok(())
    }
}

impl SplitCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{}: {} examples", self.split, self.examples)?;
        if self.dropped > 0 {
            write!(
                f,
                ", {} lines without a usable label left out",
                self.dropped
            )?;
        }
        if self.wrong > 0 {
            write!(f, ", {} wrong lines not counted", self.wrong)?;
        }
        writeln!(f, "\n  digest      {}", self.digest)?;
        for (name, l) in [("characters", &self.characters), ("tokens", &self.tokens)] {
            let (median, p95, max) = (l.median, l.p95, l.max);
            writeln!(f, "  {name:<11} median {median}, p95 {p95}, max {max}")?;
        }
        writeln!(f, "  cut         {}", self.cut)?;
        if let Some(known) = self.known {
            let (percent, n, unknown) = (100.0 * known.share, known.tokens, known.unknown);
            writeln!(
                f,
                "  known       {percent:.2} % of {n} tokens, {unknown} are [UNK]"
            )?;
        }
        if self.duplicates > 0 {
            let (n, c) = (self.duplicates, self.contradictory);
            writeln!(f, "  duplicates  {n}, {c} of them with another label")?;
        }
        if let Some(Scores { min, mean, max }) = self.scores {
            return writeln!(f, "  scores      {min} to {max}, mean {mean:.3}");
        }
        if self.labels.is_empty() {
            return writeln!(f, "  labels      none");
        }
        match self.majority {
            Some(majority) => writeln!(f, "  majority    {:.1} %", majority * 100.0)?,
            None => {
                let each: usize = self.labels.iter().map(|l| l.examples).sum();
                let each = each as f64 / self.examples.max(1) as f64;
                let none = self.unlabelled;
                writeln!(f, "  labels      {each:.2} a text, none of {none}")?;
            }
        }
        for l in self.labels.iter().take(LABELS) {
            let (label, n, percent) = (&l.label, l.examples, l.share * 100.0);
            writeln!(f, "  label {label:<16} {n:>7} {percent:>6.1} %")?;
        }
        match self.labels.len().saturating_sub(LABELS) {
            0 => Ok(()),
            more => writeln!(f, "  and {more} more labels (--json has all)"),
        }
    }
}
