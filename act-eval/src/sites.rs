//! The inputs of a quantised model's linear layers, one row each: what became of it, the error that
//! adds, what leaving it in float would give back, and, where it was measured, what it costs in int8
//! and in float. Answers "why is it not faster, or less accurate?"; what the error was when the model
//! was quantised stands in its provenance.

mod row;
mod times;

use act_core::quant::{ActivationScheme, Calibrator};

use crate::table::{self, Table};
pub use row::{Row, rows};
pub use times::measure;

/// How to read the table.
pub const EXPLANATION: &str = "`ranges`: largest magnitudes of weights and inputs, where they are not \
    127 x 127. `groups`: what the weights of one sign in every two or four add up to at most, so that \
    processors without VNNI multiply fast; `cut`: the share of groups that had to be cut down to it, and \
    `weights` the signal to noise of the rounded weights. `S/N`: signal to noise of the layer's output, as act-quant estimated it. `float gains`: \
    how much less the answers would diverge from the float model's, in thousandths of a nat an example, \
    if this input alone stayed in float; judged on few examples, and about zero where there is nothing \
    to gain. `ms` and `float, ms`: quantising the input and its products, here and in a float model of \
    this shape, 8 sequences of at most 64 tokens on one thread: the difference is what float would cost.";

/// The rows as a table; columns that no row has a figure for are left out.
pub fn table(rows: &[Row]) -> Table {
    type Cell = fn(&Row) -> Option<String>;
    let columns: [(&str, Cell); 10] = [
        ("scale", |row| match row.quant.as_ref()?.activation {
            ActivationScheme::Static { scale, .. } => Some(format!("{scale:.6}")),
            ActivationScheme::DynamicPerToken => Some("per token".into()),
        }),
        ("calibrator", |row| {
            let q = row.quant.as_ref()?;
            let name = q.calibrator.map_or("none", Calibrator::name);
            Some(match q.calibrator_arg {
                0.0 => name.into(),
                arg => format!("{name} {arg}"),
            })
        }),
        ("ranges", |row| {
            let q = row.quant.as_ref()?;
            let full = (q.weight_max, q.activation_max) == (127, 127);
            (!full).then(|| format!("{} x {}", q.weight_max, q.activation_max))
        }),
        ("groups", |row| {
            let limit = row.quant.as_ref()?.group_limit?;
            let name = if limit.size == 2 { "pairs" } else { "quads" };
            Some(format!("{name} {}", limit.max))
        }),
        ("cut, %", |row| {
            Some(format!("{:.2}", 100.0 * row.report.groups_cut?))
        }),
        ("weights, dB", |row| {
            Some(format!("{:.1}", row.report.weight_sqnr_db?))
        }),
        ("S/N, dB", |row| Some(format!("{:.1}", row.report.sqnr_db?))),
        ("float gains, 1e-3", |row| {
            // Adding 0.0 turns -0.0 into 0.0.
            Some(format!(
                "{:+.3}",
                (1e6 * row.report.float_gain?).round() / 1e3 + 0.0
            ))
        }),
        ("ms", |row| Some(table::ms(row.report.ms?))),
        ("float, ms", |row| Some(table::ms(row.report.float_ms?))),
    ];
    let used: Vec<_> = (columns.iter())
        .filter(|(_, cell)| rows.iter().any(|row| cell(row).is_some()))
        .collect();
    let header = ["input of", "scheme"].into_iter();
    let mut table = Table::new(header.chain(used.iter().map(|(name, _)| *name)));
    table = table.with_text_columns(2);
    for row in rows {
        let cells = used.iter().map(|(_, cell)| cell(row).unwrap_or_default());
        let scheme = row.report.scheme.replace('_', " ");
        table.push([row.name(), scheme].into_iter().chain(cells));
    }
    table
}

#[cfg(test)]
mod tests {
    use act_stage::provenance::SiteFigures;

    use super::*;
    use act_core::Linear;
    use act_core::provenance::StageRecord;
    use act_core::testing::{TinyInt8, TinyOptions, tiny_artifact};

    #[test]
    fn figures_come_from_provenance_and_empty_columns_go() {
        let int8 = TinyOptions {
            int8: Some(TinyInt8::default()),
            ..TinyOptions::default()
        };
        let mut model = tiny_artifact(1, &int8);
        model.quant.linears.retain(|q| q.linear != Linear::Pooler);
        let mut record = StageRecord::new("act-quant", 1);
        let figures = SiteFigures {
            sqnr_db: Some(31.25),
            weight_sqnr_db: Some(39.5),
            groups_cut: Some(0.0125),
            float_gain: Some(2.5e-4),
            smooth_alpha: None,
        };
        record.metrics = figures.to_metrics_of("layer.0.attention.query.input");
        let rows = rows(&model.plan, &model.quant, &[record]);
        assert_eq!(rows.len(), 10);
        let told = |row: usize| &rows[row].report;
        assert_eq!(told(0).linears.len(), 3);
        assert_eq!((told(0).sqnr_db, told(1).sqnr_db), (Some(31.25), None));
        assert_eq!(told(8).scheme, "float");
        let text = table(&rows).to_string();
        assert!(
            text.contains("| layer.0.attention.query, key, value |"),
            "{text}"
        );
        assert!(text.contains("+0.250"), "{text}");
        assert!(
            text.contains(" 1.25 |") && text.contains(" 39.5 |"),
            "{text}"
        );
        assert!(!text.contains("ms |"), "{text}");
        let float = tiny_artifact(1, &TinyOptions::default());
        assert!(super::rows(&float.plan, &float.quant, &[]).is_empty());
    }

    #[test]
    fn times_are_of_the_model_and_of_its_twin_in_float() {
        let int8 = TinyOptions {
            int8: Some(TinyInt8::default()),
            ..TinyOptions::default()
        };
        let model = tiny_artifact(1, &int8);
        let mut rows = rows(&model.plan, &model.quant, &[]);
        measure(&model, &mut rows).unwrap();
        // The classifier's time is in the pooler's row.
        let (classifier, others) = rows.split_last().unwrap();
        assert!(classifier.report.ms.is_none());
        let timed = |r: &Row| r.report.ms.is_some() && r.report.float_ms.is_some();
        assert!(others.iter().all(timed));
        assert!(table(&rows).to_string().contains("float, ms"));
    }
}
