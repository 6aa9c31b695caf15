//! Where a training keeps its checkpoints, and by what it knows them as its own.
//!
//! The key is the provenance record as it stands before training: models, data, configuration, seed,
//! device and version. Whatever is not in it (threads, paths, where metrics go) cannot change the
//! result, so that a run may be resumed with more threads or from another folder.

use std::path::{Path, PathBuf};

use act_core::provenance::{Digest, StageRecord};

/// The folder that was given, else the one beside the output; none if the output is a pipe.
pub fn folder(given: Option<&Path>, output: &Path) -> Option<PathBuf> {
    if let Some(folder) = given {
        return Some(folder.into());
    }
    if output.as_os_str() == "-" || is_special(output) {
        return None;
    }
    let mut name = output.as_os_str().to_owned();
    name.push(".ckpt");
    Some(name.into())
}

/// A device or named pipe, which has no place for a folder beside it.
fn is_special(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir())
}

/// Digest of all that determines the result of a training that is about to begin.
pub fn key(record: &StageRecord) -> Digest {
    Digest::of([format!("{record:?}").as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beside_the_output_unless_it_is_a_pipe() {
        let folder =
            |given: Option<&str>, output: &str| folder(given.map(Path::new), Path::new(output));
        assert_eq!(folder(None, "b/x.act"), Some("b/x.act.ckpt".into()));
        assert_eq!(folder(None, "-"), None);
        assert_eq!(folder(Some("c"), "-"), Some("c".into()));
        #[cfg(unix)]
        assert_eq!(folder(None, "/dev/null"), None);
    }

    #[test]
    fn whatever_determines_the_result_changes_the_key() {
        let record = StageRecord::new("act-distill", 42);
        assert_eq!(key(&record), key(&record.clone()));
        let other = StageRecord {
            config: "TrainConfig: {epochs: 4}".into(),
            ..record.clone()
        };
        assert_ne!(key(&record), key(&other));
        assert_ne!(key(&record), key(&StageRecord::new("act-distill", 43)));
    }
}
