//! Configuration and data, and how the one may name the other.

use std::path::{Path, PathBuf};

use act_core::{Error, Result};

use crate::config::{Config, Program};

/// A configuration and changes to it.
#[derive(Debug, Clone, clap::Args)]
pub struct ConfigArgs {
    /// Configuration (YAML, PaddleSlim's vocabulary).
    #[arg(short = 'c', long = "config", id = "config", value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Override one key: `--set TrainConfig.epochs=2`.
    #[arg(long, value_name = "SECTION.KEY=VALUE")]
    pub set: Vec<String>,
    /// The same for a whole recipe: a key that only other programs read may be given, too.
    #[arg(long, value_name = "SECTION.KEY=VALUE")]
    pub set_any: Vec<String>,
}

impl ConfigArgs {
    /// Reads and checks the configuration, overrides applied; warns of keys without effect, so a
    /// program loads it once.
    ///
    /// # Errors
    /// Usage: no such file, mistakes in it, named by file and line, or a flag for another program.
    pub fn load(&self, program: Program) -> Result<Config> {
        let config = Config::load_recipe(self.file.as_deref(), &self.set_any, &self.set)?;
        config.check_flags(program)?;
        for line in config.places.lines() {
            log::trace!("configuration: {line}");
        }
        Ok(config)
    }
}

/// The data set.
#[derive(Debug, Clone, clap::Args)]
pub struct DataArgs {
    /// Folder of the data set.
    #[arg(long = "data", id = "data", value_name = "DIR")]
    pub folder: Option<PathBuf>,
}

impl DataArgs {
    /// `--data`, or else the folder that the configuration names.
    ///
    /// # Errors
    /// Usage: neither, or it is no folder.
    pub fn dir<'a>(&'a self, config: &'a Config) -> Result<&'a Path> {
        let configured = || config.global.data_dir.as_deref().map(Path::new);
        let dir = folder(self.folder.as_deref().or_else(configured))?;
        log::debug!("data of {}", dir.display());
        Ok(dir)
    }

    /// `--data`, in a program without a configuration.
    ///
    /// # Errors
    /// Usage: it is not given, or no folder.
    pub fn given(&self) -> Result<&Path> {
        let dir = folder(self.folder.as_deref())?;
        log::debug!("data of {}", dir.display());
        Ok(dir)
    }
}

fn folder(dir: Option<&Path>) -> Result<&Path> {
    let dir = dir.ok_or_else(|| {
        Error::usage("no data: give --data DIR, a folder with train.json and dev.json")
    })?;
    match std::fs::metadata(dir) {
        Ok(found) if found.is_dir() => Ok(dir),
        Ok(_) => Err(Error::usage(format!(
            "--data {}: is a file; give the folder it lies in",
            dir.display()
        ))),
        Err(error) => Err(Error::io(dir, error)),
    }
}
