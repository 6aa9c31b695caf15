//! What a stage's `main` stands in: arguments, configuration, logging, progress, signals, exit codes,
//! atomic output, timing, reports. Knows no burn and no engine.
//!
//! A stage names its [`Allocator`] and hands its work to [`main()`].

pub mod args;
pub mod config;
pub mod memory;
pub mod printed;
pub mod provenance;
pub mod report;
#[cfg(feature = "testing")]
pub mod testing;
pub mod timing;

mod context;
mod exit;
mod failure;
mod frame;
mod generate;
mod input;
mod logger;
mod output;
mod progress;
mod signals;
mod stderr;

pub use args::{
    ConfigArgs, DataArgs, DeviceArgs, LogArgs, ReportArgs, SeedArgs, StageArgs, StrictArgs,
    ThreadsArgs,
};
pub use context::Context;
pub use exit::Exit;
pub use frame::{StageCli, call, main};
pub use output::Listing;
pub use progress::Bars;
pub use signals::Unfinished;

/// The allocator of every binary, which declares it with
/// `#[global_allocator] static ALLOCATOR: act_stage::Allocator = act_stage::Allocator;` (a library
/// must not choose one for its users). Training allocates and frees large buffers at every step; the
/// system allocator is slower at it.
pub use mimalloc::MiMalloc as Allocator;
