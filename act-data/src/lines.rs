//! Lines of a data file: bounded in length, checked for UTF-8, numbered from 1.
//!
//! A line ends at `\n` and nowhere else: IFLYTEK's texts hold U+2028 and U+0085, which other
//! splitters take for line ends. A byte order mark, `\r\n` and blank lines at the end are
//! tolerated; a blank line before other lines is an error, because something was lost there.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use act_core::{Error, Result};

/// Longest line accepted, in bytes.
pub(crate) const MAX_LINE: usize = 16 << 20;

/// Reads a file's lines one by one into a buffer of its own.
pub(crate) struct Lines<R> {
    reader: R,
    path: PathBuf,
    number: usize,
    buffer: Vec<u8>,
}

impl Lines<BufReader<File>> {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|e| Error::io(path, e))?;
        Ok(Self::new(BufReader::with_capacity(1 << 16, file), path))
    }
}

impl<R: BufRead> Lines<R> {
    /// Lines of a reader; `path` is for messages.
    pub(crate) fn new(reader: R, path: &Path) -> Self {
        Self {
            reader,
            path: path.to_path_buf(),
            number: 0,
            buffer: Vec::new(),
        }
    }

    /// Lines read so far.
    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// `file:line` of the line read last.
    pub(crate) fn place(&self) -> String {
        format!("{}:{}", self.path.display(), self.number)
    }

    /// The next line without its end; `None` at the end of the file.
    pub(crate) fn next(&mut self) -> Result<Option<&str>> {
        let first = self.number == 0;
        if !self.fill()? {
            return Ok(None);
        }
        let blank = self.number;
        if self.line(first).trim_ascii().is_empty() {
            while self.fill()? {
                if !self.line(false).trim_ascii().is_empty() {
                    let at = format!("{}:{blank}", self.path.display());
                    return Err(Error::usage(format!("{at}: empty line")));
                }
            }
            return Ok(None);
        }
        std::str::from_utf8(self.line(first))
            .map(Some)
            .map_err(|e| {
                let column = e.valid_up_to() + 1;
                Error::usage(format!("{}: not UTF-8 at byte {column}", self.place()))
            })
    }

    /// Reads up to and with the next `\n`; false at the end of the file.
    fn fill(&mut self) -> Result<bool> {
        self.buffer.clear();
        // One byte more than the limit tells a full line from one that goes on.
        let mut bounded = (&mut self.reader).take(MAX_LINE as u64 + 1);
        let read = bounded
            .read_until(b'\n', &mut self.buffer)
            .map_err(|e| Error::io(&self.path, e))?;
        if read == 0 {
            return Ok(false);
        }
        self.number += 1;
        if read > MAX_LINE {
            return Err(Error::usage(format!(
                "{}: a line of more than {} MiB; is it one JSON object a line?",
                self.place(),
                MAX_LINE >> 20
            )));
        }
        Ok(true)
    }

    fn line(&self, first: bool) -> &[u8] {
        let line = self.buffer.as_slice();
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if first {
            line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line)
        } else {
            line
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Result<Vec<String>> {
        let mut lines = Lines::new(bytes, Path::new("f"));
        let mut out = Vec::new();
        while let Some(line) = lines.next()? {
            out.push(line.to_string());
        }
        Ok(out)
    }

    #[test]
    fn only_newline_ends_a_line() {
        let text = "\u{feff}a\u{2028}b\u{85}c\u{b}\r\nd\re\n";
        assert_eq!(
            all(text.as_bytes()).unwrap(),
            ["a\u{2028}b\u{85}c\u{b}", "d\re"]
        );
        assert_eq!(all(b"no end").unwrap(), ["no end"]);
        assert!(all(b"").unwrap().is_empty());
    }

    #[test]
    fn blank_lines_only_at_the_end() {
        assert_eq!(all(b"a\n\n \r\n\n").unwrap(), ["a"]);
        assert_eq!(
            all(b"a\n\n\nb\n").unwrap_err().to_string(),
            "f:2: empty line"
        );
        assert!(all(b"\n\n").unwrap().is_empty());
    }

    #[test]
    fn invalid_utf8_has_a_place() {
        let error = all(b"a\nb\xffc\n").unwrap_err();
        assert_eq!(error.to_string(), "f:2: not UTF-8 at byte 2");
    }

    #[test]
    fn long_lines() {
        let mut text = vec![b'x'; MAX_LINE - 1];
        text.push(b'\n');
        assert_eq!(all(&text).unwrap()[0].len(), MAX_LINE - 1);
        text.insert(0, b'x');
        assert!(
            all(&text)
                .unwrap_err()
                .to_string()
                .starts_with("f:1: a line of more than 16 MiB")
        );
    }
}
