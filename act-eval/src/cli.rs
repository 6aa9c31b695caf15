//! The subcommands and their help.

use act_stage::{Context, Exit, LogArgs, StageCli};

use crate::{accuracy, bench, gate, inspect, predict, report, summary};

/// Accuracy, latency, predictions and reports of text classifiers in `.act` files.
#[derive(Debug, Clone, clap::Parser)]
#[command(name = "act-eval", version, subcommand_required = true, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Command {
    /// How often a model is right, with a 95 % interval.
    #[command(after_help = ACCURACY_EXAMPLES)]
    Accuracy(accuracy::Args),
    /// Latency and throughput, of one model or of two in turn.
    #[command(after_help = BENCH_EXAMPLES)]
    Bench(bench::Args),
    /// Classify lines of text or JSON; answers are JSON lines.
    #[command(after_help = PREDICT_EXAMPLES)]
    Predict(predict::Args),
    /// What is in a file: shapes, sizes, quantisation, lineage.
    #[command(after_help = INSPECT_EXAMPLES)]
    Inspect(inspect::Args),
    /// Models side by side: accuracy, size, latency, and how far they differ.
    #[command(after_help = REPORT_EXAMPLES)]
    Report(report::Args),
    /// Reports of several tasks as one table, with averages.
    #[command(after_help = SUMMARY_EXAMPLES)]
    Summary(summary::Args),
    /// Exit with code 4 if a report misses a goal.
    #[command(after_help = GATE_EXAMPLES)]
    Gate(gate::Args),
}

const EXAMPLES: &str = "\
Examples:
  How often is it right, and how far to trust that:
    act-eval accuracy int8.act --data ~/clue/afqmc
  Is it faster here, and by how much:
    act-eval bench int8.act --compare base.act --data ~/clue/afqmc
  Questions in, answers out:
    cut -f2,3 questions.tsv | act-eval predict int8.act";

const ACCURACY_EXAMPLES: &str = "\
Examples:
  With its 95 % interval, and the digest of the model that reached it:
    act-eval accuracy int8.act --data ~/clue/afqmc
  At the end of a pipe, so that no file is kept:
    act-quant student.act -c afqmc.yaml --data ~/clue/afqmc | act-eval accuracy --data ~/clue/afqmc
  Class by class, and as JSON for a script:
    act-eval accuracy int8.act --data ~/clue/afqmc --per-class --report accuracy.json";

const BENCH_EXAMPLES: &str = "\
Examples:
  Full batches, batches padded to their longest, the data's own lengths, text, one at a time:
    act-eval bench int8.act --data ~/clue/afqmc
  Against the original, in turn, with the ratio and its spread:
    act-eval bench int8.act --compare base.act --data ~/clue/afqmc --seconds 10
  On 1, 2, 4 .. threads up to every core:
    act-eval bench int8.act --scaling --batch 64 --seq 64";

const PREDICT_EXAMPLES: &str = "\
A line is a text (in a task of pairs two, with a tab between), a row of a table whose first line names
the task's columns, or a JSON object: the task's own fields, or input_ids and token_type_ids. Columns
are those of the data that the model was made for; no other is read. An empty line is an empty text.

Examples:
  One question, of a task of single texts and of a task of pairs:
    echo '花呗怎么还款' | act-eval predict tnews.act
    printf '花呗怎么还款\\t怎么还花呗\\n' | act-eval predict afqmc.act
  A file of CLUE's, as answers with probabilities, and as CLUE takes them:
    act-eval predict int8.act test.json > answers.jsonl
    act-eval predict int8.act test.json --submission > afqmc_predict.json
  The labels alone, of pairs from a table, and of own data as they are:
    cut -f2,3 questions.tsv | act-eval predict int8.act --labels-only
    act-eval predict tickets.act tickets/dev.tsv --labels-only";

const INSPECT_EXAMPLES: &str = "\
Examples:
  Shapes, bytes by part, and every stage that made it:
    act-eval inspect int8.act
  With every quantised layer's scale and ranges:
    act-eval inspect int8.act --quant
  As JSON, with every tensor and configuration:
    act-eval inspect int8.act --json > int8.json";

const REPORT_EXAMPLES: &str = "\
Examples:
  The table; the first model is what the others are compared with:
    act-eval report base.act int8.act --data ~/clue/afqmc
  A page to look at, with the curves of the distillation, why int8 was trained or not, and JSON:
    act-eval report base.act pruned.act student.act int8.act --data ~/clue/afqmc \\
      --training student.json --training int8.json -o report.html -o report.json
  Two versions of one model, by names of your own:
    act-eval report before=v1/int8.act after=v2/int8.act --data ~/clue/afqmc --seconds 10";

const SUMMARY_EXAMPLES: &str = "\
Examples:
  What make clue prints at its end:
    act-eval summary build/small/*/report.json
  Kept as a page to look at, and as Markdown:
    act-eval summary build/small/*/report.json -o clue.html -o clue.md
  One figure for a script:
    act-eval summary build/small/*/report.json --json | grep '\"speedup\"'";

const GATE_EXAMPLES: &str = "\
Examples:
  The last model of a report: at most 0.3 points lost, at least three times as fast:
    act-eval gate --from report.json --max-drop 0.3 --min-speedup 3
  Another one of its models, and no class that loses more than 5 points of recall:
    act-eval gate --from report.json --model student --max-drop 0.5 --max-class-drop 5
  With no file between:
    act-eval report base.act int8.act --data ~/clue/afqmc --json \\
      | act-eval gate --from - --max-drop 1";

impl StageCli for Cli {
    fn log(&self) -> &LogArgs {
        match &self.command {
            Command::Accuracy(a) => &a.judge.log,
            Command::Bench(a) => &a.latency.judge.log,
            Command::Predict(a) => &a.log,
            Command::Inspect(a) => &a.log,
            Command::Report(a) => &a.latency.judge.log,
            Command::Summary(a) => &a.log,
            Command::Gate(a) => &a.log,
        }
    }
}

/// Runs a subcommand.
pub fn run(cli: Cli, ctx: &Context) -> anyhow::Result<Exit> {
    let exit = match &cli.command {
        Command::Accuracy(args) => accuracy::run(args, ctx),
        Command::Bench(args) => bench::run(args, ctx),
        Command::Predict(args) => predict::run(args, ctx),
        Command::Inspect(args) => inspect::run(args, ctx),
        Command::Report(args) => report::run(args, ctx),
        Command::Summary(args) => summary::run(args, ctx),
        Command::Gate(args) => gate::run(args, ctx),
    }?;
    Ok(exit)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    /// Among other things that every `mut_arg` names an argument there is.
    #[test]
    fn the_command_line_is_sound() {
        super::Cli::command().debug_assert();
    }
}
