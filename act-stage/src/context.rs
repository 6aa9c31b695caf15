//! What the frame gives every stage: inputs, outputs and progress.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::output::{self, Listing};
use crate::progress::Bars;
use crate::{input, logger, printed};
use act_core::artifact::Artifact;
use act_core::error::{Error, Result};

/// What the frame gives every stage. What only some have, such as data or a report, is asked of
/// the group of arguments that brings it ([`crate::args`]).
pub struct Context {
    name: &'static str,
    quiet: bool,
    start: Instant,
    artifact_on_stdout: AtomicBool,
    /// The file that the output will replace, links followed.
    replaced: OnceLock<PathBuf>,
}

impl Context {
    pub(crate) fn new(name: &'static str, quiet: bool) -> Self {
        Self {
            name,
            quiet,
            start: Instant::now(),
            artifact_on_stdout: AtomicBool::new(false),
            replaced: OnceLock::new(),
        }
    }

    /// That of a stage which runs inside this program: with outputs and a beginning of its own.
    pub(crate) fn of_stage(&self, name: &'static str) -> Self {
        Self::new(name, self.quiet)
    }

    /// The program's name, `act-prune` and so on.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Time since the program began.
    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// True once an artifact is to go to standard output.
    pub(crate) fn artifact_on_stdout(&self) -> bool {
        self.artifact_on_stdout.load(Ordering::Relaxed)
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
        let (plan, task) = (&artifact.plan, &artifact.task);
        log::debug!(
            "read {}: task {}, {} labels, {} layers of width {}, {} tokens, texts of {}",
            path.display(),
            task.name,
            task.labels.len(),
            plan.layers.len(),
            plan.hidden_size,
            plan.embeddings.vocab_size,
            task.max_seq_length
        );
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
        output::refuse_terminal()
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

    /// As [`Context::write_file`], of text for people, in which what others wrote cannot move a
    /// terminal's cursor ([`crate::printed::lines`]).
    pub fn write_text(&self, path: &Path, text: &str) -> Result<()> {
        self.write_file(path, printed::lines(text).as_bytes())
    }

    /// Buffered standard output for text; flush it at the end.
    pub fn listing(&self) -> Listing {
        Listing::new()
    }

    /// What work tells its progress to, and is stopped by: bars with ETA on a terminal, a plain line
    /// every 10 s otherwise, neither with `-q`.
    pub fn progress(&self) -> Bars {
        Bars::new(self.quiet)
    }
}

/// `812 bytes`, `3.4 MB`
fn size(bytes: u64) -> String {
    match bytes {
        0..100_000 => format!("{bytes} bytes"),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}
