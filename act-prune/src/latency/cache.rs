//! The table on disk: measured once for a machine, a shape and a setting, found again later.
//!
//! A file that does not hold exactly the fingerprint asked for, or does not parse, is not believed:
//! the table is measured again and the file replaced. A table whose blocks do not add up to the
//! whole serves once and is not kept.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use act_core::{Error, Result};

use super::fingerprint::Fingerprint;
use super::table::LatencyTable;

/// Where the table of a fingerprint is kept: `act/latency-<digest>.json` in the user's cache
/// folder (`XDG_CACHE_HOME`, else `~/.cache`); `None` if there is neither.
pub fn default_path(fingerprint: &Fingerprint) -> Option<PathBuf> {
    let var = |name| {
        std::env::var_os(name)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    let folder = var("XDG_CACHE_HOME").or_else(|| Some(var("HOME")?.join(".cache")))?;
    let text = serde_json::to_string(fingerprint).ok()?;
    let digest = blake3::hash(text.as_bytes()).to_hex();
    Some(
        folder
            .join("act")
            .join(format!("latency-{}.json", &digest[..16])),
    )
}

/// The table at `path` if it is of this fingerprint, else a new one, kept there. A folder that
/// cannot be written to costs the next run its time and nothing else.
///
/// # Errors
/// Those of `measure`.
pub fn load_or_measure(
    path: Option<&Path>,
    fingerprint: Fingerprint,
    measure: &mut dyn FnMut(Fingerprint) -> Result<LatencyTable>,
) -> Result<LatencyTable> {
    let Some(path) = path else {
        return measure(fingerprint);
    };
    match load(path, &fingerprint) {
        Ok(Some(table)) => {
            log::info!("latency table of {}", path.display());
            return Ok(table);
        }
        Ok(None) => log::info!("measuring the latency table on this machine"),
        Err(why) => log::warn!("{}: {why}; measuring again", path.display()),
    }
    let table = measure(fingerprint)?;
    if !table.adds_up() {
        log::info!("the latency table is not kept");
    } else if let Err(error) = store(path, &table) {
        log::warn!("the latency table is not kept: {error}");
    }
    Ok(table)
}

/// The bytes of a table, at most those of the largest: some numbers for each of some dozen sizes.
fn bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    const LONGEST: u64 = 1 << 20;
    let mut bytes = Vec::new();
    fs::File::open(path)?
        .take(LONGEST)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The table at `path`, none if there is no file; the error is the reason not to believe it.
fn load(path: &Path, fingerprint: &Fingerprint) -> Result<Option<LatencyTable>, String> {
    let bytes = match bounded(path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e.to_string()),
    };
    let table: LatencyTable =
        serde_json::from_slice(&bytes).map_err(|e| format!("not a latency table ({e})"))?;
    if table.fingerprint != *fingerprint {
        return Err("of another machine, model, setting or version".into());
    }
    if !table.is_sound() {
        return Err("holds numbers that are no times".into());
    }
    Ok(Some(table))
}

/// Writes beside the target and renames, so that no half file is ever found.
fn store(path: &Path, table: &LatencyTable) -> Result<()> {
    let io = |e| Error::io(path, e);
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder).map_err(io)?;
    let mut text = serde_json::to_vec_pretty(table)
        .map_err(|e| Error::failed(format!("latency table: {e}")))?;
    text.push(b'\n');
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(io)?;
    file.write_all(&text).map_err(io)?;
    file.persist(path).map_err(|e| io(e.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::curve::CostCurve;
    use super::super::fingerprint::EncoderShape;
    use super::super::setting::{LatencySetting, Precision};
    use super::*;

    fn fingerprint(cpu: &str) -> Fingerprint {
        Fingerprint {
            version: "1".into(),
            cpu: cpu.into(),
            kernels: "generic".into(),
            shape: EncoderShape {
                layers: 2,
                hidden_size: 8,
                heads: 2,
                head_dim: 4,
                intermediate_size: 32,
                hidden_act: "gelu".into(),
                family: "bert".into(),
                num_labels: 2,
            },
            setting: LatencySetting {
                precision: Precision::F32,
                batch: 1,
                threads: 1,
                lengths: vec![3; 32],
            },
        }
    }

    fn table(fingerprint: Fingerprint) -> LatencyTable {
        let curve = |size| CostCurve::new(vec![(size, 0.25)]);
        LatencyTable {
            fingerprint,
            full_ms: 1.0,
            blocks_ms: 1.0,
            floor_ms: 0.125,
            attention: curve(2),
            feed_forward: curve(32),
            last_attention: curve(2),
            last_feed_forward: curve(32),
        }
    }

    /// Loads for a machine; true if it had to measure.
    fn measures(path: &Path, cpu: &str) -> bool {
        let mut measured = false;
        let found = load_or_measure(Some(path), fingerprint(cpu), &mut |f| {
            measured = true;
            Ok(table(f))
        });
        assert_eq!(found.unwrap(), table(fingerprint(cpu)));
        measured
    }

    #[test]
    fn measures_once_for_each_machine() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/table.json");
        assert!(measures(&path, "a") && !measures(&path, "a"));
        assert!(measures(&path, "b") && !measures(&path, "b"));
    }

    #[test]
    fn tables_that_do_not_add_up_are_not_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("table.json");
        let mut disturbed = table(fingerprint("a"));
        disturbed.blocks_ms = 1.2 * disturbed.full_ms;
        let mut measure = |_| Ok(disturbed.clone());
        load_or_measure(Some(&path), fingerprint("a"), &mut measure).unwrap();
        assert!(!path.exists());
        assert!(measures(&path, "a") && path.exists());
    }

    #[test]
    fn damaged_files_are_measured_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("table.json");
        for damage in ["", "{}", "no json", "[1, 2]"] {
            fs::write(&path, damage).unwrap();
            assert!(measures(&path, "a"), "{damage:?}");
            assert!(!measures(&path, "a"));
        }
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("0.125", "-0.125")).unwrap();
        assert!(measures(&path, "a"), "a negative time");
        // A folder in its place cannot be replaced; the work goes on.
        assert!(measures(dir.path(), "a"));
    }
}
