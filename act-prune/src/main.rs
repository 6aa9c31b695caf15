//! `act-prune`: see `act-prune --help`.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: act_stage::Allocator = act_stage::Allocator;

fn main() -> ExitCode {
    act_stage::main("act-prune", act_prune::cli::run)
}
