//! One input of linear layers: what the model and its provenance say of it.

use act_core::provenance::StageRecord;
use act_core::quant::{ActivationScheme, LinearQuant, QuantSpec};
use act_core::{Plan, Site};
use act_stage::provenance::SiteFigures;
use act_stage::report::InputSite;

/// An input, which one or three linears read.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// As reports hold it.
    pub report: InputSite,
    /// Scale and ranges of the first of the linears, if it is quantised.
    pub quant: Option<LinearQuant>,
}

/// A row for each input of a model; none of a float model.
pub fn rows(plan: &Plan, quant: &QuantSpec, provenance: &[StageRecord]) -> Vec<Row> {
    if quant.linears.is_empty() {
        return Vec::new();
    }
    let metrics = provenance.last().map_or(&[][..], |record| &record.metrics);
    let mut rows: Vec<Row> = Vec::new();
    for linear in plan.linears() {
        if let (false, Some(row)) = (linear.readers()[0] == linear, rows.last_mut()) {
            row.report.linears.push(linear.to_string());
            continue;
        }
        let site = Site::Input(linear).to_string();
        let figures = SiteFigures::from_metrics_of(&site, metrics);
        let quant = quant.linear(linear).cloned();
        let smooth = figures.as_ref().is_some_and(|f| f.smooth_alpha.is_some());
        let multiplied = quant.as_ref().is_some_and(|q| q.input_multiplier);
        let scheme = match quant.as_ref().map(|q| q.activation) {
            None => "float",
            Some(ActivationScheme::DynamicPerToken) => "dynamic_per_token",
            Some(ActivationScheme::Static { .. }) if multiplied => "smooth_at_run_time",
            Some(ActivationScheme::Static { .. }) if smooth => "smooth",
            Some(ActivationScheme::Static { .. }) => "static",
        };
        rows.push(Row {
            quant,
            report: InputSite {
                site,
                linears: vec![linear.to_string()],
                scheme: scheme.into(),
                sqnr_db: figures.as_ref().and_then(|f| f.sqnr_db),
                weight_sqnr_db: figures.as_ref().and_then(|f| f.weight_sqnr_db),
                groups_cut: figures.as_ref().and_then(|f| f.groups_cut),
                float_gain: figures.as_ref().and_then(|f| f.float_gain),
                ms: None,
                float_ms: None,
            },
        });
    }
    rows
}

impl Row {
    /// `layer.0.attention.query, key, value`
    pub fn name(&self) -> String {
        let mut linears = self.report.linears.iter();
        let first = linears.next().cloned().unwrap_or_default();
        let others = linears.map(|linear| {
            let own = linear.rsplit('.').next();
            format!(", {}", own.unwrap_or(linear))
        });
        [first].into_iter().chain(others).collect()
    }
}
