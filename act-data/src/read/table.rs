//! Tables: cells between tabs, commas or another character; in quotes by RFC 4180, or as they stand.
//!
//! By RFC 4180 a cell that begins with a quote ends at the next quote that is not doubled; tabs, commas and
//! line ends in it are text. What the RFC leaves open, and other readers guess at, is an error that says
//! where: a quote that is never closed, text behind a closing quote. A quote inside a cell that does not
//! begin with one is a character.

use std::io::BufRead;

use act_core::{Error, Result};

use super::lines::{Lines, MAX_LINE};

/// How a table's lines become cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dialect {
    /// What stands between two cells: one ASCII character.
    pub(crate) delimiter: u8,
    /// Whether a cell may stand between quotes.
    pub(crate) quotes: bool,
}

/// Cuts the lines of a row into cells.
#[derive(Debug)]
struct Splitter {
    dialect: Dialect,
    cells: Vec<String>,
    /// The cell that is not finished: what stands between quotes, unless it is `closed`.
    open: Option<String>,
    /// Whether any cell needed its quotes: a delimiter or a quote is in it.
    needed: bool,
    /// Cells between quotes so far, of all rows.
    quoted: usize,
}

impl Splitter {
    fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            cells: Vec::new(),
            open: None,
            needed: false,
            quoted: 0,
        }
    }

    /// Takes the next line of a row, without its end. True where the row ends with it, false where the
    /// next line belongs to a cell between quotes.
    ///
    /// # Errors
    /// Usage: text behind a closing quote. The rest of the line is lost.
    fn take(&mut self, line: &str, end: &str) -> Result<bool> {
        let mut rest = line;
        loop {
            rest = match self.open.take() {
                Some(cell) => match self.quoted_cell(cell, rest, end)? {
                    Some(after) => after,
                    None => return Ok(false),
                },
                None if self.dialect.quotes && rest.starts_with('"') => {
                    self.quoted += 1;
                    self.open = Some(String::new());
                    rest = &rest[1..];
                    continue;
                }
                None => {
                    let at = rest.find(self.dialect.delimiter as char);
                    let at = at.unwrap_or(rest.len());
                    self.cells.push(rest[..at].to_string());
                    &rest[at..]
                }
            };
            // Behind a cell is a delimiter or nothing.
            match rest.get(1..) {
                Some(next) => rest = next,
                None => return Ok(true),
            }
        }
    }

    /// What is behind a cell between quotes that began with `cell` and goes on with `rest`; `None` where
    /// it does not end in this line.
    fn quoted_cell<'a>(
        &mut self,
        mut cell: String,
        mut rest: &'a str,
        end: &str,
    ) -> Result<Option<&'a str>> {
        let delimiter = self.dialect.delimiter as char;
        loop {
            let Some(at) = rest.find('"') else {
                self.needed |= rest.contains(delimiter);
                cell += rest;
                cell += end;
                self.open = Some(cell);
                return Ok(None);
            };
            self.needed |= rest[..at].contains(delimiter);
            cell += &rest[..at];
            let after = &rest[at + 1..];
            match after.chars().next() {
                Some('"') => {
                    self.needed = true;
                    cell.push('"');
                    rest = &after[1..];
                }
                Some(other) if other != delimiter => {
                    let column = self.cells.len() + 1;
                    self.cells.clear();
                    return Err(Error::usage(format!(
                        "text behind the closing quote in column {column} (a quote in a cell between \
                         quotes is doubled; where quotes are text, say \"quotes\": false)"
                    )));
                }
                _ => {
                    self.cells.push(cell);
                    return Ok(Some(after));
                }
            }
        }
    }

    /// The cells of a row that has ended.
    fn finish(&mut self) -> Vec<String> {
        std::mem::take(&mut self.cells)
    }

    /// The column that is open, and bytes in it.
    fn open(&self) -> (usize, usize) {
        (
            self.cells.len() + 1,
            self.open.as_ref().map_or(0, String::len),
        )
    }
}

/// The rows of a table as cells.
pub(crate) struct Table<R> {
    lines: Lines<R>,
    splitter: Splitter,
    /// Where the row read last begins.
    began: usize,
}

impl<R: BufRead> Table<R> {
    pub(crate) fn new(lines: Lines<R>, dialect: Dialect) -> Self {
        Self {
            lines,
            splitter: Splitter::new(dialect),
            began: 0,
        }
    }

    /// `file:line` of where the row read last begins.
    pub(crate) fn place(&self) -> String {
        self.lines.place_of(self.began)
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.splitter.dialect
    }

    /// The lines that the rows are cut out of.
    pub(crate) fn lines(&self) -> &Lines<R> {
        &self.lines
    }

    /// The cells of the next row, or what is wrong with it alone; `None` at the end.
    ///
    /// # Errors
    /// What is wrong from here on: bytes that are no text, a quote that is never closed.
    pub(crate) fn next(&mut self) -> Result<Option<Result<Vec<String>>>> {
        let Some(line) = self.lines.next()? else {
            return Ok(None);
        };
        // The line is in the lines' own buffer, as its end is.
        let line = line.to_string();
        self.began = self.lines.number();
        let mut whole = self.splitter.take(&line, self.lines.end());
        let mut opened = self.began;
        while let Ok(false) = whole {
            let (column, bytes) = self.splitter.open();
            let goes_on = match self.lines.rest() {
                Ok(Some(line)) if bytes <= MAX_LINE => Some(line.to_string()),
                Ok(None) => None,
                Ok(Some(_)) => None,
                Err(e) => return Err(e),
            };
            let Some(line) = goes_on else {
                let at = self.lines.place_of(opened);
                let what = if bytes > MAX_LINE {
                    format!("is not closed for more than {} MiB", MAX_LINE >> 20)
                } else {
                    "is never closed".into()
                };
                return Err(Error::usage(format!(
                    "{at}: the quote in column {column} {what} (close it, or say \"quotes\": false where \
                     quotes are text)"
                )));
            };
            let end = self.lines.end();
            let line = line.strip_suffix(end).unwrap_or(&line);
            whole = self.splitter.take(line, end);
            if self.splitter.open().0 != column {
                opened = self.lines.number();
            }
        }
        Ok(Some(match whole {
            Ok(_) => Ok(self.splitter.finish()),
            Err(e) if self.lines.number() > opened => {
                let line = self.lines.number();
                Err(e.context(format!(
                    "line {line}, of the cell that begins in line {opened}"
                )))
            }
            Err(e) => Err(e),
        }))
    }
}

/// Whether a table between tabs is one with quotes: all of it can be read so, in rows of as many cells,
/// and they mean something: all cells of the first row have them, or a tab or a doubled quote is in one.
/// Where it is not, quotes are characters, as in GLUE's files.
///
/// # Errors
/// None of its own: what is no table at all is told when it is read.
pub(crate) fn is_quoted<R: BufRead>(lines: Lines<R>, delimiter: u8) -> bool {
    let dialect = Dialect {
        delimiter,
        quotes: true,
    };
    let mut table = Table::new(lines, dialect);
    let (mut columns, mut first_row) = (None, false);
    loop {
        let before = table.splitter.quoted;
        let cells = match table.next() {
            Ok(None) => return first_row || table.splitter.needed,
            Ok(Some(Ok(cells))) => cells.len(),
            _ => return false,
        };
        if *columns.get_or_insert(cells) != cells {
            return false;
        }
        first_row |= table.began == 1 && table.splitter.quoted - before == cells;
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    const CSV: Dialect = Dialect {
        delimiter: b',',
        quotes: true,
    };
    const TABS: Dialect = Dialect {
        delimiter: b'\t',
        quotes: false,
    };

    /// Rows as cells; those that are wrong by themselves as messages.
    fn rows(text: &str, dialect: Dialect) -> Result<Vec<Result<Vec<String>, String>>> {
        let mut table = Table::new(Lines::new(text.as_bytes(), Path::new("f")), dialect);
        let mut rows = Vec::new();
        while let Some(row) = table.next()? {
            rows.push(row.map_err(|e| e.context(table.place()).to_string()));
        }
        Ok(rows)
    }

    fn cells(text: &str, dialect: Dialect) -> Vec<Vec<String>> {
        let rows = rows(text, dialect).unwrap().into_iter();
        rows.map(|row| row.unwrap()).collect()
    }

    #[test]
    fn cells_are_what_rfc_4180_says() {
        for (text, expected) in [
            ("a,b\r\nc,d\n", vec![vec!["a", "b"], vec!["c", "d"]]),
            ("\"a,b\",\"c \"\"d\"\"\"\n", vec![vec!["a,b", "c \"d\""]]),
            (
                "\"a\n\nb\r\nc\",d\ne,f",
                vec![vec!["a\n\nb\r\nc", "d"], vec!["e", "f"]],
            ),
            ("\"\",\n,\"\"\n,", vec![vec!["", ""]; 3]),
            ("a\"b\"c, \"d\"\n", vec![vec!["a\"b\"c", " \"d\""]]),
            ("\u{feff}\"a\",b\n", vec![vec!["a", "b"]]),
        ] {
            assert_eq!(cells(text, CSV), expected, "{text:?}");
        }
        assert_eq!(cells("\"a\tb\"\n", TABS), [["\"a", "b\""]]);
    }

    #[test]
    fn a_quote_that_is_never_closed_is_told_with_the_line_where_it_opens() {
        let error = |text: &str| rows(text, CSV).unwrap_err().to_string();
        let open = error("a,b\nc,\"d\ne,f\ng,h\n");
        assert!(
            open.starts_with("f:2: the quote in column 2 is never closed"),
            "{open}"
        );
        let second = error("\"a\nb\",\"c\nd\n");
        assert!(
            second.starts_with("f:2: the quote in column 2 is never closed"),
            "{second}"
        );
        let long = format!("\"{}", "text of a line\n".repeat(2 << 20));
        assert!(
            error(&long).starts_with("f:1: the quote in column 1 is not closed for more than 16")
        );
    }

    #[test]
    fn text_behind_a_closing_quote_is_wrong_in_its_row_alone() {
        let rows = rows("a,\"b\"c\nd,e\n\"f\ng\"h,i\nj,k\n", CSV).unwrap();
        let wrong = rows[0].as_ref().unwrap_err();
        assert!(
            wrong.starts_with("f:1: text behind the closing quote in column 2"),
            "{wrong}"
        );
        assert_eq!(rows[1].as_ref().unwrap(), &["d", "e"]);
        let wrong = rows[2].as_ref().unwrap_err();
        assert!(
            wrong.starts_with("f:3: line 4, of the cell that begins in line 3: text behind"),
            "{wrong}"
        );
        assert_eq!(rows[3].as_ref().unwrap(), &["j", "k"]);
    }

    #[test]
    fn a_table_between_tabs_has_quotes_where_they_mean_something() {
        let quoted = |text: &str| is_quoted(Lines::new(text.as_bytes(), Path::new("f")), b'\t');
        for text in [
            "\"a\"\t\"b\"\nc\td\n",
            "a\tb\n\"c\td\"\te\n",
            "a\tb\nc\t\"say \"\"d\"\"\"\n",
        ] {
            assert!(quoted(text), "{text:?}");
        }
        for text in [
            "",
            "a\tb\nc\td\n",
            // A sentence in quotes is a sentence in quotes.
            "a\tb\n\"c d\"\te\n",
            // A quote that is not closed, or not at the end.
            "a\tb\n\"c\td\n",
            "a\tb\n\"c\" d\te\nf\t\"say \"\"g\"\"\"\n",
            // Two sentences in quotes over two rows of which one would become.
            "a\tb\n\"c\td\ne\tf\"\n",
        ] {
            assert!(!quoted(text), "{text:?}");
        }
    }

    /// What the `csv` crate reads.
    fn csv_crate(text: &str, delimiter: u8) -> Vec<Vec<String>> {
        let mut reader = csv::ReaderBuilder::new();
        let reader = reader
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter);
        let records = reader.from_reader(text.as_bytes()).into_records();
        let cells = records.map(|r| r.unwrap().iter().map(str::to_string).collect());
        cells.collect()
    }

    proptest! {
        #[test]
        fn what_the_csv_crate_writes_is_read_as_it_was(
            table in prop::collection::vec(prop::collection::vec("[a\"\t\r\n,; 字]{0,6}", 3), 1..6),
            tab in any::<bool>(),
        ) {
            let delimiter = if tab { b'\t' } else { b',' };
            let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
            for row in &table {
                writer.write_record(row).unwrap();
            }
            let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
            // A row of blanks alone looks blank, which the lines refuse before others.
            prop_assume!(text.lines().all(|line| !line.trim_ascii().is_empty()));
            prop_assert_eq!(cells(&text, Dialect { delimiter, quotes: true }), table);
        }

        #[test]
        fn what_is_accepted_is_what_the_csv_crate_reads(text in "[ab\",\n]{0,24}") {
            if let Ok(rows) = rows(&text, CSV)
                && let Ok(rows) = rows.into_iter().collect::<Result<Vec<_>, _>>()
            {
                prop_assert_eq!(rows, csv_crate(&text, b','));
            }
        }
    }
}
