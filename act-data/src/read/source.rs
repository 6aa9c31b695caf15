//! A data file's bytes, unpacked where it is a `.gz`, and what they are if they are no text.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use act_core::{Error, Result};
use flate2::bufread::MultiGzDecoder;

use super::encoding;

/// Bytes of a data file, or of standard input.
pub(crate) type Source = BufReader<Box<dyn Read + Send>>;

/// A packed file may unpack to this many bytes whatever its size.
const FREE: u64 = 64 << 20;

/// Beyond that, to so many times its size: texts pack to a tenth, a bomb to a thousandth.
const RATIO: u64 = 200;

/// Opens a file. One that ends in `.gz` is unpacked while it is read.
///
/// # Errors
/// Usage: no such file, a folder, or bytes that are plainly no UTF-8 text.
pub(crate) fn open(path: &Path) -> Result<Source> {
    let (file, length) = open_regular(path)?;
    let packed = path
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("gz"));
    let bytes: Box<dyn Read + Send> = if packed {
        let inner = MultiGzDecoder::new(BufReader::new(file));
        let left = FREE.max(length.saturating_mul(RATIO));
        Box::new(Bounded { inner, left })
    } else {
        Box::new(file)
    };
    let mut source = of(bytes);
    let first = source.fill_buf().map_err(|e| failure(path, e))?;
    match encoding::no_text(first, path) {
        Some(what) => Err(Error::usage(format!("{}: {what}", path.display()))),
        None => Ok(source),
    }
}

/// Opens a file and tells its length. Opening a named pipe would wait for whoever writes into it, so
/// what the path is, is asked before.
///
/// # Errors
/// Usage: no such file, a folder, a pipe or device.
pub(crate) fn open_regular(path: &Path) -> Result<(File, u64)> {
    let found = fs::metadata(path).map_err(|e| Error::io(path, e))?;
    let what = if found.is_file() {
        let file = File::open(path).map_err(|e| Error::io(path, e))?;
        return Ok((file, found.len()));
    } else if found.is_dir() {
        "a folder"
    } else {
        "a pipe or device"
    };
    let path = path.display();
    Err(Error::usage(format!(
        "{path} is {what}, where a file is expected"
    )))
}

/// A regular file's bytes, if there are at most `longest`; more is told by the text that explains.
///
/// # Errors
/// As [`open_regular`]; usage: longer.
pub(crate) fn read_bounded(path: &Path, longest: u64, what: &str) -> Result<Vec<u8>> {
    let (file, _) = open_regular(path)?;
    let mut bytes = Vec::new();
    file.take(longest + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| Error::io(path, e))?;
    if bytes.len() as u64 > longest {
        let path = path.display();
        return Err(Error::usage(format!(
            "{path}: longer than {longest} bytes, {what}"
        )));
    }
    Ok(bytes)
}

/// Any bytes as a source.
pub(crate) fn of(bytes: Box<dyn Read + Send>) -> Source {
    BufReader::with_capacity(1 << 16, bytes)
}

/// An error of reading: what does not unpack is the user's file to mend.
pub(crate) fn failure(path: &Path, error: io::Error) -> Error {
    use io::ErrorKind as K;
    match error.kind() {
        K::InvalidData | K::InvalidInput | K::UnexpectedEof => {
            Error::usage(format!("{}: does not unpack: {error}", path.display()))
        }
        _ => Error::io(path, error),
    }
}

/// No more bytes than expected.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
            let why = format!(
                "more than {RATIO} times its size, which no text does (gunzip it if it is to be trusted)"
            );
            io::Error::new(io::ErrorKind::InvalidData, why)
        })?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(parts: &[&[u8]]) -> Vec<u8> {
        let pack = |part: &&[u8]| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(part).unwrap();
            encoder.finish().unwrap()
        };
        parts.iter().flat_map(pack).collect()
    }

    fn read(bytes: &[u8]) -> Result<Vec<u8>> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f.gz");
        std::fs::write(&path, bytes).unwrap();
        let mut out = Vec::new();
        let mut source = open(&path)?;
        source
            .read_to_end(&mut out)
            .map_err(|e| failure(Path::new("f.gz"), e))?;
        Ok(out)
    }

    #[test]
    fn every_member_of_a_packed_file_is_read() {
        let joined = packed(&[b"a\tb\n", b"c\td\n"]);
        assert_eq!(read(&joined).unwrap(), b"a\tb\nc\td\n");
    }

    #[test]
    fn a_bomb_is_refused_while_it_unpacks() {
        let bomb = packed(&[&vec![b'\n'; FREE as usize + 1]]);
        assert!((bomb.len() as u64) < FREE / RATIO);
        let error = read(&bomb).unwrap_err();
        assert_eq!(error.kind(), act_core::ErrorKind::Usage);
        assert!(error.to_string().contains("more than 200 times"), "{error}");
    }

    #[test]
    fn a_packed_file_that_was_cut_or_is_none_is_the_users_to_mend() {
        let whole = packed(&[&b"text\n".repeat(100)]);
        for bytes in [&whole[..whole.len() - 9], b"text\tlabel\n"] {
            let error = read(bytes).unwrap_err();
            assert_eq!(error.kind(), act_core::ErrorKind::Usage);
            assert!(error.to_string().contains("does not unpack"), "{error}");
        }
    }
}
