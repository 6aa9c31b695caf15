//! Truth: what a model answers, how often it is right, how fast it is, and how far to trust each
//! of these numbers.
//!
//! Everything is measured through act-infer, the engine that serves, and nothing here changes a
//! model. One module a subcommand ([`accuracy`], [`bench`], [`predict`], [`inspect`], [`report`],
//! [`summary`], [`gate`]; [`cli`] holds them together), under them the measurements
//! ([`evaluation`], [`latency`], [`operators`], [`sites`]), the statistics ([`paired`],
//! [`resample`], [`classes`], [`figures`], [`confusion`], [`changes`]) and the writing ([`table`], [`conclusion`], [`terminal`], [`promised`], [`markdown`], [`lineage`], [`html`]).
//! What a report holds stands in [`act_stage::report`].

pub mod accuracy;
pub mod args;
pub mod bench;
pub mod changes;
pub mod classes;
pub mod cli;
pub mod comparison;
pub mod conclusion;
pub mod confusion;
pub mod evaluation;
pub mod figures;
pub mod gate;
pub mod html;
pub mod inspect;
pub mod latency;
pub mod lineage;
pub mod markdown;
pub mod model;
pub mod operators;
pub mod output;
pub mod paired;
pub mod predict;
pub mod promised;
pub mod quantised;
pub mod report;
pub mod resample;
pub mod sites;
pub mod summary;
pub mod table;
pub mod terminal;
pub mod training;

pub use cli::{Cli, run};
