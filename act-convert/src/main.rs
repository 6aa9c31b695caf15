//! `act-convert`: see `act-convert --help`.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: act_stage::Allocator = act_stage::Allocator;

fn main() -> ExitCode {
    act_stage::main("act-convert", act_convert::cli::run)
}
