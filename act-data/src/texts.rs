//! Texts without labels, of the same kind as a data set's: a file in one of the formats of data, of
//! which only the columns of the texts are read, or a file of one text a line.

use std::path::{Path, PathBuf};

use act_core::provenance::DataRecord;
use act_core::{Error, Result};

use crate::dataset::{Dataset, Example, digest};
use crate::description::FileFormat;
use crate::folder::{Folder, UNLABELLED};
use crate::read::{Lines, Rows, Shape, open, position};
use crate::split::Split;
use crate::task::Task;

impl Dataset {
    /// The texts of a file, which are of the same task as this data set; what labels there are is not
    /// read. JSON and tables (`.tsv`, `.csv`) have the task's columns, `.txt` a text a line, of a pair two
    /// with a tab between; any of them may be packed, `.gz`.
    ///
    /// # Errors
    /// One line with the file and the line: no such file, another ending, invalid UTF-8, a missing
    /// field, no texts.
    pub fn texts(&self, path: &Path) -> Result<Self> {
        let task = match &self.columns {
            Some(columns) => Task::unlabelled(&self.task, columns),
            None => Task::builtin(&self.task)?,
        };
        let examples = read(path, &task)?;
        if examples.is_empty() {
            return Err(Error::usage("no text is in it").context(path.display()));
        }
        let record = DataRecord {
            name: format!("{}/{UNLABELLED}", self.task),
            digest: digest(&examples, &[]),
            examples: examples.len() as u64,
            synthetic: false,
        };
        Ok(Self {
            task: self.task.clone(),
            // Of the splits the one that may lack labels.
            split: Split::Test,
            problem: self.problem,
            labels: self.labels.clone(),
            columns: self.columns.clone(),
            examples,
            dropped: 0,
            record,
        })
    }

    /// The file of texts without labels that lies beside the splits of `task` at or below `dir`, if
    /// there is one.
    ///
    /// # Errors
    /// As of [`Dataset::open`] for the folder.
    pub fn unlabelled_file(dir: &Path, task: &str) -> Result<Option<PathBuf>> {
        Ok(Folder::open(dir, Some(task))?.unlabelled())
    }
}

/// How the rows of a file of texts hold them; `None`: each line is one.
fn shape(path: &Path) -> Result<Option<Shape>> {
    let format = FileFormat::of_name(&path.to_string_lossy());
    match format.map(FileFormat::delimiter) {
        _ if format == Some(FileFormat::Txt) => Ok(None),
        Some(None) => Ok(Some(Shape::Json)),
        Some(Some(delimiter)) => Ok(Some(Shape::Table {
            delimiter,
            quotes: None,
            ragged: false,
        })),
        None => Err(Error::usage(format!(
            "{}: texts are read from files that end in .json, .jsonl, .tsv, .csv or .txt",
            path.display()
        ))),
    }
}

fn read(path: &Path, task: &Task) -> Result<Vec<Example>> {
    let mut examples = Vec::new();
    let mut add = |(text, pair)| {
        examples.push(Example {
            text,
            pair,
            target: None,
        });
    };
    let Some(shape) = shape(path)? else {
        let mut lines = Lines::new(open(path)?, path);
        while let Some(line) = lines.next()? {
            let texts = match (task.is_pair(), line.split_once('\t')) {
                (false, _) => Ok((line.to_string(), None)),
                (true, Some((a, b))) => Ok((a.to_string(), Some(b.to_string()))),
                (true, None) => {
                    Err("a pair has two texts with a tab between; this line has no tab")
                }
            };
            add(texts.map_err(|e| Error::usage(e).context(lines.place()))?);
        }
        return Ok(examples);
    };
    let mut rows = Rows::open(path, shape)?;
    let (task, header) = task.of_file(&rows.look()?, shape != Shape::Json);
    let wanted = task.text_columns();
    let by_number = wanted.iter().all(|name| position(name).is_some());
    if header == Some(false) || (header.is_none() && by_number) {
        rows.numbered(&wanted)?;
    } else {
        rows.header(&wanted)?;
    }
    while let Some(row) = rows.next_row()? {
        let texts = task.texts(&row?);
        add(texts.map_err(|e| e.context(rows.place()))?);
    }
    Ok(examples)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with a train split of the built-in `task`, and its data set.
    fn train(task: &str, line: &str) -> (tempfile::TempDir, Dataset) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("train.json"), line).unwrap();
        let data = Dataset::open(folder.path(), Some(task), Split::Train, None).unwrap();
        (folder, data)
    }

    #[test]
    fn texts_are_read_without_labels_from_every_format() {
        let (folder, data) = train("sst2", r#"{"sentence": "a", "label": "1"}"#);
        let found = || Dataset::unlabelled_file(folder.path(), "sst2").unwrap();
        assert_eq!(found(), None);
        for (name, text) in [
            ("unlabelled.txt", "good\tfilm\nbad film\n"),
            (
                "unlabelled.csv",
                "sentence,n\n\"good, film\",1\nbad film,2\n",
            ),
            ("unlabelled.tsv", "n\tsentence\n1\tgood film\n2\tbad film\n"),
            (
                "unlabelled.json",
                "{\"sentence\": \"good film\", \"label\": \"?\"}\n{\"sentence\": \"bad film\"}\n",
            ),
        ] {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            assert_eq!(
                found().as_deref(),
                Some(path.as_path()),
                "the one of the preferred ending"
            );
            let texts = data.texts(&path).unwrap();
            assert_eq!(texts.examples.len(), 2, "{name}");
            assert!(texts.examples[0].text.starts_with("good"), "{name}");
            assert!(
                texts
                    .examples
                    .iter()
                    .all(|e| e.target.is_none() && e.pair.is_none())
            );
            assert_eq!(texts.record.name, "sst2/unlabelled");
        }
    }

    #[test]
    fn a_line_of_a_pair_needs_a_tab_and_mistakes_name_file_and_line() {
        let line = r#"{"sentence1": "a", "sentence2": "b", "label": "1"}"#;
        let (folder, data) = train("mrpc", line);
        let refused = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            data.texts(&path).unwrap_err().to_string()
        };
        let told = refused("a.txt", "x\ty\nz\n");
        assert!(told.contains("a.txt:2: a pair has two texts"), "{told}");
        assert!(refused("a.txt", "").contains("no text is in it"));
        assert!(refused("a.csv", "x,y").contains("there is no \"sentence1\""));
        assert!(refused("a.xml", "x").contains(".json, .jsonl, .tsv, .csv or .txt"));
        assert!(refused("a.json", "{\"sentence1\": \"x\"}").contains("sentence2"));
        std::fs::write(folder.path().join("b.txt"), "x\ty\n").unwrap();
        let texts = data.texts(&folder.path().join("b.txt")).unwrap();
        assert_eq!(texts.examples[0].pair.as_deref(), Some("y"));
    }
}
