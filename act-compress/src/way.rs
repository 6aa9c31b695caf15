//! The stages in their order, with the words that Make gives them.

use std::path::{Path, PathBuf};

use act_core::provenance::Digest;
use act_core::{Device, Seed};
use act_stage::Context;
use act_stage::report::{self, NoDetails, Report};

use crate::folder::Folder;
use crate::request::Request;
use crate::step::{Program, Step};

/// What every stage is told.
pub struct Settings {
    /// The configuration.
    pub config: PathBuf,
    /// Keys that are set otherwise.
    pub set: Vec<String>,
    /// The data's folder.
    pub data: PathBuf,
    /// Digest of its train.
    pub train: Digest,
    /// Digest of its dev.
    pub dev: Digest,
    /// Chance.
    pub seed: Seed,
    /// As given; 0 is every core.
    pub threads: usize,
    /// Where it trains.
    pub device: Device,
}

impl Settings {
    fn configured(&self, request: Request) -> act_core::Result<Request> {
        let request = request.contents("-c", &self.config)?;
        let set = self.set.iter();
        Ok(set.fold(request, |request, key| request.setting(&["--set-any", key])))
    }

    fn seeded(&self, request: Request) -> Request {
        request.setting(&["--seed", &self.seed.0.to_string()])
    }

    /// What a stage that trains or measures importance is told.
    fn stage(&self, request: Request) -> act_core::Result<Request> {
        let request = self
            .configured(request)?
            .place("--data", &self.data)
            .depends_on(&self.train)
            .setting(&["--device", &self.device.to_string()])
            .idle(&["--threads", &self.threads.to_string()]);
        Ok(self.seeded(request))
    }
}

/// Names and labels of a model that is imported.
pub struct Foreign<'a> {
    /// `--task`.
    pub task: Option<&'a str>,
    /// `--labels`.
    pub labels: Option<&'a str>,
}

/// The way through one folder.
pub struct Way<'a> {
    /// The folder.
    pub folder: Folder,
    /// What the stages are told.
    pub settings: Settings,
    /// The program's.
    pub context: &'a Context,
    /// Seconds that the stages have taken, those of an earlier, interrupted process included.
    pub spent: f64,
}

impl Way<'_> {
    /// The path of a file in the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.file(name)
    }

    fn run(&mut self, step: Step) -> anyhow::Result<()> {
        step.run(&mut self.folder, self.context)
    }

    /// Reads a foreign model into `imported.act`.
    ///
    /// # Errors
    /// Those of act-convert.
    pub fn import(&mut self, source: &Path, foreign: &Foreign<'_>) -> anyhow::Result<PathBuf> {
        const RESULT: &str = "imported.act";
        let settings = &self.settings;
        let request = Request::new("act-convert").setting(&["import"]);
        let mut request = settings
            .configured(request.contents("", source)?)?
            .place("--data", &settings.data)
            .depends_on(&settings.train);
        for (flag, value) in [("--task", foreign.task), ("--labels", foreign.labels)] {
            if let Some(value) = value {
                request = request.setting(&[flag, value]);
            }
        }
        let request = settings.seeded(request);
        let output = self.file(RESULT);
        self.run(Step {
            program: Program::Convert,
            request: request.place("-o", &output),
            result: RESULT.into(),
            beside: Vec::new(),
        })?;
        Ok(output)
    }

    /// A stage that makes `NAME.act`, with its report and the course of its training beside it.
    fn stage(
        &mut self,
        program: Program,
        name: &str,
        input: &Path,
        more: impl FnOnce(Request) -> act_core::Result<Request>,
    ) -> anyhow::Result<PathBuf> {
        let request = Request::new(program.name()).contents("", input)?;
        let mut request = self.settings.stage(more(request)?)?;
        let (result, report) = (format!("{name}.act"), format!("{name}.json"));
        let mut beside = vec![report];
        request = request.place("--report", &self.file(&beside[0]));
        if program != Program::Prune {
            beside.push(format!("{name}.metrics.jsonl"));
            request = request.place("--metrics", &self.file(&beside[1]));
        }
        let output = self.file(&result);
        self.run(Step {
            program,
            request: request.place("-o", &output),
            result,
            beside,
        })?;
        self.spent += self.seconds(name)?;
        Ok(output)
    }

    /// How long a stage took, as its report says; 0 where it had nothing to do and wrote none.
    fn seconds(&self, name: &str) -> act_core::Result<f64> {
        let path = self.file(&format!("{name}.json"));
        if !path.exists() {
            return Ok(0.0);
        }
        let json = report::load(&path)?;
        let written: Report<NoDetails> = report::parse(&json, "a stage")?;
        Ok(written.wall_s)
    }

    /// Makes a finished `NAME.act`, with what lies beside it, the folder's `RESULT.act`.
    ///
    /// # Errors
    /// Failed: the folder cannot be written to.
    pub fn publish(&mut self, name: &str, result: &str) -> act_core::Result<PathBuf> {
        for ending in ["json", "metrics.jsonl", "act"] {
            let (from, to) = (format!("{name}.{ending}"), format!("{result}.{ending}"));
            if self.file(&from).exists() {
                self.folder.publish(&from, &to, self.context)?;
            } else {
                self.folder.withdraw(&to)?;
            }
        }
        Ok(self.file(&format!("{result}.act")))
    }

    /// Takes away a `RESULT.act` that another request has left, and what lies beside it.
    ///
    /// # Errors
    /// Failed: it cannot be removed.
    pub fn withdraw(&self, result: &str) -> act_core::Result<()> {
        let endings = ["act", "json", "metrics.jsonl"].iter();
        let mut names = endings.map(|ending| format!("{result}.{ending}"));
        names.try_for_each(|name| self.folder.withdraw(&name))
    }

    /// Fine-tunes a bare encoder into `base.act`; a classifier is passed on.
    ///
    /// # Errors
    /// Those of act-distill.
    pub fn base(&mut self, input: &Path) -> anyhow::Result<PathBuf> {
        self.stage(Program::Distill, "base", input, |request| {
            Ok(request.setting(&["--unless-trained"]))
        })
    }

    /// Prunes into `NAME.act`; `goal` is a flag of act-prune and its value.
    ///
    /// # Errors
    /// Those of act-prune.
    pub fn prune(
        &mut self,
        name: &str,
        base: &Path,
        goal: Option<(&str, &str)>,
    ) -> anyhow::Result<PathBuf> {
        self.stage(Program::Prune, name, base, |request| {
            Ok(match goal {
                Some((flag, value)) => request.setting(&[flag, value]),
                None => request,
            })
        })
    }

    /// Distils into `NAME.act`; `set` are keys for this training alone.
    ///
    /// # Errors
    /// Those of act-distill.
    pub fn distil(
        &mut self,
        name: &str,
        pruned: &Path,
        teacher: &Path,
        set: &[&str],
    ) -> anyhow::Result<PathBuf> {
        self.stage(Program::Distill, name, pruned, |request| {
            let request = request.contents("--teacher", teacher)?;
            let set = set.iter();
            Ok(set.fold(request, |request, key| request.setting(&["--set", key])))
        })
    }

    /// Quantises into `NAME.act`.
    ///
    /// # Errors
    /// Those of act-quant.
    pub fn quantise(
        &mut self,
        name: &str,
        student: &Path,
        teacher: &Path,
    ) -> anyhow::Result<PathBuf> {
        self.stage(Program::Quant, name, student, |request| {
            request.contents("--teacher", teacher)
        })
    }

    /// Judges the models on dev, side by side, into `report.{txt,json,html,md}`, with what was promised and tried.
    ///
    /// # Errors
    /// Those of act-eval.
    pub fn report(&mut self, models: &[PathBuf], promise: Option<&Path>) -> anyhow::Result<()> {
        let mut request = Request::new(Program::Report.name()).depends_on(&self.settings.dev);
        for model in models {
            request = request.contents("", model)?;
        }
        request = self
            .settings
            .seeded(request.place("--data", &self.settings.data));
        if let Some(promise) = promise {
            request = request.contents("--promise", promise)?;
        }
        for training in ["base.json", "student.json", "int8.json"] {
            let path = self.file(training);
            if path.exists() {
                request = request.place("--training", &path);
            }
        }
        // The one that tells that all are there comes last.
        let documents = ["report.txt", "report.json", "report.html", "report.md"];
        for document in documents {
            request = request.place("-o", &self.file(document));
        }
        let [beside @ .., result] = documents;
        self.run(Step {
            program: Program::Report,
            request,
            result: result.into(),
            beside: beside.map(String::from).to_vec(),
        })
    }
}
