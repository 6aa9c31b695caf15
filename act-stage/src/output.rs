//! Writing results: whole or not at all.
//!
//! A file is written beside its target under a temporary name, synchronised to the disk and then
//! renamed, so that at no moment, not even under kill -9, a partial file bears the target's name.
//! What such an end leaves beside it, the next writer of the same target takes away.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::NamedTempFile;

use crate::signals::{self, Steps, Unfinished};
use act_core::error::{Error, Result};

/// True for `-`.
pub(crate) fn is_stream(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Fails if `path` cannot become a file: its folder must exist and take new files.
pub(crate) fn check(path: &Path) -> Result<()> {
    match destination(path)? {
        Destination::Special(path) => File::options().write(true).open(&path).map(drop),
        Destination::File(path) => temporary(&path).map(drop),
    }
    .map_err(|e| Error::io(path, e))
}

/// Writes a file through `write`, atomically; returns its size.
pub(crate) fn write(
    path: &Path,
    write: impl FnOnce(&mut Counted<'_>) -> Result<()>,
) -> Result<u64> {
    let io = |e| Error::io(path, e);
    let path = match destination(path)? {
        Destination::Special(path) => {
            let mut file = File::options().write(true).open(&path).map_err(io)?;
            return stream(&mut file, write).map_err(|e| e.context(path.display()));
        }
        Destination::File(path) => path,
    };
    // A result of hours is worth the moment that it takes to write it.
    let _step = Steps::begin();
    let mut file = temporary(&path).map_err(io)?;
    let _unfinished = Unfinished::new(file.path());
    let bytes = stream(file.as_file_mut(), write).map_err(|e| e.context(path.display()))?;
    file.as_file().sync_all().map_err(io)?;
    file.persist(&path).map_err(|e| Error::io(&path, e.error))?;
    // The rename itself must survive a power cut. Some file systems cannot do this; the file is
    // whole all the same.
    let _ = File::open(folder(&path)).and_then(|folder| folder.sync_all());
    Ok(bytes)
}

/// Writes through `write` into an open file or pipe; returns the number of bytes.
pub(crate) fn stream(
    out: &mut dyn Write,
    write: impl FnOnce(&mut Counted<'_>) -> Result<()>,
) -> Result<u64> {
    let mut out = Counted {
        inner: BufWriter::with_capacity(1 << 20, out),
        bytes: 0,
    };
    write(&mut out)?;
    out.flush().map_err(|e| Error::io("output", e))?;
    Ok(out.bytes)
}

/// Where bytes for a path really go.
enum Destination {
    /// A file, new or to be replaced, with links followed.
    File(PathBuf),
    /// A device or named pipe, which must not be replaced by a file.
    Special(PathBuf),
}

fn destination(path: &Path) -> Result<Destination> {
    let name = path.display();
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(Error::usage(format!(
            "{name}: is a directory; give a file name"
        ))),
        Ok(found) if found.is_file() => fs::canonicalize(path)
            .map(Destination::File)
            .map_err(|e| Error::io(path, e)),
        Ok(_) => Ok(Destination::Special(path.into())),
        Err(_) if path.file_name().is_none() => {
            Err(Error::usage(format!("{name}: not a file name")))
        }
        Err(_) if !folder(path).is_dir() => Err(Error::usage(format!(
            "{name}: the folder {} does not exist",
            folder(path).display()
        ))),
        Err(_) => Ok(Destination::File(path.into())),
    }
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Letters and digits in a temporary name.
const RANDOM: usize = 6;

fn temporary(path: &Path) -> io::Result<NamedTempFile> {
    let mut prefix = OsString::from(".");
    prefix.push(path.file_name().unwrap_or_default());
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(".tmp").rand_bytes(RANDOM);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // As any program creates files: the umask takes away what the user does not want.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    sweep(path, &prefix);
    let file = builder.tempfile_in(folder(path))?;
    // A file system without locks keeps what is left behind, and no harm is done.
    let _ = file.as_file().try_lock();
    Ok(file)
}

/// Younger files may not have their lock yet.
const GROWN_UP: Duration = Duration::from_secs(60);

/// Removes what killed writers of `path` have left: their temporary files, which nobody holds locked.
fn sweep(path: &Path, prefix: &OsStr) {
    let (Some(prefix), Ok(entries)) = (prefix.to_str(), fs::read_dir(folder(path))) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let random = name
            .to_str()
            .and_then(|name| name.strip_prefix(prefix)?.strip_suffix(".tmp"));
        let ours = random.is_some_and(|random| {
            random.len() == RANDOM && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
        });
        if ours && is_dead(&entry.path()) && fs::remove_file(entry.path()).is_ok() {
            log::info!(
                "removed {}, which a killed process left",
                entry.path().display()
            );
        }
    }
}

/// True for a file that was written some time ago, and by a process that has ended.
fn is_dead(path: &Path) -> bool {
    let grown_up = |file: &File| {
        let written = file.metadata()?.modified()?;
        Ok::<_, io::Error>(written.elapsed().is_ok_and(|age| age >= GROWN_UP))
    };
    let regular = fs::symlink_metadata(path).is_ok_and(|found| found.is_file());
    let file = regular.then(|| File::open(path));
    file.and_then(Result::ok)
        .is_some_and(|file| grown_up(&file).unwrap_or(false) && file.try_lock().is_ok())
}

/// A buffered writer that counts.
pub(crate) struct Counted<'a> {
    inner: BufWriter<&'a mut dyn Write>,
    bytes: u64,
}

impl Write for Counted<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let n = self.inner.write(buf)?;
        self.bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Buffered standard output for text that people and scripts read. When the reader has gone
/// (`| head`), the process ends with code 0, as a listing should; artifacts never go this way.
#[derive(Debug)]
pub struct Listing(BufWriter<io::Stdout>);

impl Listing {
    pub(crate) fn new() -> Self {
        Self(BufWriter::with_capacity(1 << 16, io::stdout()))
    }
}

impl Write for Listing {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.write(buf).map_err(leave_if_closed)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(leave_if_closed)
    }
}

fn leave_if_closed(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::BrokenPipe {
        signals::leave(0);
    }
    error
}

/// Writes an artifact's bytes to standard output; a reader that goes away is a failure here, since
/// the next stage did not get its model.
pub(crate) fn write_stdout(write: impl FnOnce(&mut Counted<'_>) -> Result<()>) -> Result<u64> {
    stream(&mut io::stdout().lock(), write).map_err(|e| e.context("standard output"))
}

/// Binary data never goes to a terminal, nor where nobody can ever read it.
pub(crate) fn refuse_terminal() -> Result<()> {
    if is_closed() {
        return Err(Error::failed(
            "standard output is closed: give -o FILE, or pipe into the next stage",
        ));
    }
    if io::stdout().is_terminal() {
        return Err(Error::usage(
            "artifacts are not written to a terminal: give -o FILE, or pipe into the next stage",
        ));
    }
    Ok(())
}

/// True if standard output was closed when the process began. Rust's runtime then has `/dev/null`
/// there, for reading and writing; whoever writes `> /dev/null` opens it for writing alone. Only
/// Linux tells.
fn is_closed() -> bool {
    let null = fs::read_link("/proc/self/fd/1").is_ok_and(|to| to == Path::new("/dev/null"));
    let opened = fs::read_to_string("/proc/self/fdinfo/1").unwrap_or_default();
    let flags = opened.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|octal| u32::from_str_radix(octal.trim(), 8).ok());
    const BOTH: u32 = 2; // `O_RDWR` of fcntl.h, of the two lowest bits.
    null && flags.is_some_and(|flags| flags & 3 == BOTH)
}
