//! The files of a model out of a `.tar` or `.tar.gz` into one flat folder, trusting nothing in the
//! archive.
//!
//! Names that lead out, links and devices are refused; folders are flattened, because published
//! archives hold one; bytes are counted as they come out, whatever headers claim.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Component, Path};
use std::rc::Rc;

use act_core::{Error, Result};
use flate2::bufread::MultiGzDecoder;
use tar::{Archive, EntryType};

use crate::foreign;

/// Most bytes that come out; no encoder that an artifact may hold needs more.
const MAX_BYTES: u64 = 4 << 30;
/// Float weights hardly compress, texts by 5 to 1. More than this many times its bytes is a bomb ...
const MAX_RATIO: u64 = 20;
/// ... once it is large enough to matter.
const FREE_BYTES: u64 = 1 << 20;
/// Most entries.
const MAX_ENTRIES: usize = 1000;
/// Most bytes before an entry begins: its header and the long names before it, which are read into
/// memory whole.
const MAX_NAMES: u64 = 1 << 16;
/// What a model's folder may hold that is read.
const EXTENSIONS: [&str; 7] = [
    "pdmodel",
    "pdiparams",
    "txt",
    "json",
    "safetensors",
    "bin",
    "vocab",
];
/// The same without an extension.
const NAMES: [&str; 2] = ["__model__", "__params__"];

/// Archives that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArchiveKind {
    /// Plain.
    Tar,
    /// Compressed with gzip.
    TarGz,
}

impl ArchiveKind {
    /// Looks at a file's first bytes; `None` if it is no archive.
    pub fn of(path: &Path) -> Result<Option<Self>> {
        let mut head = Vec::new();
        let file = File::open(path).map_err(|e| Error::io(path, e))?;
        file.take(512)
            .read_to_end(&mut head)
            .map_err(|e| Error::io(path, e))?;
        Ok(match head.as_slice() {
            [0x1f, 0x8b, ..] => Some(ArchiveKind::TarGz),
            head if head.get(257..262) == Some(b"ustar") => Some(ArchiveKind::Tar),
            _ => None,
        })
    }
}

/// Unpacks a model's files from the archive at `path` into `dir`, which is empty.
///
/// # Errors
/// Rejected: damaged, too large, or holding what no model's archive holds.
pub fn unpack(path: &Path, kind: ArchiveKind, dir: &Path) -> Result<()> {
    let file = File::open(path).map_err(|e| Error::io(path, e))?;
    let read = Rc::new(Cell::new(0));
    let counted = Counted {
        inner: file,
        count: Rc::clone(&read),
    };
    let input = BufReader::new(counted);
    let inner: Box<dyn Read> = match kind {
        ArchiveKind::Tar => Box::new(input),
        ArchiveKind::TarGz => Box::new(MultiGzDecoder::new(input)),
    };
    let names_left = Rc::new(Cell::new(None));
    let bounded = Bounded {
        inner,
        came_in: read,
        came_out: 0,
        names_left: Rc::clone(&names_left),
    };
    let mut archive = Archive::new(bounded);
    let mut entries = archive.entries().map_err(damaged)?;
    for _ in 0..MAX_ENTRIES {
        names_left.set(Some(MAX_NAMES));
        let Some(entry) = entries.next() else {
            names_left.set(None);
            return to_the_end(archive.into_inner());
        };
        names_left.set(None);
        let mut entry = entry.map_err(damaged)?;
        match wanted(&entry)? {
            Some(name) if read_by_name(&name) => write(&mut entry, &dir.join(&name))
                .map_err(|e| e.context(format!("unpacking {name}")))?,
            // Not left to the step to the next entry, which is bounded.
            other => {
                io::copy(&mut entry, &mut io::sink()).map_err(damaged)?;
                // Its name alone, so that a folder without a model can say what it has.
                if let Some(name) = other.filter(|name| foreign::described(name).is_some()) {
                    let path = dir.join(name);
                    File::create(&path).map_err(|e| Error::io(&path, e))?;
                }
            }
        }
    }
    Err(Error::rejected(format!("more than {MAX_ENTRIES} entries")))
}

/// Reads what follows the last entry, so that gzip's checksum and length, at the end of its stream,
/// are compared with what came out.
fn to_the_end(mut stream: impl Read) -> Result<()> {
    io::copy(&mut stream, &mut io::sink())
        .map(drop)
        .map_err(damaged)
}

/// The plain file name of an entry; `None` for what is no file, or hidden.
fn wanted<R: Read>(entry: &tar::Entry<'_, R>) -> Result<Option<String>> {
    let path = entry.path().map_err(damaged)?;
    let refuse = |why: &str| {
        Err(Error::rejected(format!(
            "the archive holds {path:?}, {why}"
        )))
    };
    let outside = |part| !matches!(part, Component::Normal(_) | Component::CurDir);
    if path.components().any(outside) {
        return refuse("a name that leads out of its folder");
    }
    match entry.header().entry_type() {
        EntryType::Regular | EntryType::Continuous => {}
        EntryType::Directory | EntryType::XGlobalHeader => return Ok(None),
        EntryType::Symlink | EntryType::Link => return refuse("a link"),
        _ => return refuse("neither a file nor a folder"),
    }
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.filter(|name| !name.starts_with('.'));
    Ok(name.map(str::to_string))
}

/// True for files that an import reads.
fn read_by_name(name: &str) -> bool {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    EXTENSIONS.contains(&extension) || NAMES.contains(&name)
}

fn write(entry: &mut impl Read, path: &Path) -> Result<()> {
    let mut file = match File::create_new(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            return Err(Error::rejected("the archive holds two files of this name"));
        }
        Err(e) => return Err(Error::io(path, e)),
    };
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = entry.read(&mut buffer).map_err(damaged)?;
        if read == 0 {
            return Ok(());
        }
        io::Write::write_all(&mut file, &buffer[..read]).map_err(|e| Error::io(path, e))?;
    }
}

fn damaged(e: io::Error) -> Error {
    Error::rejected(format!("the archive is damaged: {e}"))
}

/// Counts the bytes that go in.
struct Counted<R> {
    inner: R,
    count: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.count.set(self.count.get() + read as u64);
        Ok(read)
    }
}

/// Ends with an error when too much comes out, alone, for what went in, or between two entries.
struct Bounded<R> {
    inner: R,
    came_in: Rc<Cell<u64>>,
    came_out: u64,
    /// Bytes that may still come out before the next entry; `None` inside an entry.
    names_left: Rc<Cell<Option<u64>>>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.came_out += read as u64;
        if self.came_out > MAX_BYTES {
            return Err(io::Error::other(format!(
                "more than {} GiB come out",
                MAX_BYTES >> 30
            )));
        }
        if let Some(left) = self.names_left.get() {
            let left = left.checked_sub(read as u64).ok_or_else(|| {
                io::Error::other(format!(
                    "more than {MAX_NAMES} bytes of names before an entry"
                ))
            })?;
            self.names_left.set(Some(left));
        }
        if self.came_out > FREE_BYTES && self.came_out / MAX_RATIO > self.came_in.get() {
            return Err(io::Error::other(format!(
                "more than {MAX_RATIO} times its bytes come out"
            )));
        }
        Ok(read)
    }
}
