//! One split of a task in memory: opened, checked line by line, digested, tokenised.

use std::collections::HashMap;

use act_core::provenance::{DataRecord, Digest};
use act_core::{Encoding, Error, Result, Tokenizer};
use rayon::prelude::*;

use crate::columns::Columns;
use crate::folder::{Folder, Part};
use crate::labels::list;
use crate::lengths::Lengths;
use crate::read::Record;
use crate::split::Split;
use crate::target::{ProblemKind, Target};
use crate::task::{Label, Task};

/// One text or pair, with its label where it is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// The text, or the first of a pair.
    pub text: String,
    /// The second of a pair.
    pub pair: Option<String>,
    /// Its class, its classes or its score.
    pub target: Option<Target>,
}

impl Example {
    /// The class of a single-label example, an index into the data set's labels.
    pub fn class(&self) -> Option<u32> {
        self.target.as_ref().and_then(Target::class)
    }
}

/// One split of a task, read and checked.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// Task name.
    pub task: String,
    /// Which split.
    pub split: Split,
    /// What the labels are.
    pub problem: ProblemKind,
    /// Label names; the index is the class. Of a regression the name of its score.
    pub labels: Vec<String>,
    /// The columns that the folder names; `None` of a built-in task with its own fields.
    pub columns: Option<Columns>,
    /// The examples, in file order.
    pub examples: Vec<Example>,
    /// Lines without a usable label (`-` in OCNLI and CMNLI), left out.
    pub dropped: usize,
    /// Name, digest, count and whether it is the synthetic sample. The name says what was held out.
    pub record: DataRecord,
}

impl Dataset {
    /// The whole of a split's file.
    pub(crate) fn read_file(
        folder: &Folder,
        split: Split,
        labels: Option<&[String]>,
        reader: &mut dyn RowReader,
    ) -> Result<Self> {
        Self::read_rows(folder, &folder.split(split)?, split, labels, reader)
    }

    /// The whole of a file that is written as a split is.
    pub(crate) fn read_rows(
        folder: &Folder,
        part: &Part,
        split: Split,
        labels: Option<&[String]>,
        reader: &mut dyn RowReader,
    ) -> Result<Self> {
        let task = &folder.task;
        let classes = Classes::new(task, labels);
        let (examples, dropped) = read(part, task, split, &classes, reader)?;
        let mut data = Self {
            task: task.name().into(),
            split,
            problem: task.problem(),
            labels: classes.names.to_vec(),
            columns: task.columns().cloned(),
            examples,
            dropped,
            record: DataRecord {
                name: format!("{}/{split}", task.name()),
                digest: Digest([0; 32]),
                examples: 0,
                synthetic: folder.synthetic(),
            },
        };
        data.count();
        Ok(data)
    }

    /// Brings digest and count up to date with the examples.
    pub(crate) fn count(&mut self) {
        self.record.digest = digest(&self.examples, &self.labels);
        self.record.examples = self.examples.len() as u64;
    }

    /// The right answers, all of the data set's kind.
    ///
    /// # Errors
    /// Usage: an example without one, the first of which is named.
    pub fn targets(&self) -> Result<Vec<Target>> {
        let targets = self.examples.iter().enumerate().map(|(i, e)| {
            e.target.clone().ok_or_else(|| {
                let name = &self.record.name;
                Error::usage(format!("example {} of {name} has no label", i + 1))
            })
        });
        targets.collect()
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

    /// A target of the task with the model's numbers.
    fn of_model(&self, target: Target, task: &Task) -> Result<Target> {
        target.renumbered(|class| {
            self.map[class as usize].ok_or_else(|| {
                let (name, known) = (&task.labels()[class as usize], list(self.names));
                Error::usage(format!("the model has no class {name:?}; it has {known}"))
            })
        })
    }
}

/// Hears of a file's rows while they are read.
pub(crate) trait RowReader {
    /// The task as the file's own columns have it, before any row.
    fn task(&mut self, _task: &Task) {}

    /// A row that is sound so far.
    fn row(&mut self, _row: &Record) {}

    /// A row that is wrong. An error ends the reading.
    fn wrong(&mut self, error: Error) -> Result<()>;
}

fn read(
    part: &Part,
    task: &Task,
    split: Split,
    classes: &Classes,
    reader: &mut dyn RowReader,
) -> Result<(Vec<Example>, usize)> {
    let (mut rows, task) = part.open(task, split != Split::Test)?;
    let task = &task;
    reader.task(task);
    let (mut examples, mut dropped, mut wrong) = (Vec::new(), 0, 0);
    while let Some(row) = rows.next_row()? {
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
    Err(Error::usage(why).context(part.path.display()))
}

/// One row's example; `None` if its label is undecided, or if it was cut short where that is known of the
/// task's files.
fn example(
    record: &Record,
    task: &Task,
    split: Split,
    classes: &Classes,
) -> Result<Option<Example>> {
    let mut needed = task.text_columns();
    if split != Split::Test {
        needed.push(task.label_field());
    }
    if task.is_ragged() && !needed.iter().all(|name| record.has(name)) {
        return Ok(None);
    }
    let target = match task.label(record)? {
        Label::Undecided => return Ok(None),
        Label::Absent if split == Split::Test => None,
        Label::Absent => {
            let field = task.label_field();
            if record.has(field) {
                return Err(Error::usage(format!(
                    "the label is empty (field {field:?}); only test may lack it"
                )));
            }
            let instead = record.instead_of(field);
            return Err(Error::usage(format!(
                "no label (field {field:?}; {instead}); only test may lack it"
            )));
        }
        Label::Given(target) => Some(classes.of_model(target, task)?),
    };
    let (text, pair) = task.texts(record)?;
    Ok(Some(Example { text, pair, target }))
}

/// BLAKE3 over every example's text, pair and label name, each with its length before it (LE64;
/// all ones where it is absent). Of several labels their number stands before the names, in their
/// alphabetical order; of a score its shortest decimal form. It depends on no file format and on no
/// model's class numbers.
pub(crate) fn digest(examples: &[Example], labels: &[String]) -> Digest {
    let mut hasher = blake3::Hasher::new();
    let mut field = |value: Option<&str>| {
        let length = value.map_or(u64::MAX, |v| v.len() as u64);
        hasher.update(&length.to_le_bytes());
        hasher.update(value.unwrap_or_default().as_bytes());
    };
    let name = |class: &u32| labels[*class as usize].as_str();
    for e in examples {
        field(Some(&e.text));
        field(e.pair.as_deref());
        match &e.target {
            None => field(None),
            Some(Target::Class(class)) => field(Some(name(class))),
            Some(Target::Classes(classes)) => {
                let mut names: Vec<&str> = classes.iter().map(name).collect();
                names.sort_unstable();
                field(Some(&names.len().to_string()));
                names.into_iter().for_each(|name| field(Some(name)));
            }
            Some(Target::Score(score)) => field(Some(&score.to_string())),
        }
    }
    Digest(*hasher.finalize().as_bytes())
}
