//! One call of a stage, unless its result is there.

use act_stage::{Context, Exit, LogArgs, StageCli, call};

use crate::folder::Folder;
use crate::request::Request;

/// A stage, as a library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// act-convert.
    Convert,
    /// act-prune.
    Prune,
    /// act-distill.
    Distill,
    /// act-quant.
    Quant,
    /// act-eval report, which prints nothing here.
    Report,
}

impl Program {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Program::Convert => "act-convert",
            Program::Prune => "act-prune",
            Program::Distill => "act-distill",
            Program::Quant => "act-quant",
            Program::Report => "act-eval report",
        }
    }

    fn run(self, request: &Request, within: &Context) -> anyhow::Result<Exit> {
        let (name, words) = (self.name(), request.words().iter().cloned());
        match self {
            Program::Convert => call(name, words, act_convert::cli::run, within),
            Program::Prune => call(name, words, act_prune::cli::run, within),
            Program::Distill => call(name, words, act_distill::cli::run, within),
            Program::Quant => call(name, words, act_quant::cli::run, within),
            Program::Report => call(name, words, report, within),
        }
    }
}

/// `act-eval report` alone.
#[derive(clap::Parser)]
struct ReportCli {
    #[command(flatten)]
    args: act_eval::report::Args,
}

impl StageCli for ReportCli {
    fn log(&self) -> &LogArgs {
        &self.args.latency.judge.log
    }
}

fn report(cli: ReportCli, context: &Context) -> anyhow::Result<Exit> {
    act_eval::report::write(&cli.args, context)?;
    Ok(Exit::Done)
}

/// A stage and its files.
pub struct Step {
    /// Which stage.
    pub program: Program,
    /// What it is asked for.
    pub request: Request,
    /// The file that it writes last, in the folder.
    pub result: String,
    /// Others that it writes before.
    pub beside: Vec<String>,
}

impl Step {
    /// Calls the stage, unless it has done just this before.
    ///
    /// # Errors
    /// Those of the stage and of the folder.
    pub fn run(self, folder: &mut Folder, context: &Context) -> anyhow::Result<()> {
        let asked = self.request.digest();
        if folder.has(&self.result, &asked) {
            log::info!("{}: done already", self.result);
            return Ok(());
        }
        folder.begin(&self.result, &self.beside, asked, context)?;
        let words = self
            .request
            .words()
            .iter()
            .map(|word| word.to_string_lossy());
        let words: Vec<_> = words.collect();
        log::info!("{} {}", self.program.name(), words.join(" "));
        self.program.run(&self.request, context)?;
        Ok(())
    }
}
