//! Texts kept from every stage, so that what was promised of a model can be judged on them: a share of train,
//! or a labelled file of one's own.

use std::collections::HashSet;
use std::path::Path;

use act_core::{Error, Result, Seed, TaskInfo};

use crate::dataset::Dataset;
use crate::folder::Folder;
use crate::split::Split;

/// The stream of chance that draws them, beside those of validation and of a missing dev.
const STREAM: &str = "data.judge";

impl Dataset {
    /// Train without what is kept for a judge: about `ratio` (0..=1) of the examples, of each label as many,
    /// by `seed`; all of it without a ratio.
    ///
    /// # Errors
    /// Usage: too few examples to keep any.
    pub fn without_judges(self, ratio: Option<f64>, seed: Seed) -> Result<Self> {
        match ratio.filter(|&ratio| ratio > 0.0) {
            None => Ok(self),
            Some(ratio) => {
                let rest = self.kept_for_judges(ratio, seed)?.1;
                let note = format!(
                    "without {} % for a judge, by seed {}",
                    100.0 * ratio,
                    seed.0
                );
                Ok(self.only(&rest, &note))
            }
        }
    }

    /// What [`Dataset::without_judges`] leaves out.
    ///
    /// # Errors
    /// The same.
    pub fn judges(&self, ratio: f64, seed: Seed) -> Result<Self> {
        let kept = self.kept_for_judges(ratio, seed)?.0;
        let note = format!("{} % for a judge, by seed {}", 100.0 * ratio, seed.0);
        Ok(self.clone().only(&kept, &note))
    }

    fn kept_for_judges(&self, ratio: f64, seed: Seed) -> Result<(Vec<usize>, Vec<usize>)> {
        let parts = self.stratified(seed, STREAM, ratio);
        if parts.held_out.is_empty() || parts.train.is_empty() {
            let (name, n) = (&self.record.name, self.examples.len());
            return Err(Error::usage(format!(
                "the {n} examples of {name} are too few to keep {} % of them for a judge: give more, or judge \
                 on a file of their own",
                100.0 * ratio
            )));
        }
        Ok((parts.held_out, parts.train))
    }

    /// The examples with these indices, in their order; the record's name says which they are.
    #[must_use]
    pub fn only(mut self, part: &[usize], note: &str) -> Self {
        self.examples = part.iter().map(|&i| self.examples[i].clone()).collect();
        self.record.name = format!("{} ({note})", self.record.name);
        self.count();
        self
    }

    /// The labelled examples of a file that is written as the splits in the folder `dir` are, for a model of
    /// `task`; those that are in `train` too judge nothing and are left out.
    ///
    /// # Errors
    /// Those of a split of the folder, and usage: no example is left.
    pub fn judges_of_file(
        file: &Path,
        dir: &Path,
        task: &TaskInfo,
        train: &Dataset,
    ) -> Result<Self> {
        let folder = Folder::open(dir, Some(&task.name))?;
        let part = folder.part_of(file).ok_or_else(|| {
            Error::usage(format!(
                "{}: labelled texts are read from files that end in .json, .jsonl, .tsv or .csv",
                file.display()
            ))
        })?;
        let mut data = Self::read_part(&folder, &part, Split::Dev, Some(&task.labels))?;
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        data.record.name = format!("{}/{name}", data.task);
        data.unseen(train)
    }

    /// Without the texts that are in `train` too.
    ///
    /// # Errors
    /// Usage: all of them are.
    pub fn unseen(mut self, train: &Dataset) -> Result<Self> {
        let trained: HashSet<_> = train.examples.iter().map(|e| (&e.text, &e.pair)).collect();
        let all = self.examples.len();
        self.examples
            .retain(|e| !trained.contains(&(&e.text, &e.pair)));
        let (name, left) = (&self.record.name, self.examples.len());
        if left == 0 {
            return Err(Error::usage(format!(
                "{name}: all of its {all} texts are in train: give a judge texts that no training has seen"
            )));
        }
        if left < all {
            log::info!(
                "{name}: {} of its texts are in train too and judge nothing",
                all - left
            );
        }
        self.count();
        Ok(self)
    }
}
