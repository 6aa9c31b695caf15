//! Texts that trials are judged on because no weight has been fitted to them. On what it was trained
//! on a model is surer of its answers than it will be, and an error of the scores moves the
//! probabilities of a sure answer less: such examples promise less divergence than there will be.
//! Divergence asks for no labels, so that any text of the same kind will do.

use std::collections::HashSet;
use std::path::Path;

use act_core::provenance::DataRecord;
use act_core::{Artifact, Encoding, Error, Result, Seed, Target, Tokenizer};
use act_data::{Coverage, Dataset, Example, Split};
use act_stage::config::JudgeTexts;
use rand::seq::SliceRandom;

use crate::made;
use crate::options::Options;
use crate::slices::{MIN_EXAMPLES, Slices};

/// Texts that calibration has not seen, nor any training.
#[derive(Debug, Clone, PartialEq)]
pub struct Judges {
    /// Where they come from; never [`JudgeTexts::Automatic`].
    pub texts: JudgeTexts,
    /// The texts themselves.
    pub examples: Vec<Example>,
    /// Their token ids.
    pub encodings: Vec<Encoding>,
    /// Their right answers, where all of them have one.
    pub labels: Option<Vec<Target>>,
    /// The data that they are from, if that is not the train split.
    pub record: Option<DataRecord>,
}

impl Judges {
    /// As many as the options calibrate on, where there are so many; the same ones for the same data
    /// and seed. `None` if the options ask to judge on examples of train. `dir` is the folder of data.
    ///
    /// # Errors
    /// Usage: no such file or split, mistakes in it, or fewer than [`MIN_EXAMPLES`] texts that are not
    /// in train too; those of [`Slices::new`].
    pub fn find(
        train: &Dataset,
        dir: &Path,
        model: &Artifact,
        options: &Options,
        seed: Seed,
    ) -> Result<Option<Self>> {
        let file = options.judge_file.as_deref().map(Path::new);
        let (texts, data) = match options.judge {
            JudgeTexts::Train => return Ok(None),
            JudgeTexts::Dev => {
                log::warn!(
                    "dev chooses between trials (QuantPost.judge): its accuracy is no clean figure any more"
                );
                let dev = Dataset::for_model(dir, Split::Dev, &model.task)?;
                (JudgeTexts::Dev, Some(dev))
            }
            JudgeTexts::File => {
                let file =
                    file.ok_or_else(|| Error::usage("QuantPost.judge_file: is not given"))?;
                (JudgeTexts::File, Some(train.texts(file)?))
            }
            JudgeTexts::Made => (JudgeTexts::Made, None),
            JudgeTexts::Automatic => match Dataset::unlabelled_file(dir, &train.task)? {
                Some(file) => (JudgeTexts::File, Some(train.texts(&file)?)),
                None => (JudgeTexts::Made, None),
            },
        };
        let wanted = options.calibration_examples();
        let examples = match &data {
            Some(data) => unseen(data, train, wanted, seed)?,
            None => {
                let held_out = Slices::new(train, options, seed)?.held_out;
                let held_out = held_out.iter().map(|&i| &train.examples[i]);
                made::up(&held_out.collect::<Vec<_>>(), wanted, seed)
            }
        };
        let record = data.map(|data| data.record);
        Self::encoded(texts, examples, record, model).map(Some)
    }

    fn encoded(
        texts: JudgeTexts,
        examples: Vec<Example>,
        record: Option<DataRecord>,
        model: &Artifact,
    ) -> Result<Self> {
        let tokenizer = Tokenizer::new(&model.tokenizer, model.task.max_seq_length)?;
        let encode = |e: &Example| tokenizer.encode(&e.text, e.pair.as_deref());
        let encodings: Vec<Encoding> = examples.iter().map(encode).collect::<Result<_>>()?;
        if let Some(record) = &record {
            Coverage::of_any(&encodings, &model.tokenizer)?.check(&record.name)?;
        }
        Ok(Self {
            texts,
            labels: examples
                .iter()
                .map(|example| example.target.clone())
                .collect(),
            examples,
            encodings,
            record,
        })
    }
}

/// At most `wanted` of the texts, at random, but for those that are in train.
fn unseen(data: &Dataset, train: &Dataset, wanted: usize, seed: Seed) -> Result<Vec<Example>> {
    let key = |e: &Example| (e.text.clone(), e.pair.clone());
    let trained: HashSet<_> = train.examples.iter().map(key).collect();
    let mut unseen: Vec<&Example> = data.examples.iter().collect();
    unseen.retain(|e| !trained.contains(&key(e)));
    let (name, found) = (&data.record.name, unseen.len());
    match data.examples.len() - found {
        0 => {}
        seen => log::info!("{name}: {seen} of its texts are in train too and judge nothing"),
    }
    if found < MIN_EXAMPLES {
        return Err(Error::usage(format!(
            "{name} has {found} texts that are not in train, and trials are judged on {MIN_EXAMPLES} at \
             least; give more (QuantPost.judge, --judge)"
        )));
    }
    unseen.shuffle(&mut seed.stream("quant.judges"));
    Ok(unseen.into_iter().take(wanted).cloned().collect())
}
