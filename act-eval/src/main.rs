//! `act-eval`: see `act-eval --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    act_core::cli::main::<act_eval::Cli>("act-eval", act_eval::run)
}
