//! Writing results: whole or not at all.
//!
//! A file is written beside its target under a temporary name, synchronised to the disk and then
//! renamed, so that at no moment, not even under kill -9, a partial file bears the target's name.

use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::signals::{self, Unfinished};
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

fn temporary(path: &Path) -> io::Result<NamedTempFile> {
    let mut prefix = std::ffi::OsString::from(".");
    prefix.push(path.file_name().unwrap_or_default());
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(".tmp");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // As any program creates files: the umask takes away what the user does not want.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder(path))
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

/// Binary data never goes to a terminal.
pub(crate) fn refuse_terminal() -> Result<()> {
    if io::stdout().is_terminal() {
        return Err(Error::usage(
            "artifacts are not written to a terminal: give -o FILE, or pipe into the next stage",
        ));
    }
    Ok(())
}
