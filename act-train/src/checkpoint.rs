//! Checkpoints as files: a folder with the weights, the optimiser's moments and the best weights as
//! artifacts of their own, the steps of quantisation as a row of numbers, and `checkpoint.json`, which
//! names them.
//!
//! Artifacts are used as they are: every byte is covered by a digest, and moments have the shapes
//! of the parameters. `checkpoint.json` is renamed into place last, so that a kill at any moment
//! leaves the old checkpoint or the new one; its first line is the digest of the rest. What it does
//! not name is removed after it, so that there is never more than one checkpoint and one half; one that
//! could not be written takes its half away, for the result needs the disk more.

mod manifest;
mod place;

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use act_core::provenance::Digest;
use act_core::{Artifact, Error, Params, Result};
use act_nn::checkpoint::{Keeper, Resumed, Snapshot, TensorSet};

use manifest::{Entry, MANIFEST, Manifest, SCHEMA, bounded, regular};
pub use place::{folder, key};

const LOCK: &str = "lock";

/// No checkpoint takes more than this share of the time.
const LARGEST_SHARE: u32 = 20;

/// The checkpoints of one run.
pub struct Checkpoints {
    folder: PathBuf,
    key: Digest,
    /// The model with no tensors: what the parts share.
    frame: Artifact,
    every: Duration,
    best: Option<(usize, Entry)>,
    /// Files of the checkpoint that is there.
    kept: Vec<String>,
    last: Instant,
    last_took: Duration,
    /// Held while this process uses the folder.
    lock: Option<File>,
    failed: bool,
}

impl Checkpoints {
    /// Checkpoints in `folder` of the run that trains `model` and whose result `key` determines;
    /// saved `every` so often (0: after every step).
    ///
    /// # Errors
    /// Usage: another process uses the folder.
    pub fn open(folder: &Path, model: &Artifact, key: Digest, every: Duration) -> Result<Self> {
        let frame = Artifact {
            params: Params::new(),
            provenance: Vec::new(),
            ..model.clone()
        };
        let mut checkpoints = Self {
            folder: folder.into(),
            key,
            frame,
            every,
            best: None,
            kept: Vec::new(),
            last: Instant::now(),
            last_took: Duration::ZERO,
            lock: None,
            failed: false,
        };
        if folder.join(MANIFEST).exists() {
            checkpoints.lock()?;
        }
        Ok(checkpoints)
    }

    /// Removes the checkpoints, once the result is safe.
    pub fn remove(mut self) {
        if self.lock.is_none() {
            return;
        }
        // The manifest first: without it the rest is nothing.
        let removed = match fs::remove_file(self.folder.join(MANIFEST)) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        };
        let removed = removed.and_then(|()| self.sweep(&[])).and_then(|()| {
            self.lock = None;
            let _ = fs::remove_file(self.folder.join(LOCK));
            fs::remove_dir(&self.folder)
        });
        if let Err(e) = removed {
            log::warn!("{}: cannot be removed: {e}", self.folder.display());
        }
    }

    /// What [`Keeper::resume`] takes up: the state that the folder holds, which `fits` must find to be one
    /// of this run. `None` of another run.
    ///
    /// # Errors
    /// Rejected, or usage if a file is missing: damaged, more than it may be, or not what `fits` asks for.
    pub fn read(&mut self, fits: &dyn Fn(&Resumed) -> Result<()>) -> Result<Option<Resumed>> {
        let manifest = Manifest::read(&self.folder.join(MANIFEST))?;
        if manifest.schema != SCHEMA || manifest.key != self.key.to_string() {
            return Ok(None);
        }
        let kept = manifest.files().map(str::to_string).collect();
        let resumed = Resumed {
            position: manifest.position,
            journal: manifest.journal,
            weights: self.load(&manifest.weights)?,
            moments: manifest
                .moments
                .iter()
                .map(|entry| self.load(entry))
                .collect::<Result<_>>()?,
            best: manifest
                .best
                .as_ref()
                .map(|entry| self.load(entry))
                .transpose()?,
            steps: match &manifest.steps {
                Some(entry) => self.load_steps(entry)?,
                None => Vec::new(),
            },
        };
        fits(&resumed)?;
        self.kept = kept;
        self.best = resumed.position.best.map(|at| at.step).zip(manifest.best);
        Ok(Some(resumed))
    }

    fn load(&self, entry: &Entry) -> Result<Params> {
        let path = self.path_of(entry)?;
        regular(&path)?;
        let artifact = Artifact::open(path)?;
        entry.check(&artifact.model_digest()?)?;
        Ok(artifact.params)
    }

    fn load_steps(&self, entry: &Entry) -> Result<Vec<f64>> {
        let path = self.path_of(entry)?;
        let bytes = bounded(&path)?;
        entry.check(&Digest::of([&bytes[..]]))?;
        let (numbers, []) = bytes.as_chunks() else {
            let cut = format!("{} ends within a number", path.display());
            return Err(Error::rejected(cut));
        };
        Ok(numbers
            .iter()
            .map(|bytes| f64::from_le_bytes(*bytes))
            .collect())
    }

    fn path_of(&self, entry: &Entry) -> Result<PathBuf> {
        if Path::new(&entry.file).file_name() == Some(entry.file.as_ref()) {
            return Ok(self.folder.join(&entry.file));
        }
        Err(Error::rejected(format!(
            "{MANIFEST} names {:?}",
            entry.file
        )))
    }

    fn try_save(&mut self, snapshot: &Snapshot<'_>) -> Result<()> {
        let step = snapshot.position.step;
        fs::create_dir_all(&self.folder).map_err(|e| Error::io(&self.folder, e))?;
        self.lock()?;
        let weights = self.write(
            &format!("weights-{step}.act"),
            (snapshot.tensors)(TensorSet::Weights),
        )?;
        let moments = (0..snapshot.moments)
            .map(|i| {
                let name = format!("moment{}-{step}.act", i + 1);
                self.write(&name, (snapshot.tensors)(TensorSet::Moment(i)))
            })
            .collect::<Result<Vec<_>>>()?;
        let best_step = snapshot.position.best.map(|at| at.step);
        if let Some(at) = best_step.filter(|at| self.best.as_ref().is_none_or(|(s, _)| s != at)) {
            let entry = self.write(
                &format!("best-{at}.act"),
                (snapshot.tensors)(TensorSet::Best),
            )?;
            self.best = Some((at, entry));
        }
        let steps = match snapshot.steps {
            [] => None,
            steps => Some(self.write_steps(format!("steps-{step}.bin"), steps)?),
        };
        let manifest = Manifest {
            schema: SCHEMA,
            key: self.key.to_string(),
            position: *snapshot.position,
            journal: snapshot.journal.clone(),
            weights,
            moments,
            best: best_step.and(self.best.as_ref().map(|(_, entry)| entry.clone())),
            steps,
        };
        let text = manifest.signed()?;
        self.put(MANIFEST, |file| file.write_all(text.as_bytes()))?;
        self.kept = manifest.files().map(str::to_string).collect();
        self.sweep(&self.kept)
            .map_err(|e| Error::io(&self.folder, e))
    }

    /// Takes away what a save that failed has written, and the folder where there was none before.
    fn undo(&mut self) -> std::io::Result<()> {
        self.sweep(&self.kept)?;
        if self.lock.is_some() && !self.folder.join(MANIFEST).exists() {
            self.lock = None;
            fs::remove_file(self.folder.join(LOCK))?;
            // A folder that the user has made something in stays.
            let _ = fs::remove_dir(&self.folder);
        }
        Ok(())
    }

    fn write(&self, name: &str, params: Params) -> Result<Entry> {
        let artifact = Artifact {
            params,
            ..self.frame.clone()
        };
        let mut failure = None;
        self.put(name, |file| {
            let mut buffered = std::io::BufWriter::with_capacity(1 << 20, file);
            artifact.write(&mut buffered).map_err(|e| {
                failure = Some(e);
                std::io::ErrorKind::Other.into()
            })
        })
        .map_err(|e| failure.unwrap_or(e))?;
        Ok(Entry {
            file: name.into(),
            digest: artifact.model_digest()?.to_string(),
        })
    }

    fn write_steps(&self, name: String, steps: &[f64]) -> Result<Entry> {
        let bytes: Vec<u8> = steps.iter().flat_map(|step| step.to_le_bytes()).collect();
        self.put(&name, |file| file.write_all(&bytes))?;
        Ok(Entry {
            file: name,
            digest: Digest::of([&bytes[..]]).to_string(),
        })
    }

    /// Writes a file whole or not at all.
    fn put(&self, name: &str, write: impl FnOnce(&mut File) -> std::io::Result<()>) -> Result<()> {
        let (path, part) = (
            self.folder.join(name),
            self.folder.join(format!("{name}.tmp")),
        );
        let put = || {
            let mut file = File::create(&part)?;
            write(&mut file)?;
            file.sync_all()?;
            fs::rename(&part, &path)?;
            // The rename itself must survive a power cut, where the file system can do this.
            let _ = File::open(&self.folder).and_then(|folder| folder.sync_all());
            Ok(())
        };
        put().map_err(|e| Error::io(&path, e))
    }

    /// Removes our own files that are not `kept`; what a user has put there stays.
    fn sweep(&self, kept: &[String]) -> std::io::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let ours = [
                "weights-", "moment1-", "moment2-", "best-", "steps-", MANIFEST,
            ];
            if name != MANIFEST
                && entry.file_type()?.is_file()
                && !kept.contains(&name)
                && ours.iter().any(|start| name.starts_with(start))
            {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Takes the folder for this process; the system lets go of it however the process ends.
    fn lock(&mut self) -> Result<()> {
        if self.lock.is_some() {
            return Ok(());
        }
        let path = self.folder.join(LOCK);
        let file = File::create(&path).map_err(|e| Error::io(&path, e))?;
        match file.try_lock() {
            Err(fs::TryLockError::WouldBlock) => Err(Error::usage(format!(
                "{}: another training uses this checkpoint; wait for it, or give another --checkpoint",
                self.folder.display()
            ))),
            // A file system without locks: go on without.
            _ => {
                self.lock = Some(file);
                Ok(())
            }
        }
    }
}

impl Keeper for Checkpoints {
    /// The state of this run that the folder holds. Of another run, or damaged, it is passed over with
    /// a line that says so.
    fn resume(&mut self, fits: &dyn Fn(&Resumed) -> Result<()>) -> Option<Resumed> {
        if !self.folder.join(MANIFEST).exists() {
            return None;
        }
        let found = self.read(fits);
        self.last = Instant::now();
        let folder = self.folder.display();
        match found {
            Ok(Some(resumed)) => return Some(resumed),
            Ok(None) => log::info!(
                "{folder} is of another training (model, data, settings or version): starting anew"
            ),
            Err(error) => log::warn!("{folder} cannot be used: {error}: starting anew"),
        }
        None
    }

    fn due(&mut self, step: usize) -> bool {
        let pause = if self.every.is_zero() {
            Duration::ZERO
        } else {
            self.every.max(self.last_took * (LARGEST_SHARE - 1))
        };
        step > 0 && self.last.elapsed() >= pause
    }

    /// A failure is told once and is no error: training is worth more than its checkpoint.
    fn save(&mut self, snapshot: &Snapshot<'_>) {
        let start = Instant::now();
        let best = self.best.clone();
        let saved = self.try_save(snapshot);
        if saved.is_err() {
            self.best = best;
            if let Err(error) = self.undo() {
                log::debug!("{}: cannot be tidied: {error}", self.folder.display());
            }
        }
        match &saved {
            Ok(()) => log::debug!("checkpoint at step {}", snapshot.position.step),
            Err(error) if self.failed => log::debug!("no checkpoint again: {error}"),
            Err(error) => log::warn!("no checkpoint: {error}: training goes on without"),
        }
        self.failed = saved.is_err();
        self.last = Instant::now();
        self.last_took = start.elapsed();
    }
}
