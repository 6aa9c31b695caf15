//! Where a split's file is and what its lines mean: a folder of data, with or without a
//! description, or a root with one folder per task.

use std::path::{Path, PathBuf};

use act_core::{Error, Result};

use crate::description::{DESCRIPTION, Description, FileFormat};
use crate::split::Split;
use crate::task::{self, Task};

/// What a file of texts without labels is called, without its ending.
pub(crate) const UNLABELLED: &str = "unlabelled";

/// A folder of one task's data.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    path: PathBuf,
    pub(crate) task: Task,
    format: Option<FileFormat>,
    pub(crate) synthetic: bool,
}

impl Folder {
    /// Finds the folder of `task` (or of what the folder says it holds) at or below `dir`.
    pub(crate) fn open(dir: &Path, task: Option<&str>) -> Result<Self> {
        let meta = std::fs::metadata(dir).map_err(|e| Error::io(dir, e).context("data folder"))?;
        if !meta.is_dir() {
            let dir = dir.display();
            return Err(Error::usage(format!(
                "{dir} is not a folder; give the task's data folder"
            )));
        }
        let path = Self::find(dir, task)?;
        let described = Description::read(&path)?;
        let at = match described {
            Some(_) => path.join(DESCRIPTION),
            None => path.clone(),
        };
        let description = described.clone().unwrap_or_default();
        let name = description.task_name(&path, task)?;
        let (format, synthetic) = (description.format, description.synthetic);
        let task = match described {
            Some(description) => description.resolve(&name),
            None => task::known(&name).map(Task::of),
        };
        Ok(Self {
            task: task.map_err(|e| e.context(at.display()))?,
            path,
            format,
            synthetic,
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
        found.ok_or_else(|| {
            let or = name.map_or(String::new(), |n| format!(", and no folder {n}"));
            Error::usage(format!(
                "{} holds no train, dev or test file (.json, .jsonl, .tsv){or}{}",
                dir.display(),
                but_not_read(&others(dir, &[]))
            ))
        })
    }

    /// A split's file, and how its lines hold their fields.
    pub(crate) fn split(&self, split: Split) -> Result<(PathBuf, FileFormat)> {
        self.find_split(split).ok_or_else(|| {
            let endings = match self.format {
                Some(FileFormat::Tsv) => ".tsv",
                Some(FileFormat::Jsonl) => ".json or .jsonl",
                None => ".json, .jsonl or .tsv",
            };
            let path = self.path.display();
            let others = but_not_read(&self.not_read());
            Error::usage(format!(
                "{path} has no {split} file ({split}{endings}){others}"
            ))
        })
    }

    /// The same, `None` where there is no such file.
    pub(crate) fn find_split(&self, split: Split) -> Option<(PathBuf, FileFormat)> {
        file(&self.path, split, self.format)
    }

    /// The file of texts without labels, if there is one.
    pub(crate) fn unlabelled(&self) -> Option<PathBuf> {
        let names = ["json", "jsonl", "tsv", "txt"].map(|e| format!("{UNLABELLED}.{e}"));
        let mut paths = names.iter().map(|name| self.path.join(name));
        paths.find(|path| path.exists())
    }

    /// Names of the files that look like data and that nothing reads, in order.
    pub(crate) fn not_read(&self) -> Vec<String> {
        let read = Split::ALL.into_iter().filter_map(|s| self.find_split(s));
        let read = read.map(|(path, _)| path).chain(self.unlabelled());
        let read: Vec<PathBuf> = read.collect();
        others(&self.path, &read)
    }
}

fn file(dir: &Path, split: Split, format: Option<FileFormat>) -> Option<(PathBuf, FileFormat)> {
    let formats = [FileFormat::Jsonl, FileFormat::Tsv];
    let formats = formats
        .into_iter()
        .filter(|f| format.is_none_or(|wanted| *f == wanted));
    let mut candidates = formats.flat_map(|f| {
        let stems = split.stems().iter();
        stems.flat_map(move |s| f.extensions().iter().map(move |e| (format!("{s}.{e}"), f)))
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
fn others(dir: &Path, read: &[PathBuf]) -> Vec<String> {
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
        "; there but not read: {shown}{more} (train, dev and test are, as JSON lines or as tab-separated \
         columns under a header)"
    )
}
