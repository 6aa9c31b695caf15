//! A family: one model for each of several speed-ups, from one scoring and one latency table, in a
//! folder with an index.

use std::path::{Path, PathBuf};

use act_core::{Error, Result};
use act_stage::report::{FamilyIndex, FamilyMember, SCHEMA};

use crate::latency::LatencySetting;
use crate::outcome::Pruned;
use crate::record::{describe, promise};

/// Models with their files, slowest first.
pub type Members = Vec<(PathBuf, Pruned)>;

/// File name of the index.
pub const INDEX: &str = "index.json";

/// Speed-ups in rising order, each once.
///
/// # Errors
/// Usage: one that is no speed-up.
pub fn members(speedups: &[f64]) -> Result<Vec<f64>> {
    let wrong = speedups.iter().find(|s| !(1.0..=1000.0).contains(*s));
    if let Some(wrong) = wrong {
        return Err(Error::usage(format!(
            "--family: {wrong} is no speed-up; give numbers from 1 to 1000: 1.5,2,3"
        )));
    }
    let mut members = speedups.to_vec();
    members.sort_by(f64::total_cmp);
    members.dedup();
    Ok(members)
}

/// Where the model of a speed-up lies.
pub fn file(folder: &Path, speedup: f64) -> PathBuf {
    folder.join(format!("speedup-{speedup}.act"))
}

/// Makes the folder if need be.
///
/// # Errors
/// Usage: standard output, a file in its place.
pub fn open_folder(folder: &Path) -> Result<()> {
    if folder.as_os_str() == "-" {
        return Err(Error::usage("--family writes several models: give -o DIR"));
    }
    std::fs::create_dir_all(folder).map_err(|e| {
        if folder.is_dir() || !folder.exists() {
            return Error::io(folder, e);
        }
        let name = folder.display();
        Error::usage(format!("{name}: is a file; --family needs a folder"))
    })
}

/// The index, JSON: every member with what was promised and what was measured, slowest first.
pub fn index(members: &[(PathBuf, Pruned)], setting: Option<&LatencySetting>) -> Result<String> {
    let member = |(path, pruned): &(PathBuf, Pruned)| {
        let artifact = &pruned.artifact;
        let file = path.file_name();
        Ok(FamilyMember {
            file: file.map(|name| name.to_string_lossy().into_owned()),
            model_digest: artifact.model_digest()?,
            promise: pruned.promise.as_ref().map(promise),
            parameters: artifact.plan.parameters(),
            bytes: artifact.file_len()?,
        })
    };
    let index = FamilyIndex {
        schema: SCHEMA,
        stage: "act-prune".into(),
        input: members.first().map(|(_, pruned)| pruned.origin.digest),
        latency_setting: setting.map(describe),
        members: members.iter().map(member).collect::<Result<_>>()?,
    };
    let text = serde_json::to_string_pretty(&index);
    let text = text.map_err(|e| Error::failed(format!("{INDEX}: {e}")))?;
    Ok(text + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_rise_and_have_names() {
        assert_eq!(members(&[3.0, 1.5, 3.0]).unwrap(), [1.5, 3.0]);
        for wrong in [0.5, f64::NAN, f64::INFINITY] {
            assert!(members(&[2.0, wrong]).is_err());
        }
        let name = |s| file(Path::new("f"), s).display().to_string();
        assert_eq!(name(1.5), "f/speedup-1.5.act");
        assert_eq!(name(2.0), "f/speedup-2.act");
    }

    #[test]
    fn a_folder_is_needed() {
        assert!(open_folder(Path::new("-")).is_err());
        let dir = tempfile::tempdir().unwrap();
        open_folder(&dir.path().join("a/b")).unwrap();
        std::fs::write(dir.path().join("c"), "").unwrap();
        let error = open_folder(&dir.path().join("c")).unwrap_err();
        assert_eq!(error.kind(), act_core::ErrorKind::Usage);
    }
}
