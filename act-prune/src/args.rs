//! What the command line may ask for beside a configuration: targets and families.
//!
//! A target given here goes before whatever the configuration says about how much to prune; two
//! that contradict each other at the same place are an error.

use std::path::PathBuf;

use act_core::{Error, Result};
use act_stage::config::{Config, Precision, Size, Time};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};

use crate::family;

/// How much to prune; without any of these the configuration says.
#[derive(Debug, Clone, Default, Args)]
pub struct GoalArgs {
    /// So many times faster than the input at the same precision, batch and threads.
    #[arg(long, value_name = "X", group = "goal")]
    pub target_speedup: Option<f64>,
    /// Time of a sequence at the data's own lengths: 8ms, 800us.
    #[arg(long, value_name = "TIME", group = "goal")]
    pub budget: Option<Time>,
    /// Share of the parameters that stays, embeddings included: 0.5.
    #[arg(long, value_name = "SHARE", group = "goal")]
    pub params: Option<f64>,
    /// Size of the file that will be served: 20MB.
    #[arg(long, value_name = "SIZE", group = "goal")]
    pub bytes: Option<Size>,
    /// One model for each speed-up, into the folder `--output`, with an index.json: 1.5,2,3,5.
    #[arg(long, value_name = "X,..", value_delimiter = ',', group = "goal")]
    pub family: Option<Vec<f64>>,
    /// What will be served: int8 (default) or f32. Times and bytes are of it.
    #[arg(long, value_parser = PossibleValuesParser::new(Precision::ALL.map(Precision::name)).try_map(|name| name.parse::<Precision>()))]
    pub precision: Option<Precision>,
    /// Keep the latency table here, not in the user's cache folder.
    #[arg(long, value_name = "FILE")]
    pub latency_table: Option<PathBuf>,
}

impl GoalArgs {
    /// Puts the arguments over a configuration.
    ///
    /// # Errors
    /// Usage: an argument about times or bytes, and neither is a target.
    pub fn apply(&self, config: &mut Config) -> Result<()> {
        let prune = &mut config.prune;
        let targets = [
            self.target_speedup.is_some(),
            self.budget.is_some(),
            self.params.is_some(),
            self.bytes.is_some(),
            self.family.is_some(),
        ];
        if targets.contains(&true) {
            prune.pruned_ratio = None;
            // A family is judged as its fastest member is; each has its own target later.
            let fastest = |family: &Vec<f64>| family.iter().copied().reduce(f64::max);
            prune.target_speedup = self
                .target_speedup
                .or(self.family.as_ref().and_then(fastest));
            prune.budget.clone_from(&self.budget);
            prune.params = self.params;
            prune.bytes.clone_from(&self.bytes);
        }
        prune.precision = self.precision.unwrap_or(prune.precision);
        let timed = prune.target_speedup.is_some() || prune.budget.is_some();
        let idle = [
            ("--latency-table", self.latency_table.is_some() && !timed),
            (
                "--precision",
                self.precision.is_some() && !timed && prune.bytes.is_none(),
            ),
        ];
        match idle.iter().find(|(_, idle)| *idle) {
            Some((flag, _)) => Err(Error::usage(format!(
                "{flag} has no effect without a target that is measured: give --target-speedup X or \
                 --budget TIME"
            ))),
            None => Ok(()),
        }
    }

    /// The speed-ups of a family, if one is asked for.
    ///
    /// # Errors
    /// Those of [`family::members`].
    pub fn members(&self) -> Result<Option<Vec<f64>>> {
        self.family.as_deref().map(family::members).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_go_before_the_configuration() {
        let mut config = Config::default();
        config.prune.pruned_ratio = Some(0.25);
        GoalArgs::default().apply(&mut config).unwrap();
        assert_eq!(config.prune.pruned_ratio, Some(0.25));
        let args = GoalArgs {
            bytes: Some("20MB".parse().unwrap()),
            precision: Some(Precision::F32),
            ..GoalArgs::default()
        };
        args.apply(&mut config).unwrap();
        assert_eq!(config.prune.targets(), ["bytes"]);
        assert_eq!(config.prune.pruned_ratio, None);
        assert_eq!(config.prune.precision, Precision::F32);
        config.check().unwrap();
        let args = GoalArgs {
            family: Some(vec![1.5, 3.0, 2.0]),
            ..GoalArgs::default()
        };
        args.apply(&mut config).unwrap();
        assert_eq!(config.prune.target_speedup, Some(3.0));
        config.check().unwrap();
    }

    #[test]
    fn what_would_change_nothing_is_refused() {
        let told = |args: GoalArgs| {
            let error = args.apply(&mut Config::default()).unwrap_err();
            assert_eq!(error.kind(), act_core::ErrorKind::Usage);
            error.to_string()
        };
        let table = GoalArgs {
            latency_table: Some("table.json".into()),
            params: Some(0.5),
            ..GoalArgs::default()
        };
        assert!(told(table).starts_with("--latency-table has no effect"));
        let precision = GoalArgs {
            precision: Some(Precision::Int8),
            ..GoalArgs::default()
        };
        assert!(told(precision).starts_with("--precision has no effect"));
    }
}
