//! `act-compress`: see `act-compress --help`.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: act_stage::Allocator = act_stage::Allocator;

fn main() -> ExitCode {
    act_stage::main("act-compress", act_compress::cli::run)
}
