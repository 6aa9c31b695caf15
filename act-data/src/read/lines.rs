//! Lines of a data file: bounded in length, checked for UTF-8, numbered from 1.
//!
//! A line ends at `\n` and nowhere else: IFLYTEK's texts hold U+2028 and U+0085, which other
//! splitters take for line ends. A byte order mark, `\r\n` and blank lines at the end are
//! tolerated; a blank line before other lines is an error, because something was lost there.

use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};

use act_core::{Error, Result};

use super::encoding;
use super::source::{self, Source};

/// Longest line accepted, in bytes.
pub(crate) const MAX_LINE: usize = 16 << 20;

/// Reads a file's lines one by one into a buffer of its own.
pub(crate) struct Lines<R> {
    reader: R,
    path: PathBuf,
    number: usize,
    buffer: Vec<u8>,
}

impl Lines<Source> {
    /// Whether a whole line is here already.
    pub(crate) fn ready(&self) -> bool {
        self.reader.buffer().contains(&b'\n')
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

    /// `file:line` of another line.
    pub(crate) fn place_of(&self, number: usize) -> String {
        format!("{}:{number}", self.path.display())
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
                    let at = self.place_of(blank);
                    return Err(Error::usage(format!("{at}: empty line")));
                }
            }
            return Ok(None);
        }
        self.text(self.line(first)).map(Some)
    }

    /// The next line with its end, blank or not, where what began in the line before goes on.
    pub(crate) fn rest(&mut self) -> Result<Option<&str>> {
        if !self.fill()? {
            return Ok(None);
        }
        self.text(&self.buffer).map(Some)
    }

    /// The end of the line read last: nothing at the end of the file.
    pub(crate) fn end(&self) -> &'static str {
        match self.buffer.as_slice() {
            [.., b'\r', b'\n'] => "\r\n",
            [.., b'\n'] => "\n",
            _ => "",
        }
    }

    fn text<'a>(&self, line: &'a [u8]) -> Result<&'a str> {
        let wrong = |what: String| Err(Error::usage(format!("{}: {what}", self.place())));
        match std::str::from_utf8(line) {
            Ok(text) if !text.contains('\0') => Ok(text),
            Ok(_) => wrong("a NUL byte: the file is damaged, or no text".into()),
            Err(e) => {
                let (column, command) = (e.valid_up_to() + 1, encoding::convert(line, &self.path));
                wrong(format!("not UTF-8 at byte {column}; {command}"))
            }
        }
    }

    /// Reads up to and with the next `\n`; false at the end of the file.
    fn fill(&mut self) -> Result<bool> {
        self.buffer.clear();
        // One byte more than the limit tells a full line from one that goes on.
        let mut bounded = (&mut self.reader).take(MAX_LINE as u64 + 1);
        let read = bounded
            .read_until(b'\n', &mut self.buffer)
            .map_err(|e| source::failure(&self.path, e))?;
        if read == 0 {
            return Ok(false);
        }
        self.number += 1;
        if read > MAX_LINE {
            return Err(Error::usage(format!(
                "{}: a line of more than {} MiB, longer than any text",
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
        assert_eq!(
            error.to_string(),
            "f:2: not UTF-8 at byte 2; if the file has another encoding: iconv -f ENCODING -t UTF-8 f > NEW"
        );
        let gbk = all(b"a\n\xbd\xf1\xcc\xec\t1\n").unwrap_err().to_string();
        assert!(gbk.contains("iconv -f GB18030"), "{gbk}");
    }

    #[test]
    fn a_nul_byte_is_no_text() {
        let error = all(b"a\nb\0c\n").unwrap_err().to_string();
        assert_eq!(error, "f:2: a NUL byte: the file is damaged, or no text");
    }

    #[test]
    fn what_goes_on_keeps_its_line_ends() {
        let mut lines = Lines::new(&b"a\r\n\nb"[..], Path::new("f"));
        assert_eq!(lines.next().unwrap(), Some("a"));
        assert_eq!(lines.end(), "\r\n");
        assert_eq!(lines.rest().unwrap(), Some("\n"));
        assert_eq!(lines.rest().unwrap(), Some("b"));
        assert_eq!((lines.end(), lines.number()), ("", 3));
        assert_eq!(lines.rest().unwrap(), None);
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
