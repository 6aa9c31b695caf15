//! The texts on which quantisation rests: examples of *train* to calibrate on, others of it that
//! calibration has not seen, and texts that no training has seen either, to judge trials on.

use act_core::{Artifact, Encoding, Result, Seed, Target, Tokenizer};
use act_data::{Coverage, Dataset};
use act_stage::report::Cut;

use crate::judges::Judges;
use crate::options::Options;
use crate::slices::{MIN_EXAMPLES, Slices};

/// Encoded examples.
#[derive(Debug, Clone, PartialEq)]
pub struct Samples {
    /// To collect statistics on.
    pub calibration: Vec<Encoding>,
    /// To judge trials on.
    pub held_out: Vec<Encoding>,
    /// The right answers to `held_out`, if every one of its examples has one.
    pub labels: Option<Vec<Target>>,
    /// How many examples of both parts are cut.
    pub cut: Option<Cut>,
    /// Texts that trials are judged on before `held_out`, since no weight has been fitted to them.
    pub unseen: Option<Judges>,
}

impl Samples {
    /// Draws as many examples for each part as the options ask to calibrate on, or about half of the
    /// data for each where there are too few; the same ones for the same seed and data. Trials are
    /// judged on the slice that training with the same seed and ratio held out, widened where it is
    /// too small; texts that occur twice are never in both parts.
    ///
    /// # Errors
    /// Usage: fewer than [`MIN_EXAMPLES`] training examples, too few different ones, or ones that the
    /// model's vocabulary knows nothing of.
    pub fn draw(train: &Dataset, model: &Artifact, options: &Options, seed: Seed) -> Result<Self> {
        let Slices {
            calibration,
            held_out,
            ..
        } = Slices::new(train, options, seed)?;
        let wanted = options.calibration_examples();
        if calibration.len() < wanted {
            log::warn!(
                "{} has {} examples: calibrating on {}, not on {wanted}",
                train.record.name,
                train.examples.len(),
                calibration.len()
            );
        } else if wanted < MIN_EXAMPLES {
            log::warn!(
                "calibrating on {wanted} examples, and judging trials on as many: too few to choose by \
                 (QuantPost.batch_nums, QuantPost.batch_size)"
            );
        }
        let tokenizer = Tokenizer::new(&model.tokenizer, model.task.max_seq_length)?;
        let calibration = train.encode_some(&calibration, &tokenizer)?;
        let judged = train.encode_some(&held_out, &tokenizer)?;
        let drawn = calibration.encodings.iter().chain(&judged.encodings);
        Coverage::of_any(drawn, &model.tokenizer)?.check(&train.record.name)?;
        let lengths = calibration.lengths.and(&judged.lengths);
        Ok(Self {
            calibration: calibration.encodings,
            held_out: judged.encodings,
            labels: held_out
                .iter()
                .map(|&i| train.examples[i].target.clone())
                .collect(),
            cut: Some(lengths.cut().tell(&train.record.name)),
            unseen: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use act_core::ErrorKind;
    use act_core::provenance::{DataRecord, Digest};
    use act_core::testing::{TinyOptions, tiny_artifact};
    use act_data::{Example, ProblemKind, Split};
    use act_stage::config::Config;

    /// `count` examples whose text is their number.
    fn data(count: u32) -> Dataset {
        let examples = (0..count).map(|i| Example {
            text: i.to_string(),
            pair: None,
            target: Some(Target::Class(i % 3)),
        });
        Dataset {
            task: "tiny".into(),
            split: Split::Train,
            problem: ProblemKind::SingleLabel,
            labels: ["a", "b", "c"].map(String::from).to_vec(),
            examples: examples.collect(),
            columns: None,
            dropped: 0,
            record: DataRecord {
                name: "tiny/train".into(),
                digest: Digest([0; 32]),
                examples: count.into(),
                synthetic: false,
            },
        }
    }

    fn draw(data: &Dataset, seed: u64) -> Result<Samples> {
        let mut config = Config::default();
        (config.quant_post.batch_size, config.quant_post.batch_nums) = (4, 5);
        let options = Options::from_config(&config)?;
        let model = tiny_artifact(1, &TinyOptions::default());
        Samples::draw(data, &model, &options, Seed(seed))
    }

    #[test]
    fn parts_are_of_the_size_asked_for_and_apart() {
        let samples = draw(&data(1000), 7).unwrap();
        assert_eq!(
            (samples.calibration.len(), samples.held_out.len()),
            (20, 20)
        );
        assert!(
            samples
                .calibration
                .iter()
                .all(|e| !samples.held_out.contains(e))
        );
        assert_eq!(samples.labels.as_ref().unwrap().len(), 20);
        assert_eq!(samples, draw(&data(1000), 7).unwrap());
        assert_ne!(samples, draw(&data(1000), 8).unwrap());
    }

    #[test]
    fn trials_are_judged_on_what_training_held_out() {
        let data = data(1000);
        let samples = draw(&data, 7).unwrap();
        let held_out = data.slice_validation(Seed(7), 0.05).held_out;
        let model = tiny_artifact(1, &TinyOptions::default());
        let tokenizer = Tokenizer::new(&model.tokenizer, model.task.max_seq_length).unwrap();
        let texts = held_out.iter().map(|&i| &data.examples[i].text);
        let encodings: Vec<_> = texts.map(|t| tokenizer.encode(t, None).unwrap()).collect();
        assert!(samples.held_out.iter().all(|e| encodings.contains(e)));
    }

    #[test]
    fn little_data_is_shared_and_too_little_is_refused() {
        let samples = draw(&data(36), 7).unwrap();
        assert_eq!(
            (samples.calibration.len(), samples.held_out.len()),
            (18, 18)
        );
        let error = draw(&data(31), 7).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(
            error
                .to_string()
                .contains("tiny/train has 31 of the 32 examples"),
            "{error}"
        );
        let mut alike = data(40);
        alike.examples.iter_mut().for_each(|e| e.text = "0".into());
        assert!(
            draw(&alike, 7)
                .unwrap_err()
                .to_string()
                .contains("too much alike")
        );
    }

    #[test]
    fn accuracy_needs_every_label() {
        let mut unlabelled = data(100);
        unlabelled.examples.iter_mut().for_each(|e| e.target = None);
        assert_eq!(draw(&unlabelled, 7).unwrap().labels, None);
    }
}
