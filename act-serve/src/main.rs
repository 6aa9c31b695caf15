//! `act-serve`: see `act-serve --help`.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: act_stage::Allocator = act_stage::Allocator;

fn main() -> ExitCode {
    act_stage::main::<act_serve::Cli>("act-serve", act_serve::run)
}
