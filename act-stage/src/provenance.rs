//! The numbers in a stage's provenance record, as types that writer and reader share: a field's name is
//! the metric's name, their order the order of the metrics. What some records lack, be they of before
//! the number was recorded, is an `Option`.

use std::collections::BTreeMap;

use act_core::provenance::SITE_METRIC;

/// A number by its name.
pub type Metric = (String, f64);

/// What may stand in a record: numbers, numbers that may be absent, counts by name.
trait Figure: Sized {
    fn write(&self, name: String, metrics: &mut Vec<Metric>);
    fn read(name: &str, metrics: &[Metric]) -> Option<Self>;
}

impl Figure for f64 {
    fn write(&self, name: String, metrics: &mut Vec<Metric>) {
        metrics.push((name, *self));
    }

    fn read(name: &str, metrics: &[Metric]) -> Option<Self> {
        let found = metrics.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| *value)
    }
}

impl Figure for usize {
    fn write(&self, name: String, metrics: &mut Vec<Metric>) {
        (*self as f64).write(name, metrics);
    }

    fn read(name: &str, metrics: &[Metric]) -> Option<Self> {
        f64::read(name, metrics).map(|value| value as usize)
    }
}

impl<T: Figure> Figure for Option<T> {
    fn write(&self, name: String, metrics: &mut Vec<Metric>) {
        if let Some(figure) = self {
            figure.write(name, metrics);
        }
    }

    fn read(name: &str, metrics: &[Metric]) -> Option<Self> {
        Some(T::read(name, metrics))
    }
}

/// `sites` counted by scheme: `sites_float`, `sites_static`.
impl Figure for BTreeMap<String, usize> {
    fn write(&self, name: String, metrics: &mut Vec<Metric>) {
        for (kind, count) in self {
            count.write(format!("{name}_{kind}"), metrics);
        }
    }

    fn read(name: &str, metrics: &[Metric]) -> Option<Self> {
        let of_kind = |(n, value): &Metric| {
            let kind = n.strip_prefix(name)?.strip_prefix('_')?;
            Some((kind.to_string(), *value as usize))
        };
        Some(metrics.iter().filter_map(of_kind).collect())
    }
}

macro_rules! figures {
    ($($(#[$doc:meta])* pub struct $name:ident {
        $($(#[$field_doc:meta])* pub $field:ident: $type:ty,)*
    })*) => { $(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl $name {
            /// For a stage's record.
            pub fn to_metrics(&self) -> Vec<Metric> {
                self.under("")
            }

            /// From a stage's record; `None` if it has not got what every such record has.
            pub fn from_metrics(metrics: &[Metric]) -> Option<Self> {
                Self::of("", metrics)
            }

            fn under(&self, prefix: &str) -> Vec<Metric> {
                let mut metrics = Vec::new();
                $(self.$field.write(format!("{prefix}{}", stringify!($field)), &mut metrics);)*
                metrics
            }

            fn of(prefix: &str, metrics: &[Metric]) -> Option<Self> {
                Some(Self {
                    $($field: Figure::read(&format!("{prefix}{}", stringify!($field)), metrics)?,)*
                })
            }
        }
    )* };
}

figures! {
    /// What act-prune records.
    pub struct PruningFigures {
        /// Examples on which importance was measured.
        pub calibration_examples: usize,
        /// Share of all heads that is gone.
        pub heads_removed: f64,
        /// Share of all feed-forward neurons that is gone.
        pub neurons_removed: f64,
        /// Share of all parameters that is gone, embeddings included.
        pub parameters_removed: f64,
        /// Layers before, where some were taken out.
        pub layers_before: Option<usize>,
        /// Layers that stay.
        pub layers_after: Option<usize>,
        /// Units of the residual stream before, where some were taken out.
        pub hidden_before: Option<usize>,
        /// Units that stay.
        pub hidden_after: Option<usize>,
        /// Tokens before, where the vocabulary was shortened.
        pub vocabulary_before: Option<usize>,
        /// Tokens that stay.
        pub vocabulary_after: Option<usize>,
        /// Tokens of train that became `[UNK]` by it.
        pub train_unknown: Option<usize>,
    }

    /// What act-distill records.
    pub struct TrainingFigures {
        /// Examples trained on.
        pub examples: usize,
        /// Steps done.
        pub steps: usize,
        /// Step of the best weights.
        pub best_step: usize,
        /// Mean loss over the last epoch.
        pub final_loss: f64,
        /// Accuracy on the held-out slice of train, if anything was held out.
        pub validation_accuracy: Option<f64>,
        /// The teacher's there.
        pub teacher_validation_accuracy: Option<f64>,
    }

    /// What act-quant records of calibration and search.
    pub struct QuantisationFigures {
        /// Share of train that is held out.
        pub validation_ratio: Option<f64>,
        /// Examples that were calibrated on.
        pub calibration_examples: usize,
        /// Examples that trials were judged on.
        pub held_out_examples: usize,
        /// Number of trials.
        pub trials: usize,
        /// Of the calibrated model from the float one on the held-out examples, in nats an example.
        pub divergence: f64,
        /// The same on examples of train, where trials were judged on texts that no training has seen.
        pub seen_divergence: Option<f64>,
        /// How many inputs each scheme has.
        pub sites: BTreeMap<String, usize>,
        /// Accuracy on the held-out examples, where they have labels.
        pub held_out_accuracy: Option<f64>,
    }

    /// What act-quant records of a training with the rounding; divergences are from its teacher, in nats
    /// an example of the held-out ones.
    pub struct AwareFigures {
        /// Steps done.
        pub trained_steps: usize,
        /// Step of the weights that are kept; 0: the calibrated model is.
        pub kept_step: usize,
        /// Of the calibrated model.
        pub calibrated_teacher_divergence: f64,
        /// Of the best evaluation; absent if there was none.
        pub trained_teacher_divergence: Option<f64>,
    }

    /// What act-quant records of one input of linears, so that `act-eval inspect` can tell it from the
    /// file alone.
    pub struct SiteFigures {
        /// Estimated signal to noise of the linears' outputs in decibels; absent in float.
        pub sqnr_db: Option<f64>,
        /// Signal to noise of the rounded weights in decibels, of several linears the least.
        pub weight_sqnr_db: Option<f64>,
        /// Share of the groups of weights that were cut down to their limit, of several linears the largest;
        /// absent without a limit.
        pub groups_cut: Option<f64>,
        /// What leaving it in float would take off the divergence, in nats an example.
        pub float_gain: Option<f64>,
        /// The exponent of smoothing, if it is smoothed.
        pub smooth_alpha: Option<f64>,
    }
}

impl SiteFigures {
    /// For the record of a model with this input, `layer.0.attention.query.input`.
    pub fn to_metrics_of(&self, site: &str) -> Vec<Metric> {
        self.under(&format!("{SITE_METRIC}{site}."))
    }

    /// From the record of a model with this input; `None` if it says nothing of it.
    pub fn from_metrics_of(site: &str, metrics: &[Metric]) -> Option<Self> {
        let figures = Self::of(&format!("{SITE_METRIC}{site}."), metrics)?;
        let any = figures
            .sqnr_db
            .or(figures.float_gain)
            .or(figures.smooth_alpha);
        any.is_some().then_some(figures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_back_and_names_are_those_of_today() {
        let figures = QuantisationFigures {
            validation_ratio: Some(0.125),
            calibration_examples: 256,
            held_out_examples: 64,
            trials: 4,
            divergence: 2.5e-4,
            seen_divergence: None,
            sites: [("float".into(), 1), ("static".into(), 15)].into(),
            held_out_accuracy: None,
        };
        let metrics = figures.to_metrics();
        let names: Vec<&str> = metrics.iter().map(|(name, _)| name.as_str()).collect();
        let expected = [
            "validation_ratio",
            "calibration_examples",
            "held_out_examples",
            "trials",
            "divergence",
            "sites_float",
            "sites_static",
        ];
        assert_eq!(names, expected);
        assert_eq!(QuantisationFigures::from_metrics(&metrics), Some(figures));
        assert_eq!(QuantisationFigures::from_metrics(&metrics[..4]), None);
        let old = QuantisationFigures::from_metrics(&metrics[1..]).unwrap();
        assert_eq!(old.validation_ratio, None, "not recorded at first");
    }

    #[test]
    fn figures_of_a_site_stand_behind_its_name() {
        let figures = SiteFigures {
            sqnr_db: Some(31.25),
            weight_sqnr_db: None,
            groups_cut: None,
            float_gain: None,
            smooth_alpha: Some(0.5),
        };
        let metrics = figures.to_metrics_of("pooler.input");
        let smooth = ("site.pooler.input.smooth_alpha".to_string(), 0.5);
        assert_eq!(metrics[1], smooth);
        let read = |site| SiteFigures::from_metrics_of(site, &metrics);
        assert_eq!(read("pooler.input"), Some(figures));
        assert_eq!(read("pooler"), None);
    }
}
