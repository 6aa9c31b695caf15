//! Sample corpora: text in each task's own file format, made by chance from phrases written for
//! act, so that the whole pipeline runs with nothing downloaded.
//!
//! They are built to be learnable from scratch by a small encoder in a minute or two (4 layers of
//! width 128, 3 epochs: 82 to 90 % of dev) and not to be solved by it: some labels are wrong, some
//! examples are ambiguous, and dev holds wordings that train seldom has. What they say about
//! compression holds for them alone, and every corpus says `"synthetic": true` of itself. What sets
//! the difficulty stands as constants at the top of this file and of each task's.

mod afqmc;
mod csl;
mod fields;
mod grammar;
mod nli;
mod sentences;
mod wsc;

use std::collections::HashSet;
use std::path::Path;

use act_core::{BuiltIn, Error, Result, Seed};
use serde::Serialize;

use crate::description::{DESCRIPTION, Description};
use crate::split::Split;
use crate::staging::Staging;
use crate::task::{self, Task};
use fields::Fields;
use grammar::Dice;

/// Share of examples whose label is another one: no model can score above about 1 minus this.
const LABEL_NOISE: f64 = 0.05;
/// Probability of a rare wording where there is one.
const RARE_IN_TRAIN: f64 = 0.04;
/// The same in dev.
const RARE_IN_DEV: f64 = 0.15;
/// Draws of an example that is already there before it is taken all the same.
const TRIES: usize = 20;

/// How many examples to make; `None` is the task's usual number.
#[derive(Debug, Clone, Copy, Default)]
pub struct Size {
    /// Examples of train.
    pub train: Option<usize>,
    /// Examples of dev.
    pub dev: Option<usize>,
}

impl Size {
    fn of(self, task: BuiltIn) -> [(Split, usize); 2] {
        let (train, dev) = match task {
            BuiltIn::Cluewsc2020 => (6_000, 1_000),
            BuiltIn::Iflytek => (9_000, 1_500),
            BuiltIn::Csl => (8_000, 1_500),
            BuiltIn::Afqmc | BuiltIn::Tnews | BuiltIn::Ocnli | BuiltIn::Cmnli => (12_000, 2_000),
            _ => (0, 0), // there is no corpus of GLUE's
        };
        [
            (Split::Train, self.train.unwrap_or(train)),
            (Split::Dev, self.dev.unwrap_or(dev)),
        ]
    }
}

/// Writes the corpus of a CLUE task into `dir`: `train.json`, `dev.json` and a description. The
/// folder appears whole; an earlier sample there is replaced, other data are not.
///
/// The same task, sizes and seed give the same bytes.
pub fn sample(task: &str, dir: &Path, size: Size, seed: Seed) -> Result<()> {
    let known = task::known(task)?;
    let task = Task::of(known);
    let generator = Generator::new(known, task.labels())?;
    let staging = Staging::new(dir)?;
    let mut seen = HashSet::new();
    for (split, count) in size.of(known) {
        let text = corpus(&generator, &task, split, count, seed, &mut seen)?;
        staging.write(&format!("{split}.json"), text.as_bytes())?;
    }
    let description = Description {
        task: Some(task.name().into()),
        synthetic: true,
        ..Default::default()
    };
    staging.write(DESCRIPTION, &line(&description)?.into_bytes())?;
    staging.place()
}

/// A split's lines. No text is in both splits, save by exhaustion of what can be said.
fn corpus(
    generator: &Generator,
    task: &Task,
    split: Split,
    count: usize,
    seed: Seed,
    seen: &mut HashSet<String>,
) -> Result<String> {
    let rare = if split == Split::Train {
        RARE_IN_TRAIN
    } else {
        RARE_IN_DEV
    };
    let name = format!("data.sample.{}.{split}", task.name());
    let mut dice = Dice::new(seed.stream(&name), rare);
    let labels = task.labels();
    let mut text = String::new();
    for _ in 0..count {
        let class = dice.below(labels.len());
        let mut fields = generator.draw(&mut dice, class);
        for _ in 0..TRIES {
            if seen.insert(line(&fields)?) {
                break;
            }
            fields = generator.draw(&mut dice, class);
        }
        let told = if dice.chance(LABEL_NOISE) {
            dice.other(labels.len(), class)
        } else {
            class
        };
        text += &line(&Line {
            label: &labels[told],
            fields,
        })?;
    }
    Ok(text)
}

fn line(value: &impl Serialize) -> Result<String> {
    let json = serde_json::to_string(value);
    json.map(|j| j + "\n")
        .map_err(|e| Error::failed(format!("writing an example: {e}")))
}

/// A line of the corpus in the task's own fields.
#[derive(Serialize)]
struct Line<'a> {
    label: &'a str,
    #[serde(flatten)]
    fields: Fields,
}

/// One task's way of making an example of a class.
enum Generator {
    Afqmc(afqmc::Afqmc),
    Tnews(sentences::Tnews),
    Iflytek(sentences::Iflytek),
    Nli(nli::Nli),
    Wsc(wsc::Wsc),
    Csl(csl::Csl),
}

impl Generator {
    fn new(task: BuiltIn, labels: &[String]) -> Result<Self> {
        Ok(match task {
            BuiltIn::Afqmc => Self::Afqmc(afqmc::Afqmc::new()),
            BuiltIn::Tnews => Self::Tnews(sentences::Tnews::new(labels)),
            BuiltIn::Iflytek => Self::Iflytek(sentences::Iflytek::new(labels)),
            BuiltIn::Ocnli | BuiltIn::Cmnli => Self::Nli(nli::Nli::new(labels)),
            BuiltIn::Cluewsc2020 => Self::Wsc(wsc::Wsc::new(labels)),
            BuiltIn::Csl => Self::Csl(csl::Csl::new()),
            _ => {
                return Err(Error::usage(format!(
                    "no sample corpus for {}; there is one for each of the seven CLUE tasks",
                    task.name()
                )));
            }
        })
    }

    fn draw(&self, dice: &mut Dice, class: usize) -> Fields {
        match self {
            Self::Afqmc(g) => g.draw(dice, class),
            Self::Tnews(g) => g.draw(dice, class),
            Self::Iflytek(g) => g.draw(dice, class),
            Self::Nli(g) => g.draw(dice, class),
            Self::Wsc(g) => g.draw(dice, class),
            Self::Csl(g) => g.draw(dice, class),
        }
    }
}
