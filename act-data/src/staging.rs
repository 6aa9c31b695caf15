//! A folder that appears whole or not at all: filled beside its target, then renamed.

use std::fs;
use std::path::{Path, PathBuf};

use act_core::{Error, Result};
use act_stage::Unfinished;
use tempfile::TempDir;

use crate::description::Description;

/// A folder being filled. Dropped before [`Staging::place`], it leaves nothing behind.
pub(crate) struct Staging {
    temporary: TempDir,
    unfinished: Unfinished,
    target: PathBuf,
}

impl Staging {
    /// Refuses a target that holds something other than an earlier sample corpus.
    pub(crate) fn new(target: &Path) -> Result<Self> {
        let (parent, _) = split(target)?;
        refuse_foreign(target)?;
        fs::create_dir_all(&parent).map_err(|e| Error::io(&parent, e))?;
        let temporary = tempfile::Builder::new()
            .prefix(".act-data-")
            .tempdir_in(&parent)
            .map_err(|e| Error::io(&parent, e))?;
        Ok(Self {
            unfinished: Unfinished::new(temporary.path()),
            temporary,
            target: target.to_path_buf(),
        })
    }

    /// Where to write.
    pub(crate) fn path(&self) -> &Path {
        self.temporary.path()
    }

    /// Writes a file and brings it to the disk.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.path().join(name);
        let write = || {
            let mut file = fs::File::create(&path)?;
            std::io::Write::write_all(&mut file, bytes)?;
            file.sync_all()
        };
        write().map_err(|e| Error::io(self.target.join(name), e))
    }

    /// Gives the folder its name.
    pub(crate) fn place(self) -> Result<()> {
        refuse_foreign(&self.target)?;
        let io = |e| Error::io(&self.target, e);
        // An empty folder may be renamed over; an earlier corpus must step aside first.
        let mut replaced = None;
        if fs::read_dir(&self.target).is_ok_and(|mut d| d.next().is_some()) {
            let aside = self.path().with_extension("old");
            fs::rename(&self.target, &aside).map_err(io)?;
            replaced = Some(aside);
        }
        make_readable(self.path()).map_err(io)?;
        fs::rename(self.path(), &self.target).map_err(io)?;
        let _ = self.temporary.keep(); // It has another name now.
        drop(self.unfinished);
        if let Some(aside) = replaced {
            fs::remove_dir_all(&aside).map_err(|e| Error::io(&aside, e))?;
        }
        Ok(())
    }
}

/// The parent and the name of a target folder.
pub(crate) fn split(target: &Path) -> Result<(PathBuf, String)> {
    let absolute = std::path::absolute(target).map_err(|e| Error::io(target, e))?;
    match (absolute.parent(), absolute.file_name()) {
        (Some(parent), Some(name)) => Ok((parent.into(), name.to_string_lossy().into_owned())),
        _ => Err(Error::usage(format!(
            "{}: name a folder to make",
            target.display()
        ))),
    }
}

fn refuse_foreign(target: &Path) -> Result<()> {
    let path = target.display();
    let mut entries = match fs::read_dir(target) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(Error::io(target, e)),
    };
    let ours = Description::read(target).is_ok_and(|d| d.is_some_and(|d| d.synthetic));
    match entries.next() {
        Some(_) if !ours => Err(Error::usage(format!(
            "{path} is there already and is no sample corpus; remove it or name another folder"
        ))),
        _ => Ok(()),
    }
}

/// Temporary folders are private; data folders are not.
#[cfg(unix)]
fn make_readable(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn make_readable(_path: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_or_not_at_all() {
        let root = tempfile::tempdir().unwrap();
        let target = root.path().join("a/b");
        let staging = Staging::new(&target).unwrap();
        staging.write("x", b"1").unwrap();
        drop(staging);
        assert!(!target.exists());
        assert_eq!(fs::read_dir(root.path().join("a")).unwrap().count(), 0);

        let staging = Staging::new(&target).unwrap();
        staging
            .write("act-dataset.json", br#"{"task":"afqmc","synthetic":true}"#)
            .unwrap();
        staging.place().unwrap();
        // An earlier sample is replaced, and nothing but the new one is left.
        let staging = Staging::new(&target).unwrap();
        staging.write("train.json", b"").unwrap();
        staging.place().unwrap();
        let names = |p: &Path| -> Vec<_> {
            fs::read_dir(p)
                .unwrap()
                .map(|e| e.unwrap().file_name())
                .collect()
        };
        assert_eq!(names(&target), ["train.json"]);
        assert_eq!(names(&root.path().join("a")), ["b"]);
        // Anything else is not.
        let error = Staging::new(&target).err().unwrap().to_string();
        assert!(error.contains("is there already"), "{error}");
    }
}
