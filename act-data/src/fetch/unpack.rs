//! A zip archive's data files into one flat folder, trusting nothing in the archive.
//!
//! Names with `..`, absolute names, links and encrypted entries are refused; folders are
//! flattened, because some archives hold one and some do not; sizes are counted as bytes come out,
//! whatever the headers claim.

use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::Path;

use act_core::{Error, Result};
use zip::ZipArchive;
use zip::read::ZipFile;

/// Largest sum of unpacked sizes; CLUE's largest task has about 70 MB.
const MAX_BYTES: u64 = 1 << 30;
/// Most entries.
const MAX_ENTRIES: usize = 1000;
/// What a data folder may hold.
const EXTENSIONS: [&str; 5] = ["json", "jsonl", "tsv", "txt", "md"];

/// Unpacks the data files of `archive` into `dir`, which exists.
pub(super) fn unpack(archive: &Path, dir: &Path) -> Result<()> {
    let file = File::open(archive).map_err(|e| Error::io(archive, e))?;
    let mut zip = ZipArchive::new(BufReader::new(file)).map_err(damaged)?;
    if zip.len() > MAX_ENTRIES {
        return Err(Error::rejected(format!(
            "the archive has {} entries",
            zip.len()
        )));
    }
    let mut left = MAX_BYTES;
    for index in 0..zip.len() {
        let mut entry = zip.by_index(index).map_err(damaged)?;
        if let Some(name) = data_file(&entry)? {
            write(&mut entry, &dir.join(&name), &mut left)
                .map_err(|e| e.context(format!("unpacking {name}")))?;
        }
    }
    Ok(())
}

fn damaged(e: zip::result::ZipError) -> Error {
    Error::rejected(format!("the archive is damaged: {e}"))
}

/// The plain file name to unpack an entry to; `None` for what is not data.
fn data_file<R: Read>(entry: &ZipFile<'_, R>) -> Result<Option<String>> {
    let path = entry.name();
    let refuse = |why| {
        Err(Error::rejected(format!(
            "the archive holds {path:?}, {why}"
        )))
    };
    if path.starts_with('/')
        || path.contains(['\\', ':', '\0'])
        || path.split('/').any(|p| p == "..")
    {
        return refuse("a name that leads out of its folder");
    }
    if entry.is_symlink() {
        return refuse("a link");
    }
    let name = path.rsplit('/').next().unwrap_or_default();
    let extension = name.rsplit_once('.').map_or("", |(_, e)| e);
    let hidden = name.starts_with('.') || path.starts_with("__MACOSX/");
    let wanted = !entry.is_dir() && !hidden && EXTENSIONS.contains(&extension);
    Ok(wanted.then(|| name.to_string()))
}

/// Copies an entry, taking its size from what is `left`.
fn write(entry: &mut impl Read, path: &Path, left: &mut u64) -> Result<()> {
    let mut file = File::create_new(path).map_err(|e| Error::rejected(e.to_string()))?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = entry
            .read(&mut buffer)
            .map_err(|e| Error::rejected(format!("the archive is damaged: {e}")))?;
        if read == 0 {
            return file.sync_all().map_err(|e| Error::failed(e.to_string()));
        }
        *left = left.checked_sub(read as u64).ok_or_else(|| {
            Error::rejected(format!("more than {} MiB come out", MAX_BYTES >> 20))
        })?;
        file.write_all(&buffer[..read])
            .map_err(|e| Error::failed(e.to_string()))?;
    }
}
