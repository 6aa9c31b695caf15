//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use act_core::{Error, Result};
use act_stage::config::Size;
use act_stage::{LogArgs, StageCli, ThreadsArgs};

use crate::limits::Limits;

const EXAMPLES: &str = "\
Examples:
  One model, on port 8080 of this machine; curl -d '{\"texts\": [\"..\"]}' localhost:8080/classify:
    act-serve int8.act
  Two models by names of their own, for other machines too, on four threads; /models/mood/predict:
    act-serve intent=intent/int8.act mood=mood/int8.act --listen 0.0.0.0:8080 --threads 4
  For few clients that send long documents, and wait for company at most 2 ms:
    act-serve int8.act --max-text 1MB --max-texts 16 --max-wait 2ms";

/// Serve classifiers over HTTP: texts in, labels and probabilities out.
///
/// POST /classify answers as act-eval predict does, POST /predict as Hugging Face's TEI does; GET
/// /health, /info and /metrics (Prometheus). With several models /models/NAME/classify and so on, or
/// a field "model". SIGHUP reads the files again; a file that cannot be served leaves the old model.
/// SIGTERM or Ctrl-C answers who has asked and ends; a second one ends at once.
#[derive(Debug, Clone, clap::Parser)]
#[command(name = "act-serve", version, after_help = EXAMPLES)]
pub struct Cli {
    /// Models; a model without a name bears its file's.
    #[arg(required = true, value_name = "[NAME=]MODEL")]
    models: Vec<String>,
    /// Where to listen, HOST:PORT; port 0 takes a free one and says which.
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    pub listen: String,
    /// Texts at which a batch goes without waiting for more.
    #[arg(long, default_value_t = 32, value_parser = count, value_name = "N")]
    batch_size: usize,
    /// How long a batch waits for more texts: 0, 500us, 2ms.
    #[arg(long, default_value = "0", value_parser = wait, value_name = "TIME")]
    max_wait: Duration,
    /// Texts that may wait for a model; more are told to come again (429).
    #[arg(long, default_value_t = 1024, value_parser = count, value_name = "N")]
    max_queue: usize,
    /// Texts of one request.
    #[arg(long, default_value_t = 128, value_parser = count, value_name = "N")]
    max_texts: usize,
    /// Bytes of one text, the second of a pair included.
    #[arg(long, default_value = "256KiB", value_parser = size, value_name = "SIZE")]
    max_text: usize,
    /// Bytes of a request.
    #[arg(long, default_value = "2MiB", value_parser = size, value_name = "SIZE")]
    max_body: usize,
    /// Connections at a time; others wait.
    #[arg(long, default_value_t = 1024, value_parser = count, value_name = "N")]
    max_connections: usize,
    /// What a client may take to send a header, a body, and to take its answer.
    #[arg(long, default_value = "10s", value_parser = time, value_name = "TIME")]
    client_timeout: Duration,
    /// How long a connection may be without a request.
    #[arg(long, default_value = "75s", value_parser = time, value_name = "TIME")]
    idle_timeout: Duration,
    /// How long open requests are waited for at the end.
    #[arg(long, default_value = "15s", value_parser = time, value_name = "TIME")]
    drain: Duration,
    /// How many threads compute.
    #[command(flatten)]
    pub threads: ThreadsArgs,
    /// What it says.
    #[command(flatten)]
    log: LogArgs,
}

impl StageCli for Cli {
    /// SIGHUP reloads, and the others end what has been asked first.
    const OWN_SIGNALS: bool = true;

    fn log(&self) -> &LogArgs {
        &self.log
    }
}

impl Cli {
    /// The limits that the flags say.
    ///
    /// # Errors
    /// Usage: two that contradict each other.
    pub fn limits(&self) -> Result<Limits> {
        for (flag, most, of, all) in [
            ("--max-texts", self.max_texts, "--max-queue", self.max_queue),
            ("--max-text", self.max_text, "--max-body", self.max_body),
        ] {
            if most > all {
                return Err(Error::usage(format!(
                    "{flag} {most} is more than {of} {all}: no such request could be answered"
                )));
            }
        }
        Ok(Limits {
            batch: self.batch_size,
            wait: self.max_wait,
            queue: self.max_queue,
            texts: self.max_texts,
            text: self.max_text,
            body: self.max_body,
            connections: self.max_connections,
            client: self.client_timeout,
            idle: self.idle_timeout,
            drain: self.drain,
        })
    }

    /// The models' names and files.
    ///
    /// # Errors
    /// Usage: a name that no address can have, or one that two models have.
    pub fn models(&self) -> Result<Vec<(String, PathBuf)>> {
        let mut named: Vec<(String, PathBuf)> = Vec::new();
        for argument in &self.models {
            let (name, path) = name_and_path(argument)?;
            if let Some((_, other)) = named.iter().find(|(other, _)| *other == name) {
                return Err(Error::usage(format!(
                    "{} and {} are both called {name}: give one another name, NAME={}",
                    other.display(),
                    path.display(),
                    path.display()
                )));
            }
            named.push((name, path));
        }
        Ok(named)
    }
}

/// `NAME=FILE`, or a file whose stem is the name. A `=` inside a path is no separator.
fn name_and_path(argument: &str) -> Result<(String, PathBuf)> {
    let (name, path) = match argument.split_once('=') {
        Some((name, path)) if !name.is_empty() && !name.contains('/') => (name.into(), path.into()),
        _ => {
            let path = PathBuf::from(argument);
            let stem = path.file_stem().unwrap_or_default();
            (stem.to_string_lossy().into_owned(), path)
        }
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if name.is_empty() || name.len() > 64 || !name.chars().all(fits) {
        return Err(Error::usage(format!(
            "{name:?} cannot be a model's name: letters, digits, '.', '_' and '-', 64 at most; give \
             NAME={}",
            path.display()
        )));
    }
    Ok((name, path))
}

fn count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n) if (1..=1 << 20).contains(&n) => Ok(n),
        _ => Err("a whole number from 1 to 1048576".into()),
    }
}

fn size(text: &str) -> Result<usize, String> {
    let bytes = text.parse::<Size>().map_err(|e| e.to_string())?.bytes();
    match usize::try_from(bytes) {
        Ok(bytes @ 1..=0x4000_0000) => Ok(bytes),
        _ => Err("a size from 1 byte to 1GiB".into()),
    }
}

fn time(text: &str) -> Result<Duration, String> {
    match seconds(text) {
        Some(s) if (0.01..=3600.0).contains(&s) => Ok(Duration::from_secs_f64(s)),
        _ => Err("a time from 10ms to 3600s".into()),
    }
}

fn wait(text: &str) -> Result<Duration, String> {
    match seconds(text) {
        Some(s) if (0.0..=1.0).contains(&s) => Ok(Duration::from_secs_f64(s)),
        _ => Err("a time from 0 to 1s".into()),
    }
}

fn seconds(text: &str) -> Option<f64> {
    let time = text.parse::<act_stage::config::Time>();
    match text {
        "0" => Some(0.0),
        _ => Some(time.ok()?.milliseconds() / 1e3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory, Parser};

    fn models(args: &[&str]) -> Result<Vec<(String, PathBuf)>> {
        Cli::parse_from(["act-serve"].iter().chain(args)).models()
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn models_bear_their_name_or_their_files() {
        let named = models(&["a=x/int8.act", "y/b.act", "./c=d.act"]).map_err(|e| e.to_string());
        assert!(named.unwrap_err().contains("\"c=d\" cannot be"));
        let named = models(&["a=x/int8.act", "y/b.act"]).unwrap();
        let names: Vec<&str> = named.iter().map(|(name, _)| &**name).collect();
        assert_eq!(names, ["a", "b"]);
        let twice = models(&["x/int8.act", "y/int8.act"]).unwrap_err();
        assert!(twice.to_string().contains("both called int8"), "{twice}");
    }

    #[test]
    fn limits_that_contradict_each_other_are_refused() {
        let told = |args: &[&str]| {
            let cli = Cli::parse_from(["act-serve", "m.act"].iter().chain(args));
            cli.limits().unwrap_err().to_string()
        };
        assert!(told(&["--max-texts", "9", "--max-queue", "8"]).starts_with("--max-texts 9"));
        assert!(told(&["--max-body", "9kB"]).starts_with("--max-text 262144"));
    }
}
