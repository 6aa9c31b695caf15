//! Dev, and test where that is wished, out of train where there is no file of it: the same examples in
//! every stage, whatever its seed, its model and its number of threads.

use act_core::{Error, Result, Seed};

use crate::dataset::{Dataset, Example};
use crate::folder::Folder;
use crate::split::Split;

/// What is held out of a folder's train.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct HeldOut {
    dev: Option<f64>,
    test: Option<f64>,
    seed: u64,
}

impl HeldOut {
    pub(crate) fn of(folder: &Folder) -> Self {
        Self {
            dev: folder.held_out(Split::Dev),
            test: folder.held_out(Split::Test),
            seed: folder.hold_out().seed,
        }
    }

    fn share(self, split: Split) -> Option<f64> {
        match split {
            Split::Dev => self.dev,
            Split::Test => self.test,
            Split::Train | Split::DevMismatched => None,
        }
    }

    /// Whether a split is another than its file has.
    pub(crate) fn concerns(self, split: Split) -> bool {
        match split {
            Split::Train => self.dev.is_some() || self.test.is_some(),
            other => self.share(other).is_some(),
        }
    }

    /// What is said of a split, after its name.
    pub(crate) fn note(self, split: Split) -> Option<String> {
        let (seed, percent) = (self.seed, |share: f64| format!("{} %", 100.0 * share));
        let parts = [("dev", self.dev), ("test", self.test)];
        let parts = parts
            .into_iter()
            .filter_map(|(name, share)| share.map(|s| (name, s)));
        match split {
            Split::Train => {
                let parts = parts.map(|(name, share)| format!("{} as {name}", percent(share)));
                let parts = parts.collect::<Vec<_>>().join(" and ");
                (!parts.is_empty())
                    .then(|| format!("train without what is held out, {parts}, by seed {seed}"))
            }
            other => self.share(other).map(|share| {
                let percent = percent(share);
                format!("there is no {other} file: {percent} of train are held out as {other}, by seed {seed}")
            }),
        }
    }

    /// What a record's name says behind the split's.
    fn mark(self, split: Split) -> String {
        let (dev, test) = (self.dev.unwrap_or(0.0), self.test.unwrap_or(0.0));
        match self.share(split) {
            Some(share) => format!(" ({} % of train, by seed {})", 100.0 * share, self.seed),
            None => format!(
                " (without {} %, by seed {})",
                100.0 * (dev + test),
                self.seed
            ),
        }
    }

    /// A split's part of the whole train.
    ///
    /// # Errors
    /// Usage: train has too few examples to give any.
    pub(crate) fn part(self, train: &Dataset, split: Split) -> Result<Dataset> {
        let mut rest: Vec<usize> = (0..train.examples.len()).collect();
        let mut left = train.clone();
        for (of, share) in [(Split::Test, self.test), (Split::Dev, self.dev)] {
            let Some(share) = share else { continue };
            // The share is one of all, also where the other is gone.
            let share = share * train.examples.len() as f64 / left.examples.len().max(1) as f64;
            let parts = left.stratified(Seed(self.seed), &format!("data.held_out.{of}"), share);
            let pick = |part: &[usize]| part.iter().map(|&i| rest[i]).collect::<Vec<usize>>();
            let (held_out, kept) = (pick(&parts.held_out), pick(&parts.train));
            if of == split {
                return self.subset(train, &held_out, split);
            }
            left.examples = kept.iter().map(|&i| train.examples[i].clone()).collect();
            rest = kept;
        }
        self.subset(train, &rest, split)
    }

    fn subset(self, train: &Dataset, part: &[usize], split: Split) -> Result<Dataset> {
        if part.is_empty() {
            let (name, n) = (&train.record.name, train.examples.len());
            return Err(Error::usage(format!(
                "there is no {split} file, and the {n} examples of {name} are too few to hold any out: \
                 write a {split} file"
            )));
        }
        let examples: Vec<Example> = part.iter().map(|&i| train.examples[i].clone()).collect();
        let mut data = Dataset {
            split,
            examples,
            dropped: if split == Split::Train {
                train.dropped
            } else {
                0
            },
            ..train.clone()
        };
        if data.examples.len() < train.examples.len() {
            data.record.name = format!("{}/{split}{}", train.task, self.mark(split));
        }
        data.count();
        Ok(data)
    }
}
