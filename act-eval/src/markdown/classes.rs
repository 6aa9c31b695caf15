//! What an accuracy hides: the figures that weigh classes, and the classes themselves, the first model's
//! and the last's.

use act_core::metrics::Metric;
use act_stage::report::{ClassLoss, ComparedClass, ComparedModel, Figure};

use crate::classes::share;
use crate::comparison::Comparison;
use crate::output::synthetic_tag;
use crate::table::{self, Table};

/// More classes than this are in the JSON only.
const SHOWN: usize = 10;

/// How to read the figures.
pub const FIGURES: &str = "\
Macro-F1 is the mean F1 of the classes, micro-F1 that of all their answers together, LRAP label ranking \
average precision, MCC Matthews' correlation coefficient; their differences are \
against the first model, with 95 % intervals from drawing the examples anew. An interval without width \
means that no example tells the models apart, not that none would.";

/// A row a model: what stands beside accuracy.
pub fn figures(rows: &[ComparedModel]) -> Table {
    let header = |metric: &Metric| {
        let correlation = metric.is_correlation();
        let difference = if correlation {
            "difference"
        } else {
            "difference, points"
        };
        vec![metric.title(), difference]
    };
    table_of_figures(rows, header, |metric, figure| {
        if metric.is_correlation() {
            correlation(figure).into()
        } else {
            percent(figure).into()
        }
    })
}

/// The same without differences, for a terminal.
pub fn figures_alone(rows: &[ComparedModel]) -> Table {
    table_of_figures(
        rows,
        |metric| vec![metric.title()],
        |metric, figure| {
            let [value, _] = if metric.is_correlation() {
                correlation(figure)
            } else {
                percent(figure)
            };
            vec![value]
        },
    )
}

/// The figures that any model has, and its worst class.
fn table_of_figures(
    rows: &[ComparedModel],
    names: impl Fn(&Metric) -> Vec<&'static str>,
    values: impl Fn(&Metric, Option<Figure>) -> Vec<String>,
) -> Table {
    let there = |column: &&Column| rows.iter().any(|row| (column.1)(row).is_some());
    let columns: Vec<&Column> = COLUMNS.iter().filter(there).collect();
    let classes = rows.iter().any(|row| row.worst_class.is_some());
    let mut header = vec!["model"];
    for (metric, _) in &columns {
        header.extend(names(metric));
    }
    header.extend(classes.then_some("worst class (recall)"));
    let mut table = Table::new(header);
    for row in rows {
        let mut cells = vec![row.name.clone()];
        for (metric, figure) in &columns {
            cells.extend(values(metric, figure(row)));
        }
        let worst = row.worst_class.as_ref();
        let worst = worst.map(|worst| format!("{} ({})", worst.label, share(worst.recall)));
        cells.extend(classes.then(|| worst.unwrap_or_default()));
        table.push(cells);
    }
    table
}

/// A figure, and where a model has it.
type Column = (Metric, fn(&ComparedModel) -> Option<Figure>);

/// In the order of the table; a column that no model has is not shown. Pearson's correlation is the
/// accuracy of scores.
const COLUMNS: [Column; 6] = [
    (Metric::MacroF1, |row| row.macro_f1),
    (Metric::MicroF1, |row| row.micro_f1),
    (Metric::Lrap, |row| row.lrap),
    (Metric::F1, |row| row.f1),
    (Metric::Mcc, |row| row.mcc),
    (Metric::Spearman, |row| row.spearman),
];

/// A share and its difference, in cells.
fn percent(figure: Option<Figure>) -> [String; 2] {
    let value = figure.map(|figure| format!("{:.2} %", 100.0 * figure.value));
    let difference = figure.and_then(|figure| figure.difference).map(|d| {
        let interval = table::points_interval(d.low, d.high);
        format!("{} ({interval})", table::points(d.value))
    });
    [value, difference].map(Option::unwrap_or_default)
}

/// A correlation and its difference, in cells.
fn correlation(figure: Option<Figure>) -> [String; 2] {
    let value = figure.map(|figure| format!("{:.3}", figure.value));
    let difference = figure.and_then(|figure| figure.difference);
    let difference = difference.map(|d| {
        // Adding 0.0 turns -0.0 into 0.0.
        let [value, low, high] = [d.value, d.low, d.high].map(|x| (x * 1e3).round() / 1e3 + 0.0);
        format!("{value:+.3} ({low:+.3} .. {high:+.3})")
    });
    [value, difference].map(Option::unwrap_or_default)
}

/// The whole section, for the first model and the last.
pub fn section(comparison: &Comparison) -> String {
    let tag = synthetic_tag(comparison.report.synthetic);
    if comparison.models().iter().all(|row| row.classes.is_empty()) {
        return String::new();
    }
    let mut text = format!("## Classes{tag}\n\n{FIGURES}\n");
    for sentence in losses(comparison.models()) {
        text += &format!("\n{sentence}\n");
    }
    text += &format!("\n{}\n", which(comparison.models()));
    text + &format!("\n{}", table(comparison.models()))
}

/// The class that lost most, in a sentence a model.
pub fn losses(rows: &[ComparedModel]) -> Vec<String> {
    let of_row = |row: &ComparedModel| row.largest_loss.as_ref().map(|l| loss(&row.name, l));
    rows.iter().filter_map(of_row).collect()
}

fn loss(name: &str, loss: &ClassLoss) -> String {
    let ClassLoss {
        label, examples, ..
    } = loss;
    let d = &loss.difference;
    if d.value >= 0.0 {
        return format!("{name}: no class lost recall.");
    }
    let verdict = if loss.significant {
        "not chance"
    } else {
        "within what chance does to some class"
    };
    format!(
        "{name}: class {label:?} lost most: recall {} before and {} after, {} points ({}, 95 %) on \
         {examples} examples; {verdict}, {} for the largest loss of all classes.",
        share(Some(loss.before)),
        share(Some(loss.after)),
        table::points(d.value),
        table::points_interval(d.low, d.high),
        table::p_words(loss.adjusted_p),
    )
}

/// Which models and classes the table shows.
pub fn which(rows: &[ComparedModel]) -> String {
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
        return String::new();
    };
    let names = match rows.len() {
        1 => first.name.clone(),
        _ => format!("{} and {}", first.name, last.name),
    };
    match last.classes.len() {
        n if n > SHOWN && rows.len() > 1 => format!(
            "The {SHOWN} of {n} classes whose recall changed most from {} to {}; all of all models are \
             in the JSON report.",
            first.name, last.name
        ),
        n if n > SHOWN => {
            format!(
                "The {SHOWN} of {n} classes that {names} knows least; all are in the JSON report."
            )
        }
        _ => format!("The classes of {names}; those of all models are in the JSON report."),
    }
}

/// A row a class: the first model and the last.
pub fn table(rows: &[ComparedModel]) -> Table {
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
        return Table::new(["class"]);
    };
    if rows.len() == 1 {
        return of_one(first);
    }
    let mut table = Table::new([
        "class",
        "examples",
        "recall",
        "difference, points",
        "p",
        "precision",
        "F1",
    ]);
    for class in shown(&last.classes) {
        let (before, after) = (&first.classes[class].count, &last.classes[class].count);
        let difference = last.classes[class].difference;
        let [change, p] = difference
            .map(|d| {
                let interval = table::points_interval(d.low, d.high);
                let change = format!("{} ({interval})", table::points(d.value));
                [change, table::p_value(d.p_value)]
            })
            .unwrap_or_default();
        table.push([
            after.label.clone(),
            after.examples.to_string(),
            both(before.recall, after.recall),
            change,
            p,
            both(before.precision, after.precision),
            both(before.f1, after.f1),
        ]);
    }
    table
}

/// Before and after.
fn both(before: Option<f64>, after: Option<f64>) -> String {
    format!("{} → {}", share(before), share(after))
}

fn of_one(model: &ComparedModel) -> Table {
    let mut table = Table::new(["class", "examples", "recall", "precision", "F1"]);
    for class in shown(&model.classes) {
        let count = &model.classes[class].count;
        table.push([
            count.label.clone(),
            count.examples.to_string(),
            share(count.recall),
            share(count.precision),
            share(count.f1),
        ]);
    }
    table
}

/// Indices of the classes that a table shows, in order: all of them, or those whose recall changed most;
/// of a model alone those with the least.
fn shown(classes: &[ComparedClass]) -> Vec<usize> {
    let mut indices: Vec<usize> = (0..classes.len()).collect();
    if classes.len() > SHOWN {
        let rank = |&class: &usize| {
            let of = &classes[class];
            match of.difference {
                Some(difference) => -difference.value.abs(),
                None => of.count.recall.unwrap_or(f64::INFINITY),
            }
        };
        indices.sort_by(|a, b| rank(a).total_cmp(&rank(b)));
        indices.truncate(SHOWN);
        indices.sort_unstable();
    }
    indices
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classes::{compared, largest_loss};
    use crate::evaluation::Answers;

    /// So many classes of two examples each; of class 11 the second model knows none.
    fn classes(n: usize) -> Vec<ComparedClass> {
        let labels: Vec<String> = (0..n).map(|i| i.to_string()).collect();
        let truth: Vec<u32> = (0..2 * n as u32).map(|i| i / 2).collect();
        let right: Vec<usize> = truth.iter().map(|&t| t as usize).collect();
        let less = right.iter().map(|&p| if p == 11 { 0 } else { p }).collect();
        let [first, second] = [right, less].map(|predicted| Answers::Classes {
            predicted,
            truth: truth.clone(),
        });
        compared(&second, Some(&first), &labels)
    }

    #[test]
    fn of_many_classes_those_are_shown_that_changed_most() {
        assert_eq!(shown(&classes(10)), (0..10).collect::<Vec<_>>());
        let expected: Vec<usize> = (0..9).chain([11]).collect();
        assert_eq!(shown(&classes(20)), expected);
    }

    #[test]
    fn a_loss_is_told_with_its_numbers_and_what_they_are_worth() {
        let lost = largest_loss(&classes(20)).unwrap();
        let told = loss("int8", &lost);
        assert!(
            told.starts_with("int8: class \"11\" lost most: recall 100.0 % before and 0.0 % after, -100.00 points"),
            "{told}"
        );
        assert!(told.contains("within what chance does"), "{told}");
        let none = largest_loss(&classes(5)).unwrap();
        assert_eq!(loss("int8", &none), "int8: no class lost recall.");
    }
}
