//! From a file and `--set` flags to a checked [`Config`].
//!
//! Each source becomes a tree that is checked key by key, so that a mistake is told with the file
//! and line, or the flag, that it stands in. The trees are merged only when all are sound.

use std::path::Path;

use serde_json::Map;

use super::adopt::{Findings, typed};
use super::document::{Config, Section};
use super::sections::QuantAware;
use super::source::Source;
use super::tree::{merge, present, without_nulls};
use act_core::error::Result;

impl Config {
    /// Loads a file (or the defaults) and applies `Section.key=value` overrides, the last one
    /// winning. Keys that are accepted without effect are reported in the log.
    ///
    /// # Errors
    /// Of kind usage: every mistake, each with file and line or the flag, the key, and what is
    /// allowed.
    pub fn load(path: Option<&Path>, overrides: &[String]) -> Result<Self> {
        Self::load_recipe(path, &[], overrides)
    }

    /// As [`load`](Self::load), with changes of the recipe before the flags for one program: like the
    /// file's, they may be of keys that only other programs read.
    ///
    /// # Errors
    /// As `load`.
    pub fn load_recipe(
        path: Option<&Path>,
        changes: &[String],
        overrides: &[String],
    ) -> Result<Self> {
        let mut sources = Vec::new();
        if let Some(path) = path {
            sources.push(Source::file(path)?);
        }
        for flag in changes {
            sources.push(Source::recipe_flag(flag)?);
        }
        for flag in overrides {
            sources.push(Source::flag(flag)?);
        }
        let mut findings = Findings::default();
        let mut merged = Map::new();
        for source in &mut sources {
            source.tree = findings.adopt(source);
            merge(&mut merged, source.tree.clone());
        }
        findings.check()?;
        let config = Config {
            places: findings.places,
            ..typed(&[], without_nulls(present(merged)))?
        };
        config.check_rules(&sources)?;
        if let (Some(name), Some(near)) = (&config.global.task_name, config.global.meant_task()) {
            log::warn!("Global.task_name: {name:?} is not a built-in task; did you mean {near:?}?");
        }
        Ok(config)
    }

    /// Rules between keys; the source that spoke last of the section is told.
    fn check_rules(&self, sources: &[Source]) -> Result<()> {
        let aware = self.quant_aware.as_ref();
        let rules = [
            (Section::Train, self.train.check_together()),
            (Section::Distillation, self.distillation.check_together()),
            (Section::Prune, self.prune.check()),
            (
                Section::QuantAware,
                aware.map_or(Ok(()), QuantAware::check_together),
            ),
        ];
        for (section, rule) in rules {
            rule.map_err(|error| {
                let spoke = |source: &&Source| source.tree.contains_key(section.name());
                match sources.iter().rev().find(spoke) {
                    Some(source) => error.context(source.place(&[section.name()])),
                    None => error,
                }
            })?;
        }
        Ok(())
    }
}
