//! What the frame gives a stage: its configuration, inputs, outputs and progress.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::args::CommonArgs;
use crate::config::Config;
use crate::output::{self, Listing};
use crate::progress::{Bar, Bars};
use crate::report::Report;
use crate::{input, logger};
use act_core::artifact::Artifact;
use act_core::error::{Error, Result};
use act_core::seed::Seed;

/// What the frame gives a stage.
pub struct Context {
    name: &'static str,
    args: CommonArgs,
    start: Instant,
    config: OnceLock<Config>,
    artifact_on_stdout: AtomicBool,
    /// The file that the output will replace, links followed.
    replaced: OnceLock<PathBuf>,
}

impl Context {
    pub(crate) fn new(name: &'static str, args: CommonArgs) -> Self {
        Self {
            name,
            args,
            start: Instant::now(),
            config: OnceLock::new(),
            artifact_on_stdout: AtomicBool::new(false),
            replaced: OnceLock::new(),
        }
    }

    /// The program's name, `act-prune` and so on.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The shared arguments.
    pub fn args(&self) -> &CommonArgs {
        &self.args
    }

    /// The configuration with overrides applied; read once.
    pub fn config(&self) -> Result<Config> {
        self.loaded_config().cloned()
    }

    fn loaded_config(&self) -> Result<&Config> {
        if let Some(config) = self.config.get() {
            return Ok(config);
        }
        let config = Config::load(self.args.config.as_deref(), &self.args.set)?;
        Ok(self.config.get_or_init(|| config))
    }

    /// `--data`, or the configuration's, or an error that says how to give it.
    pub fn data_dir(&self) -> Result<&Path> {
        let configured = || {
            Ok(self
                .loaded_config()?
                .global
                .data_dir
                .as_deref()
                .map(Path::new))
        };
        let dir = match &self.args.data {
            Some(dir) => dir.as_path(),
            None => configured()?.ok_or_else(|| {
                Error::usage("no data: give --data DIR, a folder with train.json and dev.json")
            })?,
        };
        match std::fs::metadata(dir) {
            Ok(found) if found.is_dir() => Ok(dir),
            Ok(_) => Err(Error::usage(format!(
                "--data {}: is a file; give the folder it lies in",
                dir.display()
            ))),
            Err(error) => Err(Error::io(dir, error)),
        }
    }

    /// The seed.
    pub fn seed(&self) -> Seed {
        Seed(self.args.seed)
    }

    /// `--device` as given.
    pub fn device(&self) -> &str {
        &self.args.device
    }

    /// Number of threads to use, at least 1.
    pub fn threads(&self) -> usize {
        match self.args.threads {
            0 => std::thread::available_parallelism().map_or(1, |n| n.get()),
            n => n,
        }
    }

    /// Reads an artifact from a path or `-`. One that the checked output would replace is an error:
    /// what a stage takes away from a model cannot be got back.
    pub fn read_artifact(&self, path: &Path) -> Result<Artifact> {
        if let (Some(replaced), Ok(path)) = (self.replaced.get(), path.canonicalize())
            && path == *replaced
        {
            return Err(Error::usage(format!(
                "{}: is read and would be replaced by the output; give -o another file",
                path.display()
            )));
        }
        let artifact = input::read_artifact(path)?;
        self.set_synthetic(artifact.synthetic());
        Ok(artifact)
    }

    /// Once true, every log line ends in `[synthetic sample]`. Reading an artifact does this by
    /// itself; programs that read data say it for the data.
    pub fn set_synthetic(&self, synthetic: bool) {
        if synthetic {
            logger::mark_synthetic();
        }
    }

    /// ` [synthetic sample]`, or nothing: for lines that a program prints itself.
    pub fn mark(&self) -> &'static str {
        logger::mark()
    }

    /// Fails early if the output cannot be written or is a terminal; call before the work.
    pub fn check_output(&self, path: &Path) -> Result<()> {
        if !output::is_stream(path) {
            output::check(path)?;
            if path.is_file() {
                let file = path.canonicalize().map_err(|e| Error::io(path, e))?;
                self.replaced.get_or_init(|| file);
            }
            return Ok(());
        }
        self.artifact_on_stdout.store(true, Ordering::Relaxed);
        self.check_report()?;
        output::refuse_terminal()
    }

    /// Fails early if `--report` cannot be written.
    pub(crate) fn check_report(&self) -> Result<()> {
        match &self.args.report {
            Some(path) if !output::is_stream(path) => {
                output::check(path).map_err(|e| e.context("--report"))
            }
            Some(_) if self.artifact_on_stdout.load(Ordering::Relaxed) => Err(Error::usage(
                "--report -: standard output carries the artifact; name a file for one of them",
            )),
            _ => Ok(()),
        }
    }

    /// Writes an artifact to a path (temporary file, fsync, rename) or `-`.
    pub fn write_artifact(&self, path: &Path, artifact: &Artifact) -> Result<()> {
        self.set_synthetic(artifact.synthetic());
        let digest = artifact.model_digest()?.to_string();
        let (name, bytes) = if output::is_stream(path) {
            output::refuse_terminal()?;
            (
                "standard output".to_string(),
                output::write_stdout(|out| artifact.write(out))?,
            )
        } else {
            (
                path.display().to_string(),
                output::write(path, |out| artifact.write(out))?,
            )
        };
        log::info!("wrote {name}: {}, model {}", size(bytes), &digest[..12]);
        Ok(())
    }

    /// Writes `--report`, if asked for; fills in the wall time.
    pub fn write_report(&self, mut report: Report) -> Result<()> {
        let Some(path) = &self.args.report else {
            return Ok(());
        };
        self.check_report()?;
        self.set_synthetic(report.synthetic);
        report.wall_s = self.start.elapsed().as_secs_f64();
        let mut json = serde_json::to_vec_pretty(&report)
            .map_err(|e| Error::failed(format!("--report: {e}")))?;
        json.push(b'\n');
        self.write_file(path, &json)
    }

    /// Writes any small file atomically (temporary file, fsync, rename), or standard output for `-`.
    pub fn write_file(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let io = |e| Error::io(path, e);
        if output::is_stream(path) {
            let mut listing = self.listing();
            listing
                .write_all(bytes)
                .and_then(|()| listing.flush())
                .map_err(io)
        } else {
            output::write(path, |out| out.write_all(bytes).map_err(io)).map(drop)
        }
    }

    /// Buffered standard output for text; flush it at the end.
    pub fn listing(&self) -> Listing {
        Listing::new()
    }

    /// What work tells its progress to, and is stopped by: bars with ETA on a terminal, a plain line
    /// every 10 s otherwise, neither with `-q`.
    pub fn progress(&self) -> Bars {
        Bars::new(self.args.quiet)
    }

    /// One bar, without stopping anything.
    pub fn bar(&self, what: &str, total: u64) -> Bar {
        Bar::new(what, total, self.args.quiet)
    }
}

/// `812 bytes`, `3.4 MB`
fn size(bytes: u64) -> String {
    match bytes {
        0..100_000 => format!("{bytes} bytes"),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}
