//! The way from `main` to the exit code.
//!
//! A stage writes `fn main() -> ExitCode { act_stage::main("act-prune", run) }` and returns errors;
//! this crate alone prints them, and no stage calls `std::process::exit`.

use std::ffi::OsString;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;

use act_core::error::Error;

use crate::args::LogArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::{failure, generate, logger, signals};

/// What a stage's arguments must tell the frame.
pub trait StageCli: clap::Parser {
    /// Whether the program takes SIGINT, SIGTERM and SIGHUP itself, as one does that serves others: it
    /// ends when it has answered, and then well.
    const OWN_SIGNALS: bool = false;

    /// What it may log.
    fn log(&self) -> &LogArgs;
}

/// Parses arguments, sets up logging and signals, runs the stage, prints one line on an error and
/// turns it into the exit code: 0 done, 1 failed, 2 usage, 3 rejected, 4 goal missed, 130
/// interrupted.
pub fn main<A: StageCli>(
    name: &'static str,
    run: fn(A, &Context) -> anyhow::Result<Exit>,
) -> ExitCode {
    if let Some(share) = generate::asked(std::env::args_os()) {
        return match generate::generate(A::command().name(name), &share) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => ExitCode::from(failure::report(name, &error.into())),
        };
    }
    let args = match A::try_parse() {
        Ok(args) => args,
        Err(mistake) if mistake.use_stderr() => {
            failure::usage(name, &mistake);
            return ExitCode::from(2);
        }
        Err(help) => {
            // A reader of `--help` that closes the pipe early is no failure.
            let _ = help.print();
            return ExitCode::SUCCESS;
        }
    };
    let context = Context::new(name, args.log().quiet);
    logger::install(name, args.log().level());
    failure::install_panic_hook(name);
    signals::survive_limits();
    if !A::OWN_SIGNALS {
        signals::install(name);
    }

    let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| run(args, &context)));
    ExitCode::from(match outcome {
        Ok(Ok(Exit::Done)) => 0,
        Ok(Ok(Exit::Missed)) => 4,
        Ok(Err(error)) => failure::report(name, &error),
        Err(panic) => failure::after_panic(panic.as_ref()),
    })
}

/// Runs a stage inside another program, as its own command line would with these arguments (without the
/// program's name); what goes wrong says whose it is. It logs as the program that calls it.
///
/// # Errors
/// Usage: arguments that the stage refuses. Those of the stage.
pub fn call<A: StageCli>(
    name: &'static str,
    arguments: impl IntoIterator<Item = OsString>,
    run: fn(A, &Context) -> anyhow::Result<Exit>,
    within: &Context,
) -> anyhow::Result<Exit> {
    let words = std::iter::once(name.into()).chain(arguments);
    let parsed = A::try_parse_from(words);
    let args = parsed.map_err(|e| Error::usage(format!("{name}: {}", failure::mistake(&e))))?;
    run(args, &within.of_stage(name)).map_err(|e| e.context(name))
}
