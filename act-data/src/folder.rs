//! Where a split's file is and what its rows mean: a folder of data, with or without a
//! description, or a root with one folder per task.

use std::path::{Path, PathBuf};

use act_core::{BuiltIn, Error, Result};

use crate::columns::Columns;
use crate::description::{DESCRIPTION, Description, FileFormat, FileSpec, HoldOut, Style};
use crate::read::{Rows, Shape, position};
use crate::split::Split;
use crate::task::{self, Task};

/// What a file of texts without labels is called, without its ending.
pub(crate) const UNLABELLED: &str = "unlabelled";

/// A folder of one task's data.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    path: PathBuf,
    pub(crate) task: Task,
    description: Description,
}

/// The file of a split, and how it is written.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) path: PathBuf,
    pub(crate) shape: Shape,
    /// Whether a table has a header, where that is said.
    header: Option<bool>,
    /// The file's own columns.
    columns: Option<Columns>,
}

impl Folder {
    /// Finds the folder of `task` (or of what the folder says it holds) at or below `dir`.
    pub(crate) fn open(dir: &Path, task: Option<&str>) -> Result<Self> {
        check_folder(dir)?;
        let path = Self::find(dir, task)?;
        let described = Description::read(&path)?;
        let at = match described {
            Some(_) => path.join(DESCRIPTION),
            None => path.clone(),
        };
        let description = described.clone().unwrap_or_default();
        let name = description.task_name(&path, task)?;
        let task = match &described {
            Some(description) => description.resolve(&name),
            None => task::known(&name).map(Task::of),
        };
        Ok(Self {
            task: task.map_err(|e| e.context(at.display()))?,
            path,
            description,
        })
    }

    /// The folder `path` as `description` says it is.
    ///
    /// # Errors
    /// Usage: the description contradicts itself.
    pub(crate) fn described(path: &Path, name: &str, description: Description) -> Result<Self> {
        Ok(Self {
            path: path.to_path_buf(),
            task: description.resolve(name)?,
            description,
        })
    }

    /// `dir` itself if it looks like a task's folder, otherwise `dir/TASK`.
    fn find(dir: &Path, task: Option<&str>) -> Result<PathBuf> {
        let holds = |split| file(dir, split, None).is_some();
        if dir.join(DESCRIPTION).exists() || Split::ALL.into_iter().any(holds) {
            return Ok(dir.to_path_buf());
        }
        let name = task.map(Task::canonical);
        let below = name
            .into_iter()
            .flat_map(|n| [n.to_string(), format!("{n}_public")]);
        let below = below.chain(task.map(str::to_string));
        let found = below.map(|n| dir.join(n)).find(|p| p.is_dir());
        found
            .or_else(|| published(dir, BuiltIn::named(name?)?))
            .ok_or_else(|| {
                let or = name.map_or(String::new(), |n| format!(", and no folder {n}"));
                Error::usage(format!(
                    "{} holds no train, dev or test file (.json, .jsonl, .tsv, .csv, .txt){or}{}",
                    dir.display(),
                    but_not_read(&others(dir, &[]))
                ))
            })
    }

    /// True for the bundled generator's corpus.
    pub(crate) fn synthetic(&self) -> bool {
        self.description.synthetic
    }

    /// A split's file, and how its rows hold their fields.
    pub(crate) fn split(&self, split: Split) -> Result<Part> {
        self.find_split(split).ok_or_else(|| {
            let endings = match self.description.format {
                Some(FileFormat::Tsv) => ".tsv",
                Some(FileFormat::Csv) => ".csv",
                Some(FileFormat::Txt) => ".txt",
                Some(FileFormat::Jsonl) => ".json or .jsonl",
                None => ".json, .jsonl, .tsv, .csv or .txt",
            };
            let path = self.path.display();
            let others = but_not_read(&self.not_read());
            Error::usage(format!(
                "{path} has no {split} file ({split}{endings}){others}"
            ))
        })
    }

    /// The same, `None` where there is no such file.
    pub(crate) fn find_split(&self, split: Split) -> Option<Part> {
        let described = &self.description;
        if let Some(spec) = described.files.of(split) {
            let format = FileFormat::of_name(&spec.name).or(described.format);
            let format = described.format.or(format).unwrap_or(FileFormat::Tsv);
            return Some(self.part(self.path.join(&spec.name), format, spec));
        }
        let (path, format) = file(&self.path, split, described.format)?;
        Some(self.part(path, format, &FileSpec::default()))
    }

    /// How a file of the folder is written: as that of a split that is called so, or as its ending says.
    pub(crate) fn part_of(&self, file: &Path) -> Option<Part> {
        let splits = Split::ALL
            .into_iter()
            .filter_map(|split| self.find_split(split));
        let name = file.file_name()?;
        let same = |part: &Part| part.path.file_name() == Some(name);
        if let Some(part) = splits.into_iter().find(same) {
            return Some(Part {
                path: file.into(),
                ..part
            });
        }
        let format = FileFormat::of_name(&name.to_string_lossy())?;
        let columns = self.task.columns();
        let texts =
            format == FileFormat::Txt && columns.is_none_or(|c| position(&c.text).is_none());
        (!texts).then(|| self.part(file.into(), format, &FileSpec::default()))
    }

    fn part(&self, path: PathBuf, format: FileFormat, spec: &FileSpec) -> Part {
        let style = spec.style.or(self.description.style());
        let columns = spec.columns.as_ref().or(self.task.columns());
        // Columns that are called by their numbers have no other names.
        let named = columns.map(|columns| position(&columns.text).is_none());
        Part {
            shape: shape(format, style, &self.task),
            header: style.header.or(named),
            columns: spec.columns.clone(),
            path,
        }
    }

    /// A split's file and how it is written, in words; nothing where there is none.
    pub(crate) fn source(&self, split: Split) -> String {
        let Some(part) = self.find_split(split) else {
            return String::new();
        };
        let name = part.path.file_name().unwrap_or_default().to_string_lossy();
        let opened = part.open(&self.task, false);
        let how = opened.map_or(String::new(), |(rows, _)| format!(", {}", rows.style()));
        format!("{name}{how}")
    }

    /// Which columns hold what.
    pub(crate) fn columns(&self) -> Columns {
        let texts = self.task.text_columns();
        let own = Columns {
            text: texts[0].into(),
            pair: texts.get(1).map(|pair| pair.to_string()),
            label: self.task.label_field().into(),
        };
        self.task.columns().cloned().unwrap_or(own)
    }

    /// What is held out of train for a split that has no file, if train has one.
    pub(crate) fn held_out(&self, split: Split) -> Option<f64> {
        let HoldOut { dev, test, .. } = self.hold_out();
        let share = match split {
            Split::Dev => dev,
            Split::Test => test,
            Split::Train | Split::DevMismatched => return None,
        };
        let held_out = share > 0.0
            && self.find_split(split).is_none()
            && self.find_split(Split::Train).is_some();
        held_out.then_some(share)
    }

    /// What the description says of holding out, or what holds without one.
    pub(crate) fn hold_out(&self) -> HoldOut {
        self.description.hold_out.unwrap_or_default()
    }

    /// The file of texts without labels, if there is one.
    pub(crate) fn unlabelled(&self) -> Option<PathBuf> {
        let endings = FileFormat::ALL.into_iter().flat_map(FileFormat::extensions);
        let names = endings.flat_map(|ending| {
            let name = format!("{UNLABELLED}.{ending}");
            [format!("{name}.gz"), name].into_iter().rev()
        });
        let mut paths = names.map(|name| self.path.join(name));
        paths.find(|path| path.exists())
    }

    /// Names of the files that look like data and that nothing reads, in order.
    pub(crate) fn not_read(&self) -> Vec<String> {
        let read = Split::ALL.into_iter().filter_map(|s| self.find_split(s));
        let read = read.map(|part| part.path).chain(self.unlabelled());
        let read: Vec<PathBuf> = read.collect();
        others(&self.path, &read)
    }
}

impl Part {
    /// Opens the file, whose rows must have the texts' columns of the task, and the label's where it is
    /// `labelled`; with the task as the file's own columns have it.
    ///
    /// # Errors
    /// Usage: no such file, or a header that lacks one of the columns or has it twice.
    pub(crate) fn open(&self, task: &Task, labelled: bool) -> Result<(Rows, Task)> {
        let mut rows = Rows::open(&self.path, self.shape)?;
        let (task, header) = match &self.columns {
            Some(columns) => (task.with_columns(columns), self.header),
            None => {
                let (task, header) = task.of_file(&rows.look()?, self.shape != Shape::Json);
                (task, self.header.or(header))
            }
        };
        let mut wanted = task.text_columns();
        if labelled {
            wanted.push(task.label_field());
        }
        if header == Some(false) {
            rows.numbered(&wanted)?;
        } else {
            rows.header(&wanted)?;
        }
        Ok((rows, task))
    }
}

/// How a file of a format is read.
fn shape(format: FileFormat, style: Style, task: &Task) -> Shape {
    match format.delimiter() {
        None => Shape::Json,
        Some(delimiter) => {
            let delimiter = style.delimiter.map_or(delimiter, |given| given as u8);
            // Built-in tasks' tables have none, whatever is in their texts.
            let published = task.columns().is_none() && delimiter == b'\t';
            Shape::Table {
                delimiter,
                quotes: style.quotes.or(published.then_some(false)),
                ragged: style.ragged.unwrap_or(task.is_ragged()),
            }
        }
    }
}

fn check_folder(dir: &Path) -> Result<()> {
    let meta = std::fs::metadata(dir).map_err(|e| Error::io(dir, e).context("data folder"))?;
    if meta.is_dir() {
        return Ok(());
    }
    let dir = dir.display();
    Err(Error::usage(format!(
        "{dir} is not a folder; give the task's data folder"
    )))
}

/// A folder in `dir` that is called as its task's publishers write it: `SST-2`.
fn published(dir: &Path, task: BuiltIn) -> Option<PathBuf> {
    let entries = std::fs::read_dir(dir).ok()?.flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths.into_iter().find(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        BuiltIn::named(&name) == Some(task) && path.is_dir()
    })
}

fn file(dir: &Path, split: Split, format: Option<FileFormat>) -> Option<(PathBuf, FileFormat)> {
    let formats = FileFormat::ALL
        .into_iter()
        .filter(|f| format.is_none_or(|wanted| *f == wanted));
    let mut candidates = formats.flat_map(|f| {
        let stems = split.stems().iter();
        let names = stems.flat_map(move |s| f.extensions().iter().map(move |e| format!("{s}.{e}")));
        names.flat_map(move |name| [(name.clone(), f), (name + ".gz", f)])
    });
    let (name, format) = candidates.find(|(name, _)| dir.join(name).exists())?;
    Some((dir.join(name), format))
}

/// Endings of files that may be meant as data.
const DATA: [&str; 17] = [
    "json", "jsonl", "tsv", "csv", "txt", "gz", "bz2", "xz", "zst", "zip", "tar", "parquet",
    "arrow", "xlsx", "xls", "pkl", "ndjson",
];

/// Files of a folder that may be meant as data, but for those that are `read`.
pub(crate) fn others(dir: &Path, read: &[PathBuf]) -> Vec<String> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let files = entries.map(|entry| entry.path()).filter(|path| {
        let ending = path.extension().map(|e| e.to_ascii_lowercase());
        let data = ending.is_some_and(|e| DATA.iter().any(|known| *known == e));
        data && path.is_file() && !path.ends_with(DESCRIPTION) && !read.contains(path)
    });
    let name = |path: PathBuf| Some(path.file_name()?.to_string_lossy().into_owned());
    let mut names: Vec<String> = files.filter_map(name).collect();
    names.sort();
    names
}

/// The tail of a message about a file that is not there: those that are, and what to make of them.
fn but_not_read(others: &[String]) -> String {
    const SHOWN: usize = 6;
    if others.is_empty() {
        return String::new();
    }
    let shown = others.iter().take(SHOWN).map(String::as_str);
    let shown = shown.collect::<Vec<_>>().join(", ");
    let more = match others.len().saturating_sub(SHOWN) {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    format!(
        "; there but not read: {shown}{more} (act-data describe DIR looks at them and proposes an \
         {DESCRIPTION} that names them)"
    )
}
