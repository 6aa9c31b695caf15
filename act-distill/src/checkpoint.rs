//! Where a training keeps its checkpoints, and by what it knows them as its own.
//!
//! The key is the provenance record as it stands before training: models, data, configuration, seed,
//! device and version. Whatever is not in it (threads, paths, where metrics go) cannot change the
//! result, so that a run may be resumed with more threads or from another folder.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use act_core::provenance::{Digest, StageRecord};
use act_core::{Artifact, Result};
use act_nn::Journal;
use act_nn::checkpoint::store::Checkpoints;
use act_nn::checkpoint::{Keeper, Resumed, Snapshot};

/// Where and how often.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The folder.
    pub folder: PathBuf,
    /// Time between checkpoints; 0: after every step.
    pub every: Duration,
}

impl Settings {
    /// In `--checkpoint`, else beside the output; nowhere if the output is a pipe.
    pub fn new(given: Option<&Path>, output: &Path, seconds: f64) -> Option<Self> {
        let folder = match given {
            Some(folder) => folder.into(),
            None if output.as_os_str() == "-" || is_special(output) => return None,
            None => {
                let mut name = output.as_os_str().to_owned();
                name.push(".ckpt");
                name.into()
            }
        };
        Some(Self {
            folder,
            every: Duration::from_secs_f64(seconds),
        })
    }

    /// Opens the folder for the training of `student` that `record` describes.
    pub fn open(&self, student: &Artifact, record: &StageRecord) -> Result<Checkpoints> {
        Checkpoints::open(&self.folder, student, key(record), self.every)
    }
}

/// The loop's keeper: the checkpoints, with the journal in them.
pub(crate) struct Kept<'a> {
    pub(crate) checkpoints: Option<&'a mut Checkpoints>,
    pub(crate) journal: &'a RefCell<Journal>,
}

impl Kept<'_> {
    /// Looks for a checkpoint and restores the journal; the steps done.
    pub(crate) fn find(&mut self) -> usize {
        let Some(checkpoints) = &mut self.checkpoints else {
            return 0;
        };
        let Some((position, notes)) = checkpoints.find() else {
            return 0;
        };
        match self.journal.borrow_mut().restore(&notes) {
            Some(()) => position.step,
            None => {
                log::warn!("the checkpoint has no journal: starting anew");
                checkpoints.forget();
                0
            }
        }
    }
}

impl Keeper for Kept<'_> {
    fn resume(&mut self) -> Option<Resumed> {
        self.checkpoints.as_mut()?.take()
    }

    fn due(&mut self, step: usize) -> bool {
        step > 0 && self.checkpoints.as_ref().is_some_and(|c| c.due())
    }

    fn save(&mut self, snapshot: &Snapshot<'_>) {
        if let Some(checkpoints) = &mut self.checkpoints {
            checkpoints.save(snapshot, self.journal.borrow().notes());
        }
    }
}

/// A device or named pipe, which has no place for a folder beside it.
fn is_special(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir())
}

fn key(record: &StageRecord) -> Digest {
    let inputs = record.inputs.iter();
    let inputs = inputs.map(|i| format!("{} {}", i.role, i.model_digest));
    let data = record.data.iter();
    let data = data.map(|d| format!("{} {} {}", d.name, d.digest, d.examples));
    let parts: Vec<String> = [
        record.stage.clone(),
        record.version.clone(),
        record.config.clone(),
        record.seed.to_string(),
        record.device.clone(),
    ]
    .into_iter()
    .chain(inputs)
    .chain(data)
    .collect();
    Digest::of(parts.iter().map(|part| part.as_bytes()))
}

#[cfg(test)]
mod tests {
    use act_core::Seed;
    use act_core::config::{Config, Distillation, TrainConfig};
    use act_core::provenance::DataRecord;
    use act_nn::distillation::teacher::TeacherRecord;

    use super::*;
    use crate::record;

    #[test]
    fn beside_the_output_unless_it_is_a_pipe() {
        let folder = |given: Option<&str>, output: &str| {
            let settings = Settings::new(given.map(Path::new), Path::new(output), 60.0);
            settings.map(|s| s.folder)
        };
        assert_eq!(folder(None, "b/x.act"), Some("b/x.act.ckpt".into()));
        assert_eq!(folder(None, "-"), None);
        assert_eq!(folder(Some("c"), "-"), Some("c".into()));
        #[cfg(unix)]
        assert_eq!(folder(None, "/dev/null"), None);
    }

    #[test]
    fn whatever_determines_the_result_changes_the_key() {
        let record = StageRecord::new("act-distill", 42);
        assert_eq!(key(&record), key(&record.clone()));
        let other = StageRecord {
            config: "TrainConfig: {epochs: 4}".into(),
            ..record.clone()
        };
        assert_ne!(key(&record), key(&other));
        assert_ne!(key(&record), key(&StageRecord::new("act-distill", 43)));
    }

    fn digest(of: &str) -> Digest {
        Digest::of([of.as_bytes()])
    }

    fn begun(model: &str, teacher: Option<&str>, change: impl Fn(&mut Config)) -> Digest {
        let mut config = Config::default();
        change(&mut config);
        let teacher = teacher.map(|teacher| TeacherRecord {
            model_digest: digest(teacher),
            synthetic_data: Vec::new(),
        });
        let data = DataRecord {
            name: "toy".into(),
            digest: digest("examples"),
            examples: 9,
            synthetic: false,
        };
        let (model, seed) = (digest(model), Seed(42));
        let record = record::begun(model, teacher.as_ref(), &data, &config, "cpu", seed);
        key(&record.unwrap())
    }

    #[test]
    fn a_checkpoint_is_not_taken_for_one_of_other_losses_or_another_teacher() {
        let losses = |change: fn(&mut Distillation)| {
            begun("student", Some("teacher"), |config| {
                change(&mut config.distillation)
            })
        };
        let train = |change: fn(&mut TrainConfig)| {
            begun("student", Some("teacher"), |config| {
                change(&mut config.train)
            })
        };
        let soft = |d: &mut Distillation| d.soft_labels = Some(1.0);
        let all = [
            losses(|_| ()),
            losses(|d| d.labels = Some(1.0)),
            losses(|d| d.logits = Some(1.0)),
            losses(|d| (d.logits, d.labels) = (Some(1.0), Some(0.25))),
            losses(soft),
            losses(|d| (d.soft_labels, d.temperature) = (Some(1.0), Some(4.0))),
            losses(|d| d.pooled = Some(1.0)),
            losses(|d| d.hidden = Some(1.0)),
            losses(|d| (d.hidden, d.layers) = (Some(1.0), Some(vec![[0, 1]]))),
            losses(|d| (d.hidden, d.layers) = (Some(1.0), Some(vec![[1, 0]]))),
            losses(|d| d.relations = Some(1.0)),
            losses(|d| (d.relations, d.relation_heads) = (Some(1.0), Some(4))),
            losses(|d| (d.relations, d.relation_layers) = (Some(1.0), Some([0, 0]))),
            losses(|d| d.alpha = Some(vec![0.5])),
            losses(|d| (d.loss, d.alpha) = (Some(vec!["soft_label".into()]), Some(vec![0.5]))),
            train(|t| t.dropout = 0.25),
            train(|t| t.seed = Some(42)),
            train(|t| t.micro_batch = 3),
            train(|t| t.batch_size = Some(4)),
            train(|t| t.gradient_accumulation = 2),
            train(|t| t.validation_ratio = 0.125),
            train(|t| t.amp_config = Some(Default::default())),
            begun("student", Some("another"), |_| ()),
            begun("student", None, |_| ()),
            begun("another", Some("teacher"), |_| ()),
        ];
        for (i, one) in all.iter().enumerate() {
            for (j, other) in all.iter().enumerate().skip(i + 1) {
                assert_ne!(one, other, "{i} and {j}");
            }
        }
        let same = |change: &dyn Fn(&mut Distillation)| {
            begun("student", Some("teacher"), |c| change(&mut c.distillation))
        };
        let named = |d: &mut Distillation| *d = d.explicit().unwrap();
        assert_eq!(same(&named), all[0], "what is automatic, by name");
        assert_eq!(same(&|d| d.cache = "0".into()), all[0], "memory");
        let path = |d: &mut Distillation| d.teacher_model_dir = Some("elsewhere".into());
        assert_eq!(same(&path), all[0], "the teacher's place");
    }
}
