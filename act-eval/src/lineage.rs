//! How a model was made, told stage by stage from its provenance, as a tree for people.

use std::fmt::Write;

use act_core::provenance::{Digest, SITE_METRIC, StageRecord};

use crate::output::synthetic_tag;

/// The lineage as a tree: stages first to last, under each what went in and what was measured.
pub fn tree(records: &[StageRecord]) -> String {
    let mut text = String::new();
    for (i, record) in records.iter().enumerate() {
        let last = i + 1 == records.len();
        let (fork, rail) = if last {
            ("└─", "  ")
        } else {
            ("├─", "│ ")
        };
        let StageRecord {
            stage,
            version,
            seed,
            device,
            ..
        } = record;
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{fork} {stage} {version}, seed {seed}, {device}");
        let leaves = leaves(record);
        for (j, leaf) in leaves.iter().enumerate() {
            let fork = if j + 1 == leaves.len() {
                "└─"
            } else {
                "├─"
            };
            let _ = writeln!(text, "{rail} {fork} {leaf}");
        }
    }
    text
}

fn leaves(record: &StageRecord) -> Vec<String> {
    let inputs = record
        .inputs
        .iter()
        .map(|i| format!("{} {}", i.role, short(&i.model_digest)));
    let data = record.data.iter().map(|d| {
        let tag = synthetic_tag(d.synthetic);
        format!(
            "data {}, {} examples, {}{tag}",
            d.name,
            d.examples,
            short(&d.digest)
        )
    });
    let metrics = record.metrics.iter();
    let metrics = metrics.filter(|(name, _)| !name.starts_with(SITE_METRIC));
    let metrics = lines(metrics.map(|(name, value)| format!("{name} {}", number(*value))));
    inputs.chain(data).chain(metrics).collect()
}

/// Phrases joined with commas, as many to a line as a narrow terminal holds.
fn lines(phrases: impl Iterator<Item = String>) -> Vec<String> {
    const WIDTH: usize = 66;
    let mut lines: Vec<String> = Vec::new();
    for phrase in phrases {
        match lines.last_mut() {
            Some(line) if line.len() + phrase.len() + 2 <= WIDTH => *line += &format!(", {phrase}"),
            _ => lines.push(phrase),
        }
    }
    lines
}

/// Whole numbers whole, others to four significant digits; JSON has them all.
pub(crate) fn number(value: f64) -> String {
    if value.fract() == 0.0 {
        return value.to_string();
    }
    let digits = 3 - value.abs().log10().floor() as i32;
    match digits {
        0..=8 => {
            let text = format!("{value:.0$}", digits as usize);
            text.trim_end_matches('0').trim_end_matches('.').to_string()
        }
        _ => format!("{value:.3e}"),
    }
}

/// Enough of a digest to tell models apart by eye.
pub fn short(digest: &Digest) -> String {
    digest.to_string().chars().take(12).collect()
}

#[cfg(test)]
mod tests {
    use act_core::provenance::{DataRecord, InputRecord};

    use super::*;

    #[test]
    fn numbers_have_the_digits_that_people_read() {
        let told = [
            12000.0,
            0.5,
            0.690_516_3,
            1.321_515e-9,
            0.0,
            -2.25,
            86_400.123,
        ]
        .map(number);
        let read = [
            "12000", "0.5", "0.6905", "1.322e-9", "0", "-2.25", "8.640e4",
        ];
        assert_eq!(told, read);
    }

    #[test]
    fn phrases_share_lines_that_a_terminal_holds() {
        let phrases = (0..9).map(|i| format!("metric_{i} 0.123{i}"));
        let lines = lines(phrases);
        assert_eq!(lines.len(), 3);
        assert!(
            lines
                .iter()
                .all(|l| l.len() <= 66 && l.starts_with("metric_"))
        );
    }

    #[test]
    fn a_tree_shows_what_went_in_and_what_came_out() {
        let mut first = StageRecord::new("act-distill", 42);
        first.data.push(DataRecord {
            name: "afqmc/train".into(),
            digest: Digest([0xab; 32]),
            examples: 100,
            synthetic: true,
        });
        first.metrics.push(("dev_accuracy".into(), 0.934));
        let mut second = StageRecord::new("act-quant", 7);
        second.inputs.push(InputRecord {
            role: "model".into(),
            model_digest: Digest([0xcd; 32]),
        });
        let version = env!("CARGO_PKG_VERSION");
        let expected = format!(
            "\
├─ act-distill {version}, seed 42, cpu
│  ├─ data afqmc/train, 100 examples, abababababab [synthetic sample]
│  └─ dev_accuracy 0.934
└─ act-quant {version}, seed 7, cpu
   └─ model cdcdcdcdcdcd
"
        );
        assert_eq!(tree(&[first, second]), expected);
        assert_eq!(tree(&[]), "");
    }
}
