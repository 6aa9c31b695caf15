//! What a stage is asked for, as its command line and as a digest of all that its result depends on:
//! program, version, settings, contents of files; neither paths nor threads.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use act_core::provenance::Digest;
use act_core::{Error, Result};

/// A stage's arguments and what of them counts.
#[derive(Debug, Clone)]
pub struct Request {
    words: Vec<OsString>,
    counts: Vec<Vec<u8>>,
}

impl Request {
    /// Of a program.
    pub fn new(program: &str) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        Self {
            words: Vec::new(),
            counts: vec![format!("{program} {version}").into_bytes()],
        }
    }

    /// Words that mean the same everywhere: a flag, and its value if it has one.
    pub fn setting(mut self, words: &[&str]) -> Self {
        for word in words {
            self.words.push(word.into());
            self.counts.push(word.as_bytes().to_vec());
        }
        self
    }

    /// A file or folder whose contents count; `flag` is empty for an argument without one.
    ///
    /// # Errors
    /// Those of reading it.
    pub fn contents(mut self, flag: &str, path: &Path) -> Result<Self> {
        self.counts.push(flag.as_bytes().to_vec());
        self.counts.push(contents(path)?.0.to_vec());
        Ok(self.place(flag, path))
    }

    /// A path that does not count: where something goes, or what is counted otherwise.
    pub fn place(mut self, flag: &str, path: &Path) -> Self {
        if !flag.is_empty() {
            self.words.push(flag.into());
        }
        self.words.push(path.into());
        self
    }

    /// Words on which no result depends.
    pub fn idle(mut self, words: &[&str]) -> Self {
        self.words.extend(words.iter().map(OsString::from));
        self
    }

    /// Something else that counts.
    pub fn depends_on(mut self, digest: &Digest) -> Self {
        self.counts.push(digest.0.to_vec());
        self
    }

    /// The arguments.
    pub fn words(&self) -> &[OsString] {
        &self.words
    }

    /// Digest of all that counts.
    pub fn digest(&self) -> Digest {
        Digest::of(self.counts.iter().map(Vec::as_slice))
    }
}

/// Digest of a file's bytes, or of the names and bytes of the files that lie in a folder.
///
/// # Errors
/// Usage: there is no such thing, or it cannot be read.
pub fn contents(path: &Path) -> Result<Digest> {
    let io = |e| Error::io(path, e);
    let found = fs::metadata(path).map_err(io)?;
    if found.is_file() {
        let mut hasher = blake3::Hasher::new();
        hasher
            .update_reader(File::open(path).map_err(io)?)
            .map_err(io)?;
        return Ok(Digest(*hasher.finalize().as_bytes()));
    }
    if !found.is_dir() {
        return Err(Error::usage(format!(
            "{}: is neither a file nor a folder",
            path.display()
        )));
    }
    let entries = fs::read_dir(path).map_err(io)?;
    let entries = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut files: Vec<PathBuf> = entries.collect::<std::io::Result<_>>().map_err(io)?;
    files.retain(|file| file.is_file());
    files.sort();
    let mut parts = Vec::new();
    for file in files {
        let name = file.file_name().unwrap_or_default();
        parts.push(name.as_encoded_bytes().to_vec());
        parts.push(contents(&file)?.0.to_vec());
    }
    Ok(Digest::of(parts.iter().map(Vec::as_slice)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_and_contents_count_and_places_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&a, "x").unwrap();
        fs::write(&b, "x").unwrap();
        let of = |path: &Path, seed: &str, threads: &str| {
            let request = Request::new("act-prune").setting(&["--seed", seed]);
            let request = request.idle(&["--threads", threads]).place("-o", path);
            request.contents("", path).unwrap().digest()
        };
        let digest = of(&a, "1", "2");
        assert_eq!(digest, of(&b, "1", "4"));
        assert_ne!(digest, of(&a, "2", "2"));
        fs::write(&b, "y").unwrap();
        assert_ne!(digest, of(&b, "1", "2"));
    }

    #[test]
    fn a_folder_is_what_lies_in_it() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "x").unwrap();
        let before = contents(folder.path()).unwrap();
        fs::rename(folder.path().join("a"), folder.path().join("b")).unwrap();
        assert_ne!(before, contents(folder.path()).unwrap());
        let missing = contents(&folder.path().join("c")).unwrap_err();
        assert_eq!(missing.kind(), act_core::ErrorKind::Usage);
    }
}
