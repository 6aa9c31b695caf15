//! `act-distill`: see `act-distill --help`.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: act_stage::Allocator = act_stage::Allocator;

fn main() -> ExitCode {
    act_stage::main("act-distill", act_distill::cli::run)
}
