//! The inputs of a quantised model's linear layers, one row each: what became of it, the error that
//! adds, what leaving it in float would give back, and, where it was measured, what it costs in int8
//! and in float. Answers "why is it not faster, or less accurate?"; what the error was when the model
//! was quantised stands in its provenance.

mod times;

use act_core::provenance::{SITE_METRIC, StageRecord};
use act_core::quant::{ActivationScheme, LinearQuant, QuantSpec};
use act_core::{Linear, Plan, Site};
use serde::Serialize;
use serde_json::{Value, json};

use crate::table::{self, Table};
pub use times::measure;

/// How to read the table.
pub const EXPLANATION: &str = "`ranges`: largest magnitudes of weights and inputs, where they are not \
    127 x 127. `S/N`: signal to noise of the layer's output, as act-quant estimated it. `float gains`: \
    how much less the answers would diverge from the float model's, in thousandths of a nat an example, \
    if this input alone stayed in float; judged on few examples, and about zero where there is nothing \
    to gain. `ms` and `float, ms`: quantising the input and its products, here and in a float model of \
    this shape, 8 sequences of at most 64 tokens on one thread: the difference is what float would cost.";

/// An input, which one or three linears read.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// `layer.0.attention.query.input`
    pub site: String,
    /// The linears that read it: query, key and value, or one alone.
    pub linears: Vec<String>,
    /// `static`, `smooth`, `dynamic_per_token` or `float`.
    pub scheme: &'static str,
    /// Scale and ranges of the first of the linears, if it is quantised.
    #[serde(skip)]
    quant: Option<LinearQuant>,
    /// Signal to noise at the linears' outputs in decibels, where act-quant recorded it.
    pub sqnr_db: Option<f64>,
    /// What leaving it in float takes off the divergence, in nats an example, where it was recorded.
    pub float_gain: Option<f64>,
    /// Milliseconds in the model as it is, quantising the input included; where it was measured.
    pub ms: Option<f64>,
    /// Milliseconds in a float model of the same shape; where it was measured.
    pub float_ms: Option<f64>,
}

/// A row for each input of a model; none of a float model.
pub fn rows(plan: &Plan, quant: &QuantSpec, provenance: &[StageRecord]) -> Vec<Row> {
    if quant.linears.is_empty() {
        return Vec::new();
    }
    let recorded = |site: &str, what: &str| {
        let name = format!("{SITE_METRIC}{site}.{what}");
        let metrics = provenance.last()?.metrics.iter();
        metrics.rev().find(|(n, _)| *n == name).map(|(_, v)| *v)
    };
    let mut rows: Vec<Row> = Vec::new();
    for linear in plan.linears() {
        if let (Linear::Key(_) | Linear::Value(_), Some(row)) = (linear, rows.last_mut()) {
            row.linears.push(linear.to_string());
            continue;
        }
        let site = Site::Input(linear).to_string();
        let quant = quant.linear(linear).cloned();
        rows.push(Row {
            linears: vec![linear.to_string()],
            scheme: match quant.as_ref().map(|q| q.activation) {
                None => "float",
                Some(ActivationScheme::DynamicPerToken) => "dynamic_per_token",
                Some(_) if recorded(&site, "smooth_alpha").is_some() => "smooth",
                Some(ActivationScheme::Static { .. }) => "static",
            },
            quant,
            sqnr_db: recorded(&site, "sqnr_db"),
            float_gain: recorded(&site, "float_gain"),
            ms: None,
            float_ms: None,
            site,
        });
    }
    rows
}

/// The rows as a table; columns that no row has a figure for are left out.
pub fn table(rows: &[Row]) -> Table {
    type Cell = fn(&Row) -> Option<String>;
    let columns: [(&str, Cell); 7] = [
        ("scale", |row| match row.quant.as_ref()?.activation {
            ActivationScheme::Static { scale, .. } => Some(format!("{scale:.6}")),
            ActivationScheme::DynamicPerToken => Some("per token".into()),
        }),
        ("calibrator", |row| {
            let q = row.quant.as_ref()?;
            Some(match q.calibrator_arg {
                0.0 => q.calibrator.to_string(),
                arg => format!("{} {arg}", q.calibrator),
            })
        }),
        ("ranges", |row| {
            let q = row.quant.as_ref()?;
            let full = (q.weight_max, q.activation_max) == (127, 127);
            (!full).then(|| format!("{} x {}", q.weight_max, q.activation_max))
        }),
        ("S/N, dB", |row| Some(format!("{:.1}", row.sqnr_db?))),
        ("float gains, 1e-3", |row| {
            // Adding 0.0 turns -0.0 into 0.0.
            Some(format!(
                "{:+.3}",
                (1e6 * row.float_gain?).round() / 1e3 + 0.0
            ))
        }),
        ("ms", |row| Some(table::ms(row.ms?))),
        ("float, ms", |row| Some(table::ms(row.float_ms?))),
    ];
    let used: Vec<_> = (columns.iter())
        .filter(|(_, cell)| rows.iter().any(|row| cell(row).is_some()))
        .collect();
    let header = ["input of", "scheme"].into_iter();
    let mut table = Table::new(header.chain(used.iter().map(|(name, _)| *name)));
    table = table.with_text_columns(2);
    for row in rows {
        let cells = used.iter().map(|(_, cell)| cell(row).unwrap_or_default());
        let scheme = row.scheme.replace('_', " ");
        table.push([row.name(), scheme].into_iter().chain(cells));
    }
    table
}

impl Row {
    /// `layer.0.attention.query, key, value`
    fn name(&self) -> String {
        let mut linears = self.linears.iter();
        let first = linears.next().cloned().unwrap_or_default();
        let others = linears.map(|linear| {
            let own = linear.rsplit('.').next();
            format!(", {}", own.unwrap_or(linear))
        });
        [first].into_iter().chain(others).collect()
    }
}

/// Ranges, scale and calibrator of one linear, as JSON.
pub fn json(q: &LinearQuant) -> Value {
    let activation = match q.activation {
        ActivationScheme::Static { scale, zero_point } => {
            json!({"scheme": "static", "scale": scale, "zero_point": zero_point})
        }
        ActivationScheme::DynamicPerToken => json!({"scheme": "dynamic_per_token"}),
    };
    json!({
        "linear": q.linear.to_string(),
        "weight_max": q.weight_max,
        "activation_max": q.activation_max,
        "activation": activation,
        "calibrator": q.calibrator.name(),
        "calibrator_arg": q.calibrator_arg,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
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
        let site = "site.layer.0.attention.query.input";
        record.metrics.push((format!("{site}.sqnr_db"), 31.25));
        record.metrics.push((format!("{site}.float_gain"), 2.5e-4));
        let rows = rows(&model.plan, &model.quant, &[record]);
        assert_eq!(rows.len(), 10);
        assert_eq!(rows[0].linears.len(), 3);
        assert_eq!((rows[0].sqnr_db, rows[1].sqnr_db), (Some(31.25), None));
        assert_eq!(rows[8].scheme, "float");
        let text = table(&rows).to_string();
        assert!(
            text.contains("| layer.0.attention.query, key, value |"),
            "{text}"
        );
        assert!(text.contains("+0.250"), "{text}");
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
        assert!(classifier.ms.is_none());
        let timed = |r: &Row| r.ms.is_some() && r.float_ms.is_some();
        assert!(others.iter().all(timed));
        assert!(table(&rows).to_string().contains("float, ms"));
    }
}
