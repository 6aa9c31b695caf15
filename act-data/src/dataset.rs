//! One split of a task in memory: opened, checked line by line, digested, tokenised.

use std::collections::HashMap;
use std::path::Path;

use act_core::provenance::{DataRecord, Digest};
use act_core::{Encoding, Error, Result, TaskInfo, Tokenizer};
use rayon::prelude::*;

use crate::description::FileFormat;
use crate::folder::Folder;
use crate::labels::list;
use crate::lengths::Lengths;
use crate::record::Record;
use crate::rows::Rows;
use crate::split::Split;
use crate::task::{Columns, Label, Task};

/// One text or pair, with its class where it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// The text, or the first of a pair.
    pub text: String,
    /// The second of a pair.
    pub pair: Option<String>,
    /// Index into the data set's labels.
    pub label: Option<u32>,
}

/// One split of a task, read and checked.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// Task name.
    pub task: String,
    /// Which split.
    pub split: Split,
    /// Label names; the index is the class.
    pub labels: Vec<String>,
    /// The columns that the folder names; `None` of a built-in task with its own fields.
    pub columns: Option<Columns>,
    /// The examples, in file order.
    pub examples: Vec<Example>,
    /// Lines without a usable label (`-` in OCNLI and CMNLI), left out.
    pub dropped: usize,
    /// Name, digest, count and whether it is the synthetic sample.
    pub record: DataRecord,
}

impl Dataset {
    /// Reads a split of `task` from the task's folder, or from a root that holds one folder a
    /// task. Without `task` the folder's `act-dataset.json` decides, or else its name.
    ///
    /// With `labels` (a model's), classes are numbered as the model numbers them, by name, and a
    /// label the model lacks is an error. Without, the task's canonical order numbers them.
    ///
    /// # Errors
    /// One line with the file and the line: no such folder or file, invalid UTF-8, bad JSON, a
    /// missing field, an unknown label, a missing label outside the test split, no examples.
    pub fn open(
        dir: &Path,
        task: Option<&str>,
        split: Split,
        labels: Option<&[String]>,
    ) -> Result<Self> {
        Self::read(&Folder::open(dir, task)?, split, labels, &mut Strict)
    }

    /// A split as the model of `task` reads it: of its task, with its labels.
    ///
    /// # Errors
    /// As [`Dataset::open`], and data of pairs for a model of single texts, or the other way round.
    pub fn for_model(dir: &Path, split: Split, task: &TaskInfo) -> Result<Self> {
        let data = Self::open(dir, Some(&task.name), split, Some(&task.labels))?;
        let pairs = data.examples.iter().any(|example| example.pair.is_some());
        let texts = |two| if two { "two texts" } else { "one text" };
        match Task::of_model(task).map(|task| task.is_pair()) {
            Some(takes) if takes != pairs => Err(Error::usage(format!(
                "{}: an example has {}, and the model was made for {}",
                data.record.name,
                texts(pairs),
                texts(takes)
            ))),
            _ => Ok(data),
        }
    }

    /// A split of an opened folder; `reader` hears of every row, and decides whether one that is wrong
    /// ends the reading.
    pub(crate) fn read(
        folder: &Folder,
        split: Split,
        labels: Option<&[String]>,
        reader: &mut dyn RowReader,
    ) -> Result<Self> {
        let (path, format) = folder.split(split)?;
        let task = &folder.task;
        let classes = Classes::new(task, labels);
        let (examples, dropped) = read(&path, format, task, split, &classes, reader)?;
        let mut record = DataRecord {
            name: format!("{}/{split}", task.name()),
            digest: Digest([0; 32]),
            examples: examples.len() as u64,
            synthetic: folder.synthetic,
        };
        record.digest = digest(&examples, classes.names);
        Ok(Self {
            task: task.name().into(),
            split,
            labels: classes.names.to_vec(),
            columns: task.columns().cloned(),
            examples,
            dropped,
            record,
        })
    }

    /// The classes; an error that names the first example without one.
    pub fn label_ids(&self) -> Result<Vec<u32>> {
        let labels = self.examples.iter().enumerate().map(|(i, e)| {
            e.label.ok_or_else(|| {
                let name = &self.record.name;
                Error::usage(format!("example {} of {name} has no label", i + 1))
            })
        });
        labels.collect()
    }

    /// Tokenises every example, on all threads of the global pool; the order is the examples'.
    pub fn encode(&self, tokenizer: &Tokenizer) -> Result<Encoded> {
        Encoded::collect(self.examples.par_iter(), tokenizer)
    }

    /// The same of the examples with these indices, in their order.
    pub fn encode_some(&self, indices: &[usize], tokenizer: &Tokenizer) -> Result<Encoded> {
        Encoded::collect(indices.par_iter().map(|&i| &self.examples[i]), tokenizer)
    }
}

/// Examples as token ids, and how long they were before anything was cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// Token ids, in the examples' order.
    pub encodings: Vec<Encoding>,
    /// Their uncut lengths.
    pub lengths: Lengths,
}

impl Encoded {
    fn collect<'a>(
        examples: impl IndexedParallelIterator<Item = &'a Example>,
        tokenizer: &Tokenizer,
    ) -> Result<Self> {
        let encode = |e: &Example| tokenizer.encode_whole(&e.text, e.pair.as_deref());
        let both: Vec<(Encoding, usize)> = examples.map(encode).collect::<Result<_>>()?;
        let (encodings, whole): (_, Vec<usize>) = both.into_iter().unzip();
        Ok(Self {
            encodings,
            lengths: Lengths::of(tokenizer.max_seq_length(), whole),
        })
    }
}

/// How the task's classes are numbered: in its own order, or in a model's.
struct Classes<'a> {
    names: &'a [String],
    /// From the task's class to the one in `names`.
    map: Vec<Option<u32>>,
}

impl<'a> Classes<'a> {
    fn new(task: &'a Task, model: Option<&'a [String]>) -> Self {
        let names = model.unwrap_or(task.labels());
        let numbered = names.iter().zip(0u32..);
        let positions: HashMap<&String, u32> = numbered.collect();
        let position = |l: &String| positions.get(l).copied();
        Self {
            names,
            map: task.labels().iter().map(position).collect(),
        }
    }
}

/// Hears of a file's rows while they are read.
pub(crate) trait RowReader {
    /// A row that is sound so far.
    fn row(&mut self, _row: &Record) {}

    /// A row that is wrong. An error ends the reading.
    fn wrong(&mut self, error: Error) -> Result<()>;
}

/// For a stage: no row may be wrong.
struct Strict;

impl RowReader for Strict {
    fn wrong(&mut self, error: Error) -> Result<()> {
        Err(error)
    }
}

fn read(
    path: &Path,
    format: FileFormat,
    task: &Task,
    split: Split,
    classes: &Classes,
    reader: &mut dyn RowReader,
) -> Result<(Vec<Example>, usize)> {
    let mut wanted = task.text_columns();
    if split != Split::Test {
        wanted.push(task.label_field());
    }
    let mut rows = Rows::open(path, format, &wanted)?;
    let (mut examples, mut dropped, mut wrong) = (Vec::new(), 0, 0);
    while let Some(row) = rows.next()? {
        let read = row.and_then(|row| {
            reader.row(&row);
            let example = example(&row, task, split, classes);
            example.map_err(|e| e.context(rows.place()))
        });
        match read {
            Ok(Some(example)) => examples.push(example),
            Ok(None) => dropped += 1,
            Err(e) => {
                wrong += 1;
                reader.wrong(e)?;
            }
        }
    }
    if !examples.is_empty() {
        return Ok((examples, dropped));
    }
    let why = match (wrong, dropped) {
        (0, 0) => "the data set is empty".into(),
        (0, n) => {
            format!("the data set is empty ({n} lines without a usable label were left out)")
        }
        _ => "no line can be read".to_string(),
    };
    Err(Error::usage(why).context(path.display()))
}

/// One line's example; `None` if its label is undecided.
fn example(
    record: &Record,
    task: &Task,
    split: Split,
    classes: &Classes,
) -> Result<Option<Example>> {
    let label = match task.label(record)? {
        Label::Undecided => return Ok(None),
        Label::Absent if split == Split::Test => None,
        Label::Absent => {
            let field = task.label_field();
            let instead = record.instead_of(field);
            return Err(Error::usage(format!(
                "no label (field {field:?}; {instead}); only test may lack it"
            )));
        }
        Label::Class(class) => Some(classes.map[class].ok_or_else(|| {
            let (name, known) = (&task.labels()[class], list(classes.names));
            Error::usage(format!("the model has no class {name:?}; it has {known}"))
        })?),
    };
    let (text, pair) = task.texts(record)?;
    Ok(Some(Example { text, pair, label }))
}

/// BLAKE3 over every example's text, pair and label name, each with its length before it (LE64;
/// all ones where it is absent). It depends on no file format and on no model's class numbers.
pub(crate) fn digest(examples: &[Example], labels: &[String]) -> Digest {
    let mut hasher = blake3::Hasher::new();
    let mut field = |value: Option<&str>| {
        let length = value.map_or(u64::MAX, |v| v.len() as u64);
        hasher.update(&length.to_le_bytes());
        hasher.update(value.unwrap_or_default().as_bytes());
    };
    for e in examples {
        field(Some(&e.text));
        field(e.pair.as_deref());
        field(e.label.map(|l| labels[l as usize].as_str()));
    }
    Digest(*hasher.finalize().as_bytes())
}
