//! Downloads the official archive of a CLUE task into a folder that the readers understand.
//!
//! The archive must have one of the digests that PaddleNLP's loader (`paddlenlp/datasets/clue.py`)
//! publishes for it, or the BLAKE3 digest the user pins. MD5, the only kind published, recognises
//! an archive; it is no defence against a forger, which HTTPS and a pinned digest are. Then every
//! split is read through the reader before the folder gets its name.

mod download;
mod unpack;

use std::path::{Path, PathBuf};

use act_core::provenance::Digest;
use act_core::{BuiltIn, Error, Progress, Result};

use crate::dataset::Dataset;
use crate::split::Split;
use crate::staging::{self, Staging};

/// Where CLUE's archives lie.
pub const OFFICIAL: &str = "https://storage.googleapis.com/cluebenchmark/tasks";

/// What is published about a task's archive.
struct Archive {
    task: BuiltIn,
    /// PaddleNLP's; TNEWS's archive was reissued with a corrected test set.
    md5: &'static [&'static str],
    /// Examples of train and dev that can be used, where known.
    examples: [Option<usize>; 2],
}

const ARCHIVES: [Archive; 7] = [
    Archive {
        task: BuiltIn::Afqmc,
        md5: &["3377b559bb4e61d03a35282550902ca0"],
        examples: [Some(34_334), Some(4_316)],
    },
    Archive {
        task: BuiltIn::Tnews,
        md5: &[
            "38186ed0a751bc33e3ae0c1b59319777",
            "587171233c8e8db00a3dc9bae5d2b47d",
        ],
        examples: [Some(53_360), Some(10_000)],
    },
    Archive {
        task: BuiltIn::Iflytek,
        md5: &["19e4b19947db126f69aae18db0da2b87"],
        examples: [Some(12_133), Some(2_599)],
    },
    Archive {
        task: BuiltIn::Ocnli,
        md5: &["acb426f6f3345076c6ce79239e7bc307"],
        examples: [None, Some(2_950)],
    },
    Archive {
        task: BuiltIn::Cmnli,
        md5: &["e0e8caefd9b3491220c18b466233f2ff"],
        examples: [Some(391_783), Some(12_241)],
    },
    Archive {
        task: BuiltIn::Cluewsc2020,
        md5: &["17abe1be3f7dd3bad5f114ba4c40ee9b"],
        examples: [Some(1_244), Some(304)],
    },
    Archive {
        task: BuiltIn::Csl,
        md5: &["394a2ccbf6ddd7e331be4d5d7798f0f6"],
        examples: [Some(20_000), Some(3_000)],
    },
];

/// What came.
#[derive(Debug)]
pub struct Fetched {
    /// BLAKE3 of the archive: what to pin.
    pub digest: Digest,
    /// Examples of each split.
    pub splits: Vec<(Split, usize)>,
}

/// Downloads `task`'s archive from below `base` ([`OFFICIAL`]), checks and unpacks it into `dir`,
/// which must not hold other data. `pinned` is the archive's BLAKE3 digest in hexadecimal and
/// stands in for the published ones. `progress` counts bytes; what has come when it stops the
/// download is kept, and the next call goes on from there.
///
/// # Errors
/// Usage: no archive of that task is known, other data are there, or the build has no TLS and `base` asks for it. Failed: the server cannot be
/// reached, or says no. Rejected: not the archive that is published or pinned, or damaged.
/// Interrupted.
pub fn fetch(
    task: &str,
    dir: &Path,
    base: &str,
    pinned: Option<&str>,
    progress: &dyn Progress,
) -> Result<Fetched> {
    let archive = archive(task)?;
    let name = archive.task.name();
    let url = format!("{}/{name}_public.zip", base.trim_end_matches('/'));
    if !cfg!(feature = "tls") && !url.starts_with("http://") {
        return Err(Error::usage(format!(
            "{url}: this act-data was built without TLS; `make fetch-{name}` builds one that has it, as \
             `make build TLS=1` does"
        )));
    }
    let staging = Staging::new(dir)?;
    let part = part_file(dir)?;
    download::download(&url, &part, progress).or_else(|e| match part.metadata() {
        Ok(nothing) if nothing.len() == 0 => discard(&part, e),
        _ => Err(e),
    })?;

    let digest = recognise(&part, archive, pinned).or_else(|e| discard(&part, e))?;
    unpack::unpack(&part, staging.path()).or_else(|e| discard(&part, e))?;
    let splits = read_back(staging.path(), archive)?;
    staging.place()?;
    std::fs::remove_file(&part).map_err(|e| Error::io(&part, e))?;
    Ok(Fetched { digest, splits })
}

fn archive(task: &str) -> Result<&'static Archive> {
    let named = BuiltIn::named(task);
    let found = ARCHIVES.iter().find(|archive| Some(archive.task) == named);
    found.ok_or_else(|| {
        let known: Vec<&str> = ARCHIVES.iter().map(|a| a.task.name()).collect();
        Error::usage(format!(
            "no archive of {task:?} is known; there are {}",
            known.join(", ")
        ))
    })
}

/// `DIR.zip.part` beside the folder to be made.
fn part_file(dir: &Path) -> Result<PathBuf> {
    let (parent, name) = staging::split(dir)?;
    Ok(parent.join(format!("{name}.zip.part")))
}

/// Removes an archive that cannot be used, so that the next try does not resume it.
fn discard<T>(part: &Path, error: Error) -> Result<T> {
    std::fs::remove_file(part).map_err(|e| Error::io(part, e))?;
    Err(error)
}

/// Checks the archive's digest and returns its BLAKE3.
fn recognise(part: &Path, archive: &Archive, pinned: Option<&str>) -> Result<Digest> {
    let bytes = std::fs::read(part).map_err(|e| Error::io(part, e))?;
    let digest = Digest(*blake3::hash(&bytes).as_bytes());
    let found = digest.to_string();
    let task = archive.task.name();
    match pinned {
        Some(pin) if pin.eq_ignore_ascii_case(&found) => Ok(digest),
        Some(pin) => Err(Error::rejected(format!(
            "{task}'s archive has digest {found}, not the pinned {pin}"
        ))),
        None => {
            let md5 = format!("{:x}", md5::compute(&bytes));
            if archive.md5.contains(&md5.as_str()) {
                return Ok(digest);
            }
            Err(Error::rejected(format!(
                "{task}'s archive is not the published one (MD5 {md5}); if you trust it all the \
                 same, give --digest {found}"
            )))
        }
    }
}

/// Reads every split as the stages will.
fn read_back(dir: &Path, archive: &Archive) -> Result<Vec<(Split, usize)>> {
    let mut splits = Vec::new();
    for (split, known) in [Split::Train, Split::Dev].into_iter().zip(archive.examples) {
        let set = Dataset::open(dir, Some(archive.task.name()), split, None)
            .map_err(|e| e.context("unpacked"))?;
        let examples = set.examples.len();
        if known.is_some_and(|known| known != examples) {
            log::warn!(
                "{}: {examples} examples, not the published {known:?}",
                set.record.name
            );
        }
        splits.push((split, examples));
    }
    if let Ok(set) = Dataset::open(dir, Some(archive.task.name()), Split::Test, None) {
        splits.push((Split::Test, set.examples.len()));
    }
    Ok(splits)
}
