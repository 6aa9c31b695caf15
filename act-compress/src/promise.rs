//! At most so many points lost: search, finalists, the judge's word, and the files of the model that is taken.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use act_core::{Artifact, Error, ProblemKind, Tokenizer};
use act_data::{Dataset, Split};
use act_stage::Exit;
use act_stage::config::Config;
use act_stage::report::{AccuracyPromise, PromiseJudge};

use crate::hunt::{ALPHA, Finalist, Hunt};
use crate::jury::Jury;
use crate::pace::{Pace, Time, tokens_per_second};
use crate::search::{FINALISTS, Found, MOST_TRIES, search};
use crate::way::Way;

/// Share of train that is kept for the judge where neither the configuration says it nor `--judge` brings texts.
pub const JUDGE_RATIO: f64 = 0.1;

/// What was promised and may be spent.
pub struct Terms<'a> {
    /// Points that may be lost.
    pub max_drop: f64,
    /// Hours that it may take.
    pub hours: Option<f64>,
    /// `--judge`: a file, or `dev`; `None`: a share of train.
    pub judge: Option<&'a str>,
}

/// Finds the fastest model that keeps the promise, makes it the folder's and writes the report.
///
/// # Errors
/// Usage: scores, which have no accuracy; no texts to choose or to judge on; a budget in which nothing can be
/// tried. Those of the stages.
pub fn keep(
    way: &mut Way<'_>,
    base: PathBuf,
    fine_tuned: bool,
    config: &Config,
    terms: &Terms<'_>,
) -> anyhow::Result<Exit> {
    let mut hunt = prepare(way, base, config, terms)?;
    let found = search(&mut |step, warm| hunt.attempt(step, warm))?;
    let (finalist, kept) = decide(&mut hunt, &found)?;
    hunt.frontier[finalist.index].taken = true;
    let promise = AccuracyPromise {
        max_drop: terms.max_drop,
        confidence: 1.0 - ALPHA,
        kept,
        judge: PromiseJudge {
            name: hunt.judge.data.record.name.clone(),
            examples: hunt.judge.len(),
            base_may_know_them: terms.judge.is_none() && !fine_tuned,
        },
        choosing: hunt.choosing.len(),
        frontier: std::mem::take(&mut hunt.frontier),
    };
    let base = hunt.base.clone();
    publish(way, &base, &finalist, &promise)?;
    if !kept {
        let nearest = (100.0 * finalist.lost.most).ceil() / 100.0;
        log::warn!(
            "nothing was found that loses at most {} points with 95 % confidence; the nearest, which is written, loses \
             at most {nearest:.2}: ask for --max-drop {nearest:.2}, or give the judge more texts ({} judged)",
            terms.max_drop,
            finalist.lost.n
        );
    }
    Ok(if kept { Exit::Done } else { Exit::Missed })
}

/// The texts, and a plan of the time.
fn prepare<'a, 'b>(
    way: &'a mut Way<'b>,
    base: PathBuf,
    config: &Config,
    terms: &Terms<'_>,
) -> anyhow::Result<Hunt<'a, 'b>> {
    let model = way.context.read_artifact(&base)?;
    if model.task.problem.kind() == ProblemKind::Regression {
        return Err(
            Error::usage("--max-drop: is of right answers, and the labels are scores").into(),
        );
    }
    let (data, seed) = (way.settings.data.clone(), way.settings.seed);
    let whole = Dataset::for_model(&data, Split::Train, &model.task)?;
    let judge = match terms.judge {
        None => whole.judges(config.train.judge_ratio.unwrap_or(JUDGE_RATIO), seed)?,
        Some("dev") => {
            log::warn!(
                "--judge dev: dev decides, so that its accuracy is no clean figure any more"
            );
            Dataset::for_model(&data, Split::Dev, &model.task)?.unseen(&whole)?
        }
        Some(file) => Dataset::judges_of_file(Path::new(file), &data, &model.task, &whole)?,
    };
    let ratio = match terms.judge {
        None => Some(config.train.judge_ratio.unwrap_or(JUDGE_RATIO)),
        Some(_) => config.train.judge_ratio,
    };
    let train = whole.without_judges(ratio, seed)?;
    let slices = train.slice_validation(seed, config.train.validation_ratio);
    if slices.held_out.is_empty() {
        return Err(Error::usage(
            "--max-drop: tries are compared on what training holds out, and TrainConfig.validation_ratio leaves \
             nothing for that: give a share of train (0.05)",
        )
        .into());
    }
    let choosing = train.clone().only(&slices.held_out, "held out by training");
    let learned = train.only(&slices.train, "trained on");
    let pace = pace(way, &base, &model, &learned, config, terms)?;
    let (threads, context) = (way.settings.threads, way.context);
    let choosing = Jury::new(choosing, &base, threads, context)?;
    let judge = Jury::new(judge, &base, threads, context)?;
    log::info!(
        "{} texts judge ({}), {} choose",
        judge.len(),
        judge.data.record.name,
        choosing.len()
    );
    Ok(Hunt {
        way,
        base,
        choosing,
        judge,
        promised: terms.max_drop,
        pace,
        frontier: Vec::new(),
        students: BTreeMap::new(),
    })
}

/// Measures how fast training is here, with steps too small to change anything, and says what that means.
fn pace(
    way: &mut Way<'_>,
    base: &Path,
    model: &Artifact,
    learned: &Dataset,
    config: &Config,
    terms: &Terms<'_>,
) -> anyhow::Result<Pace> {
    const PROBE: [&str; 4] = [
        "TrainConfig.learning_rate=1e-9",
        "TrainConfig.train_iter=12",
        "TrainConfig.logging_iter=4",
        "TrainConfig.gradient_accumulation=1",
    ];
    way.distil("tries/probe", base, base, &PROBE)?;
    let per_second = tokens_per_second(&way.file("tries/probe.metrics.jsonl"))?;
    let tokenizer = Tokenizer::new(&model.tokenizer, model.task.max_seq_length)?;
    let encoded = learned.encode(&tokenizer)?.encodings;
    let tokens: usize = encoded.iter().map(|encoding| encoding.len()).sum();
    let budget = terms.hours.map(|hours| 3600.0 * hours);
    let pace = Pace::new(tokens, per_second, config.train.epochs, budget);
    log::info!(
        "plan: an epoch of {} texts, {tokens} tokens at {per_second:.0} a second, takes {} at the base's size, less \
         pruned; at most {MOST_TRIES} tries of one or two times {} epoch(s), then at most {} finalists of {}: {} at \
         most",
        encoded.len(),
        Time(pace.epoch),
        pace.short,
        FINALISTS - 1,
        pace.whole,
        Time(pace.at_most(MOST_TRIES, FINALISTS - 1))
    );
    let least = pace.of_short() + pace.of_whole();
    if !pace.affords(way.spent, least) {
        let hours = (way.spent + least) / 3600.0;
        return Err(Error::usage(format!(
            "--hours {}: one try and its finalist take {hours:.2}: give more, or fewer TrainConfig.epochs",
            terms.hours.unwrap_or_default()
        ))
        .into());
    }
    Ok(pace)
}

/// Puts finalists before the judge. Which they may be, the choosing texts alone have said: the fastest that
/// fits, the next faster, the next slower. So the judge's bounds hold for whichever is taken.
fn decide(hunt: &mut Hunt<'_, '_>, found: &Found) -> anyhow::Result<(Finalist, bool)> {
    let first = hunt.finalist(found.fastest())?;
    if first.fits {
        let whole = hunt.pace.of_whole();
        let faster = found.faster().filter(|_| hunt.affords(whole));
        let faster = faster.map(|step| hunt.finalist(step)).transpose()?;
        return Ok((faster.filter(|faster| faster.fits).unwrap_or(first), true));
    }
    let Some(slower) = found.slower() else {
        return Ok((first, false));
    };
    let slower = hunt.finalist(slower)?;
    if slower.fits {
        return Ok((slower, true));
    }
    let slower_is_nearer = slower.lost.most < first.lost.most;
    Ok((if slower_is_nearer { slower } else { first }, false))
}

/// Makes a finalist's files the folder's, and reports.
fn publish(
    way: &mut Way<'_>,
    base: &Path,
    finalist: &Finalist,
    promise: &AccuracyPromise,
) -> anyhow::Result<()> {
    let mut models = vec![base.to_path_buf()];
    for result in ["pruned", "student", "int8"] {
        let name = finalist.names.iter().find(|(of, _)| *of == result);
        match name {
            Some((_, name)) => models.push(way.publish(name, result)?),
            None => way.withdraw(result)?,
        }
    }
    let mut json = serde_json::to_vec_pretty(promise)
        .map_err(|e| Error::failed(format!("promise.json: {e}")))?;
    json.push(b'\n');
    let path = way.file("promise.json");
    way.context.write_file(&path, &json)?;
    way.report(&models, Some(&path))
}
