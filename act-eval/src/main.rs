//! `act-eval`: see `act-eval --help`.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: act_stage::Allocator = act_stage::Allocator;

fn main() -> ExitCode {
    act_stage::main::<act_eval::Cli>("act-eval", act_eval::run)
}
