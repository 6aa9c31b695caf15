//! The values of a file that is one JSON list, one after another, each with the line where it begins.

use std::io::BufRead;
use std::path::{Path, PathBuf};

use act_core::{Error, Result};

use super::lines::MAX_LINE;
use super::{encoding, source};

/// Reads the values of a list.
pub(crate) struct List<R> {
    reader: R,
    path: PathBuf,
    /// Of the byte read last, from 1.
    line: usize,
    /// Where the value read last begins.
    began: usize,
    value: Vec<u8>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the list.
    Before,
    /// Behind `[`.
    First,
    /// Behind a value.
    Between,
    /// Behind `]`.
    After,
}

impl<R: BufRead> List<R> {
    /// The list that a reader holds; `path` is for messages.
    pub(crate) fn new(reader: R, path: &Path) -> Self {
        Self {
            reader,
            path: path.to_path_buf(),
            line: 1,
            began: 1,
            value: Vec::new(),
            state: State::Before,
        }
    }

    /// `file:line` of where the value read last begins.
    pub(crate) fn place(&self) -> String {
        format!("{}:{}", self.path.display(), self.began)
    }

    /// The text of the next value; `None` behind the last.
    ///
    /// # Errors
    /// Usage: what is there is no list; a value without end, or too long; bytes that are no text.
    pub(crate) fn next(&mut self) -> Result<Option<&str>> {
        loop {
            let Some(byte) = self.skip_blanks()? else {
                self.began = self.line;
                return match self.state {
                    State::After => Ok(None),
                    _ => Err(self.wrong("the JSON list is not closed: the file is cut short")),
                };
            };
            self.began = self.line;
            match (self.state, byte) {
                (State::Before, b'[') => self.state = State::First,
                (State::First | State::Between, b']') => self.state = State::After,
                (State::Between, b',') => {
                    self.reader.consume(1);
                    if matches!(self.skip_blanks()?, None | Some(b']' | b',')) {
                        return Err(self.wrong("a comma in the JSON list, and no value behind it"));
                    }
                    self.began = self.line;
                    return self.value().map(Some);
                }
                (State::First, _) => return self.value().map(Some),
                (State::Between, _) => {
                    return Err(
                        self.wrong("a comma is missing between two values of the JSON list")
                    );
                }
                (State::After | State::Before, _) => {
                    return Err(self.wrong("there is more than one JSON list in the file"));
                }
            }
            self.reader.consume(1);
        }
    }

    /// Reads a value up to the comma or bracket behind it.
    fn value(&mut self) -> Result<&str> {
        self.value.clear();
        self.state = State::Between;
        let (mut depth, mut text, mut escaped) = (0usize, false, false);
        loop {
            let Some(byte) = self.peek()? else {
                if depth == 0 && !text {
                    break;
                }
                return Err(
                    self.wrong("the value that begins here does not end: the file is cut short")
                );
            };
            match byte {
                _ if escaped => escaped = false,
                b'\\' if text => escaped = true,
                b'"' => text = !text,
                b'{' | b'[' if !text => depth += 1,
                b',' | b']' | b'}' if !text && depth == 0 => break,
                b'}' | b']' if !text => depth -= 1,
                _ => {}
            }
            self.line += usize::from(byte == b'\n');
            self.value.push(byte);
            self.reader.consume(1);
            if self.value.len() > MAX_LINE {
                let most = MAX_LINE >> 20;
                return Err(self.wrong(&format!("a value of more than {most} MiB")));
            }
        }
        if self.peek()? == Some(b'}') {
            return Err(self.wrong("a closing brace too many"));
        }
        std::str::from_utf8(&self.value).map_err(|e| {
            let (byte, command) = (
                e.valid_up_to() + 1,
                encoding::convert(&self.value, &self.path),
            );
            self.wrong(&format!("not UTF-8 at byte {byte} of the value; {command}"))
        })
    }

    /// The next byte that is not blank, not taken.
    fn skip_blanks(&mut self) -> Result<Option<u8>> {
        loop {
            match self.peek()? {
                Some(byte) if byte.is_ascii_whitespace() => self.line += usize::from(byte == b'\n'),
                // A byte order mark, which only the file's beginning can have.
                Some(0xef | 0xbb | 0xbf) if self.state == State::Before => {}
                other => return Ok(other),
            }
            self.reader.consume(1);
        }
    }

    fn peek(&mut self) -> Result<Option<u8>> {
        let bytes = self.reader.fill_buf();
        let bytes = bytes.map_err(|e| source::failure(&self.path, e))?;
        Ok(bytes.first().copied())
    }

    fn wrong(&self, what: &str) -> Error {
        Error::usage(format!("{}: {what}", self.place()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn all(text: &str) -> Result<Vec<(usize, String)>> {
        let mut list = List::new(text.as_bytes(), Path::new("f"));
        let mut values = Vec::new();
        while let Some(value) = list.next()? {
            let value = value.trim().to_string();
            values.push((list.began, value));
        }
        Ok(values)
    }

    #[test]
    fn values_come_with_the_lines_where_they_begin() {
        let text = "\u{feff}[\n  {\"a\": \"]},[\\\"\"},\n\n  {\n \"b\": [1, {}]\n}, 3\n]\n\n";
        let values = all(text).unwrap();
        let expected = [
            (2, "{\"a\": \"]},[\\\"\"}"),
            (4, "{\n \"b\": [1, {}]\n}"),
            (6, "3"),
        ];
        assert_eq!(
            values,
            expected.map(|(line, value)| (line, value.to_string()))
        );
        assert!(all(" [ ] ").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_list_is_told_with_its_line() {
        for (text, what) in [
            (
                "[\n{\"a\": 1},\n",
                "f:2: a comma in the JSON list, and no value",
            ),
            ("[1,,2]", "f:1: a comma in the JSON list, and no value"),
            ("[\n{\"a\": 1}\n", "f:3: the JSON list is not closed"),
            (
                "[\n{\"a\": \"x\n",
                "f:2: the value that begins here does not end",
            ),
            ("[{} {}]", ""),
            ("[1]\n[2]", "f:2: there is more than one JSON list"),
            ("[1}]", "f:1: a closing brace too many"),
            ("{}", "f:1: there is more than one"),
        ] {
            match all(text) {
                Err(e) => assert!(e.to_string().starts_with(what), "{e}"),
                // Two values without a comma are one that is no JSON, which is told where it is parsed.
                Ok(values) => assert_eq!(values.len(), 1, "{text}"),
            }
        }
    }

    proptest! {
        #[test]
        fn values_are_those_of_serde_json(texts in prop::collection::vec("\\PC{0,12}", 0..6), pretty in any::<bool>()) {
            let values: Vec<Value> = texts
                .iter()
                .map(|t| serde_json::json!({"text": t, "deep": [[t], {"x": t}]}))
                .collect();
            let text = if pretty {
                serde_json::to_string_pretty(&values).unwrap()
            } else {
                serde_json::to_string(&values).unwrap()
            };
            let read = all(&text).unwrap();
            let read: Vec<Value> = read.iter().map(|(_, v)| serde_json::from_str(v).unwrap()).collect();
            prop_assert_eq!(read, values);
        }
    }
}
