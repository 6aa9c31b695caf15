//! The JSON report that a program writes beside its result.

use std::path::PathBuf;

use act_core::{Error, Result};

use crate::context::Context;
use crate::output;
use crate::report::Report;
use serde::Serialize;

/// Where the report goes.
#[derive(Debug, Clone, clap::Args)]
pub struct ReportArgs {
    /// Write a JSON report.
    #[arg(long = "report", id = "report", value_name = "FILE")]
    file: Option<PathBuf>,
}

impl ReportArgs {
    /// True if there will be one.
    pub fn is_wanted(&self) -> bool {
        self.file.is_some()
    }

    /// Fails early if the report cannot be written; call before the work, after
    /// [`Context::check_output`].
    ///
    /// # Errors
    /// Usage: no such folder, or standard output carries the artifact.
    pub fn check(&self, context: &Context) -> Result<()> {
        match &self.file {
            Some(path) if !output::is_stream(path) => {
                output::check(path).map_err(|e| e.context("--report"))
            }
            Some(_) if context.artifact_on_stdout() => Err(Error::usage(
                "--report -: standard output carries the artifact; name a file for one of them",
            )),
            _ => Ok(()),
        }
    }

    /// Writes the report, if asked for; fills in the wall time.
    ///
    /// # Errors
    /// As [`ReportArgs::check`]; failed: the disk is full.
    pub fn write<D: Serialize>(&self, context: &Context, mut report: Report<D>) -> Result<()> {
        let Some(path) = &self.file else {
            return Ok(());
        };
        self.check(context)?;
        context.set_synthetic(report.synthetic);
        report.wall_s = context.elapsed().as_secs_f64();
        let mut json = serde_json::to_vec_pretty(&report)
            .map_err(|e| Error::failed(format!("--report: {e}")))?;
        json.push(b'\n');
        context.write_file(path, &json)
    }
}
