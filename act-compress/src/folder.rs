//! The folder of a compression: its files, what each of them was asked for, and the lock of the process
//! that works in it.
//!
//! What a file is asked for is written down before the work begins, after what an older request left under
//! its name is gone; the stage writes the file last and whole. So a file that is there was made as
//! `state.json` says, whenever the process was killed.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::request::contents;
use act_core::provenance::Digest;
use act_core::{Error, Result};
use act_stage::Context;
use serde::{Deserialize, Serialize};

/// Name of the file of requests.
const STATE: &str = "state.json";
const LOCK: &str = ".lock";

/// What has been asked for, by the name of the result.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    schema: u32,
    asked: BTreeMap<String, Digest>,
}

const SCHEMA: u32 = 1;

/// A folder that this process alone works in.
pub struct Folder {
    path: PathBuf,
    state: State,
    _lock: File,
}

impl Folder {
    /// Opens or makes the folder; `results` are the names that are written in it.
    ///
    /// # Errors
    /// Usage: it is no folder, another process works in it, or it holds files of these names that are
    /// somebody else's.
    pub fn open(path: &Path, results: &[&str]) -> Result<Self> {
        let at = path.display();
        if path.exists() && !path.is_dir() {
            return Err(Error::usage(format!(
                "-o {at}: is a file; give the folder that the models go into"
            )));
        }
        let known = path.join(STATE);
        let foreign = results.iter().find(|name| path.join(name).exists());
        if let (Some(name), false) = (foreign, known.exists()) {
            return Err(Error::usage(format!(
                "-o {at}: its {name} was not made by act-compress, which would replace it; give another folder"
            )));
        }
        fs::create_dir_all(path).map_err(|e| Error::io(path, e))?;
        let lock = lock(path)?;
        Ok(Self {
            path: path.into(),
            state: read(&known)?,
            _lock: lock,
        })
    }

    /// The path of a file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Whether a result is there that was asked for just so.
    pub fn has(&self, result: &str, asked: &Digest) -> bool {
        self.state.asked.get(result) == Some(asked) && self.file(result).is_file()
    }

    /// Makes a copy of one of its files a result, whole or not at all.
    ///
    /// # Errors
    /// Failed: the folder cannot be written to.
    pub fn publish(&mut self, from: &str, result: &str, context: &Context) -> Result<()> {
        let source = self.file(from);
        let asked = contents(&source)?;
        if self.has(result, &asked) {
            return Ok(());
        }
        self.begin(result, &[], asked, context)?;
        let bytes = fs::read(&source).map_err(|e| Error::io(&source, e))?;
        context.write_file(&self.file(result), &bytes)
    }

    /// Takes a file away, if it is there.
    ///
    /// # Errors
    /// Failed: it cannot be removed.
    pub fn withdraw(&self, name: &str) -> Result<()> {
        remove(&self.file(name))
    }

    /// Notes what a result is asked for, and takes away what an older request has left of it and of the
    /// files beside it. What the same request has left half done stays for it.
    ///
    /// # Errors
    /// Failed: the folder cannot be written to.
    pub fn begin(
        &mut self,
        result: &str,
        beside: &[String],
        asked: Digest,
        context: &Context,
    ) -> Result<()> {
        let path = self.file(result);
        let parent = path.parent().unwrap_or(&self.path);
        fs::create_dir_all(parent).map_err(|e| Error::io(parent, e))?;
        remove(&path)?;
        if self.state.asked.get(result) == Some(&asked) {
            return Ok(());
        }
        for name in beside {
            remove(&self.file(name))?;
        }
        self.state.schema = SCHEMA;
        self.state.asked.insert(result.into(), asked);
        let mut json = serde_json::to_vec_pretty(&self.state)
            .map_err(|e| Error::failed(format!("{STATE}: {e}")))?;
        json.push(b'\n');
        context.write_file(&self.file(STATE), &json)
    }
}

fn read(path: &Path) -> Result<State> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(State::default()),
        Err(e) => return Err(Error::io(path, e)),
    };
    let state = serde_json::from_slice(&text);
    let state = state
        .ok()
        .filter(|state: &State| state.schema == SCHEMA)
        .ok_or_else(|| {
            Error::usage(format!(
                "{}: is not what this act-compress writes; give another folder, or remove this one",
                path.display()
            ))
        })?;
    Ok(state)
}

fn lock(folder: &Path) -> Result<File> {
    let path = folder.join(LOCK);
    let file = File::create(&path).map_err(|e| Error::io(&path, e))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(Error::usage(format!(
            "{}: another act-compress works in it; wait for it, or give another folder",
            folder.display()
        ))),
        // A file system without locks: go on without.
        _ => Ok(file),
    }
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::io(path, e)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_others_made_are_not_replaced() {
        let temporary = tempfile::tempdir().unwrap();
        let open = || Folder::open(temporary.path(), &["base.act"]).map(drop);
        open().unwrap();
        fs::write(temporary.path().join("base.act"), "mine").unwrap();
        let error = open().unwrap_err();
        assert_eq!(error.kind(), act_core::ErrorKind::Usage);
        assert!(error.to_string().contains("base.act"), "{error}");
        assert!(Folder::open(&temporary.path().join("base.act"), &[]).is_err());
    }

    #[test]
    fn one_process_works_in_a_folder_at_a_time() {
        let temporary = tempfile::tempdir().unwrap();
        let first = Folder::open(temporary.path(), &[]).unwrap();
        let second = Folder::open(temporary.path(), &[]).map(drop).unwrap_err();
        assert!(second.to_string().contains("another act-compress"));
        drop(first);
        Folder::open(temporary.path(), &[]).unwrap();
    }

    #[test]
    fn a_state_that_is_not_ours_is_refused() {
        let temporary = tempfile::tempdir().unwrap();
        for text in ["", "{}", "[1]", "{\"schema\": 9, \"asked\": {}}"] {
            fs::write(temporary.path().join(STATE), text).unwrap();
            let error = Folder::open(temporary.path(), &[]).map(drop).unwrap_err();
            assert_eq!(error.kind(), act_core::ErrorKind::Usage, "{text}");
        }
    }
}
