//! Lines of a file or of standard input as they come: only `\n` ends a line (texts may hold U+2028),
//! and whoever asks can know whether the next line is already here.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use act_core::{Error, Result};

/// No text is longer; a stream without line ends must not fill the memory.
const LONGEST: u64 = 16 << 20;

/// A source of lines that knows its name and its place.
pub struct Lines {
    reader: BufReader<Box<dyn Read + Send>>,
    line: Vec<u8>,
    name: String,
    number: usize,
}

impl Lines {
    /// Opens a path or `-`.
    pub fn open(path: &Path) -> Result<Self> {
        if path.as_os_str() == "-" {
            return Ok(Self::new(std::io::stdin(), "standard input"));
        }
        let file = File::open(path).map_err(|e| Error::io(path, e))?;
        Ok(Self::new(file, &path.display().to_string()))
    }

    /// Reads from anything that has a name.
    pub fn new(source: impl Read + Send + 'static, name: &str) -> Self {
        Self {
            reader: BufReader::with_capacity(1 << 16, Box::new(source)),
            line: Vec::new(),
            name: name.into(),
            number: 0,
        }
    }

    /// The next line without its end, `\r\n` included; `None` after the last.
    pub fn next(&mut self) -> Result<Option<&str>> {
        self.line.clear();
        let mut bounded = self.reader.by_ref().take(LONGEST);
        let read = bounded
            .read_until(b'\n', &mut self.line)
            .map_err(|e| Error::io(&self.name, e))?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
        } else if read as u64 == LONGEST {
            let limit = LONGEST >> 20;
            return Err(Error::usage(format!(
                "{}: longer than {limit} MiB",
                self.place()
            )));
        }
        if self.line.last() == Some(&b'\r') {
            self.line.pop();
        }
        match std::str::from_utf8(&self.line) {
            // A byte order mark is no part of the first text.
            Ok(text) if self.number == 1 => Ok(Some(text.strip_prefix('\u{feff}').unwrap_or(text))),
            Ok(text) => Ok(Some(text)),
            Err(e) => {
                let (place, byte) = (self.place(), e.valid_up_to() + 1);
                Err(Error::usage(format!(
                    "{place}: not UTF-8 at byte {byte} of the line"
                )))
            }
        }
    }

    /// True if the next line can be had without waiting for whoever writes.
    pub fn ready(&self) -> bool {
        self.reader.buffer().contains(&b'\n')
    }

    /// `file:line` of the line read last.
    pub fn place(&self) -> String {
        format!("{}:{}", self.name, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &'static [u8]) -> Result<Vec<String>> {
        let mut lines = Lines::new(bytes, "in");
        let mut found = Vec::new();
        while let Some(line) = lines.next()? {
            found.push(line.to_string());
        }
        Ok(found)
    }

    #[test]
    fn only_line_feeds_end_lines() {
        let text = "\u{feff}a\r\n\nb\u{2028}c\nd".as_bytes();
        assert_eq!(all(text).unwrap(), ["a", "", "b\u{2028}c", "d"]);
        assert!(all(b"").unwrap().is_empty());
    }

    #[test]
    fn bad_bytes_are_named_by_their_place() {
        let error = all(b"ok\nno\xff\n").unwrap_err();
        assert_eq!(error.to_string(), "in:2: not UTF-8 at byte 3 of the line");
        assert_eq!(error.kind(), act_core::ErrorKind::Usage);
    }

    #[test]
    fn a_line_without_end_is_bounded() {
        let mut lines = Lines::new(std::io::repeat(b'x'), "in");
        assert_eq!(
            lines.next().unwrap_err().to_string(),
            "in:1: longer than 16 MiB"
        );
    }

    #[test]
    fn knows_whether_a_line_is_waiting() {
        let mut lines = Lines::new(&b"a\nb\nc"[..], "in");
        assert!(!lines.ready(), "nothing read yet");
        lines.next().unwrap();
        assert!(lines.ready());
        lines.next().unwrap();
        assert!(!lines.ready(), "the last line may still grow");
    }
}
