//! Tries and finalists: what a speed-up costs, found out by pruning, distilling and judging.

use std::collections::BTreeMap;
use std::path::PathBuf;

use act_core::{Error, ErrorKind, Result};
use act_prune::budget::is_refusal;
use act_stage::report::{Trial, Tried};

use crate::jury::{Jury, Lost};
use crate::pace::Pace;
use crate::search::{FINALISTS, Outcome, speedup};
use crate::way::Way;

/// How often all that is promised together may be wrong.
pub const ALPHA: f64 = 0.05;

/// What is tried with.
pub struct Hunt<'a, 'b> {
    /// The folder and the stages.
    pub way: &'a mut Way<'b>,
    /// The base.
    pub base: PathBuf,
    /// Texts that choose.
    pub choosing: Jury,
    /// Texts that decide.
    pub judge: Jury,
    /// Points that may be lost.
    pub promised: f64,
    /// How long things take.
    pub pace: Pace,
    /// Everything tried so far.
    pub frontier: Vec<Tried>,
    /// The name of each step's last student.
    pub students: BTreeMap<usize, String>,
}

/// A model that was put before the judge.
pub struct Finalist {
    /// Names of its files without ending, in the order of the stages.
    pub names: Vec<(&'static str, String)>,
    /// What it has lost.
    pub lost: Lost,
    /// Whether it keeps the promise.
    pub fits: bool,
    /// Where it stands in the frontier.
    pub index: usize,
}

/// The folder of a step's files.
fn place(step: usize) -> String {
    format!("tries/{:.2}x", speedup(step))
}

impl Hunt<'_, '_> {
    /// Whether so much more training is affordable.
    pub fn affords(&self, more: f64) -> bool {
        self.pace.affords(self.way.spent, more)
    }

    /// Prunes to a step's speed-up, from the student of the step `warm` or else the base, and distils shortly;
    /// once more if that leaves it open.
    ///
    /// # Errors
    /// Those of the stages, but for a speed-up that cannot be reached.
    pub fn attempt(&mut self, step: usize, warm: Option<usize>) -> anyhow::Result<Outcome> {
        // The finalist has to be trained, too.
        let (short, whole) = (self.pace.of_short(), self.pace.of_whole());
        if !self.affords(short + whole) {
            log::info!(
                "no time for {:.2}x: the rest of --hours is the finalist's",
                speedup(step)
            );
            return Ok(Outcome::NoTime);
        }
        let warm = warm.and_then(|step| Some((step, self.students.get(&step)?)));
        let (from, reached) = match warm {
            Some((step, student)) => (self.way.file(&format!("{student}.act")), speedup(step)),
            None => (self.base.clone(), 1.0),
        };
        let (name, target) = (place(step), format!("{:.4}", speedup(step) / reached));
        let goal = Some(("--target-speedup", target.as_str()));
        let mut model = match self.way.prune(&format!("{name}/pruned"), &from, goal) {
            Err(refused) if is_refusal(&refused) => {
                log::info!("{:.2}x: {refused:#}", speedup(step));
                return Ok(Outcome::Unreachable);
            }
            pruned => pruned?,
        };
        for (what, file) in [(Trial::Short, "short"), (Trial::Longer, "longer")] {
            if what == Trial::Longer && !self.affords(short + whole) {
                break;
            }
            let epochs = format!("TrainConfig.epochs={}", self.pace.short);
            let (base, student) = (self.base.clone(), format!("{name}/{file}"));
            let trained = self.way.distil(&student, &model, &base, &[&epochs]);
            model = match worked(trained)? {
                Ok(student) => student,
                Err(why) => {
                    log::warn!("{:.2}x: {why:#}", speedup(step));
                    return Ok(match what {
                        Trial::Short => Outcome::Unreachable,
                        _ => Outcome::Misses,
                    });
                }
            };
            self.students.insert(step, student);
            let lost = self.choosing.lost(&model, ALPHA, self.way.context)?;
            let predicted = lost.predicted(self.judge.len(), ALPHA / FINALISTS as f64);
            let fits = predicted <= self.promised;
            self.note(step, what, &model, lost, fits)?;
            if fits {
                return Ok(Outcome::Fits);
            }
            if lost.is_hopeless(self.promised) {
                break;
            }
        }
        Ok(Outcome::Misses)
    }

    /// Trains a step's student to the end, quantises it and puts it before the judge; of step 0 the base
    /// quantised.
    ///
    /// # Errors
    /// Those of the stages.
    pub fn finalist(&mut self, step: usize) -> anyhow::Result<Finalist> {
        let (name, base) = (place(step), self.base.clone());
        let mut names = Vec::new();
        let student = match self.students.get(&step).cloned() {
            Some(short) => {
                let (whole, from) = (
                    format!("{name}/whole"),
                    self.way.file(&format!("{short}.act")),
                );
                let trained = worked(self.way.distil(&whole, &from, &base, &[]))?;
                names.push(("pruned", format!("{name}/pruned")));
                match trained {
                    Ok(student) => {
                        names.push(("student", whole));
                        student
                    }
                    Err(why) => {
                        log::warn!(
                            "{:.2}x: {why:#}; the short try's student stays",
                            speedup(step)
                        );
                        names.push(("student", short));
                        from
                    }
                }
            }
            None => base.clone(),
        };
        let int8 = format!("{name}/int8");
        let model = self.way.quantise(&int8, &student, &base)?;
        names.push(("int8", int8));
        let alpha = ALPHA / FINALISTS as f64;
        let lost = self.judge.lost(&model, alpha, self.way.context)?;
        let fits = lost.most <= self.promised;
        self.note(step, Trial::Finalist, &model, lost, fits)?;
        Ok(Finalist {
            names,
            lost,
            fits,
            index: self.frontier.len() - 1,
        })
    }

    fn note(
        &mut self,
        step: usize,
        what: Trial,
        model: &std::path::Path,
        lost: Lost,
        fits: bool,
    ) -> Result<()> {
        let metadata = std::fs::metadata(model).map_err(|e| Error::io(model, e))?;
        log::info!(
            "{} at {:.2}x: {:.2} points lost on {} texts, at most {:.2}: {}",
            what.title(),
            speedup(step),
            lost.points,
            lost.n,
            lost.most,
            if fits { "fits" } else { "misses" }
        );
        self.frontier.push(Tried {
            speedup: speedup(step),
            what,
            bytes: metadata.len(),
            drop: lost.points,
            most: lost.most,
            n: lost.n,
            fits,
            taken: false,
        });
        Ok(())
    }
}

/// What a training has made, or why it came to nothing; any other error ends the search.
fn worked(
    trained: anyhow::Result<PathBuf>,
) -> anyhow::Result<std::result::Result<PathBuf, anyhow::Error>> {
    let ours = |e: &(dyn std::error::Error + 'static)| e.downcast_ref::<Error>().map(Error::kind);
    match trained {
        Err(e) if e.chain().find_map(ours) == Some(ErrorKind::Failed) => Ok(Err(e)),
        other => other.map(Ok),
    }
}
