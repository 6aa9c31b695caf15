//! Command-line arguments in groups. A program, and each of its subcommands, flattens those that
//! have an effect in it; any other flag is a mistake there, which clap tells. What follows from a
//! group is asked of the group, so that nobody can ask for what a program does not have.

mod data;
mod logging;
mod report;
mod run;
mod stage;

pub use data::{ConfigArgs, DataArgs};
pub use logging::LogArgs;
pub use report::ReportArgs;
pub use run::{DeviceArgs, SeedArgs, StrictArgs, ThreadsArgs, cores};
pub use stage::StageArgs;
