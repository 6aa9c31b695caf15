//! `act-eval`: see `act-eval --help`.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: act_core::cli::Allocator = act_core::cli::Allocator;

fn main() -> ExitCode {
    act_core::cli::main::<act_eval::Cli>("act-eval", act_eval::run)
}
