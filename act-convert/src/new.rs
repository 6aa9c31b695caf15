//! An untrained encoder for a task: shapes from the user, labels from the data, the vocabulary from
//! the data or given, weights from chance. Trains nothing.

use act_core::artifact::limits;
use act_core::provenance::StageRecord;
use act_core::quant::QuantSpec;
use act_core::{
    Activation, Artifact, Block, Embeddings, Error, Family, Head, LayerPlan, Plan, Problem,
    ProblemKind, Result, Seed, TaskInfo, WordPieceSpec,
};
use act_data::Dataset;

use crate::init;

/// Characters seen once in the training data do not enter the vocabulary.
pub const MIN_TOKEN_COUNT: usize = 2;

/// A model of more parameters than this (8 GB of them) is taken for a slip of the keyboard.
const MAX_PARAMETERS: u128 = 1 << 31;

/// Shape of a new encoder, all layers alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncoderShape {
    /// Number of layers.
    pub layers: usize,
    /// Width of the residual stream.
    pub hidden: usize,
    /// Attention heads a layer; must divide `hidden`.
    pub heads: usize,
    /// Neurons of the feed-forward block.
    pub intermediate: usize,
    /// Longest sequence in tokens, and rows of the position table.
    pub max_seq_length: usize,
    /// Model family.
    pub family: Family,
    /// Activation of the feed-forward blocks.
    pub activation: Activation,
}

impl EncoderShape {
    /// Checks the numbers, before any data is read; the upper bounds are those of the file format.
    ///
    /// # Errors
    /// Usage: a number out of its bounds, or heads that do not divide the width.
    pub fn check(&self) -> Result<()> {
        within("--layers", self.layers, 1, limits::LAYERS)?;
        within("--hidden", self.hidden, 1, limits::HIDDEN)?;
        within("--heads", self.heads, 1, limits::HEADS)?;
        within("--intermediate", self.intermediate, 1, limits::INTERMEDIATE)?;
        within("--max-seq-length", self.max_seq_length, 8, 8192)?;
        if !self.hidden.is_multiple_of(self.heads) {
            return Err(Error::usage(format!(
                "--hidden {} is not a multiple of --heads {}",
                self.hidden, self.heads
            )));
        }
        Ok(())
    }

    /// The plan for a vocabulary and a number of classes, with the family's usual small tables.
    ///
    /// # Errors
    /// Usage: as [`EncoderShape::check`], fewer than two classes (but for a regression's one score), or far
    /// too many parameters.
    pub fn plan(&self, vocab_size: usize, num_labels: usize, kind: ProblemKind) -> Result<Plan> {
        self.check()?;
        match kind {
            ProblemKind::Regression => within("the number of scores", num_labels, 1, 1)?,
            _ => within("the number of labels", num_labels, 2, limits::LABELS)?,
        }
        let parameters = self.parameters(vocab_size);
        if parameters > MAX_PARAMETERS {
            return Err(Error::usage(format!(
                "the model would have about {parameters} parameters: choose smaller --layers, \
                 --hidden or --intermediate"
            )));
        }
        let layer = LayerPlan::full(self.heads, self.hidden / self.heads, self.intermediate);
        let (types, tasks) = match self.family {
            Family::Ernie => (4, 3),
            _ => (2, 0),
        };
        Ok(Plan {
            family: self.family,
            hidden_size: self.hidden,
            layer_norm_eps: 1e-12,
            num_labels,
            embeddings: Embeddings {
                task_type_vocab_size: tasks,
                ..Embeddings::bert(vocab_size, self.hidden, self.max_seq_length, types)
            },
            block: Block::bert(self.activation),
            layers: vec![layer; self.layers],
            head: Head::BERT,
        })
    }

    /// Matrices and large tables, counted without overflow.
    fn parameters(&self, vocab_size: usize) -> u128 {
        let [layers, hidden, intermediate, vocab] =
            [self.layers, self.hidden, self.intermediate, vocab_size].map(|n| n as u128);
        layers * (4 * hidden * hidden + 2 * hidden * intermediate) + vocab * hidden
    }
}

/// An untrained model for the data's task. Without `tokenizer` the vocabulary is made from `train`,
/// which should be the training split.
///
/// # Errors
/// Usage: see [`EncoderShape::plan`].
pub fn model(
    shape: &EncoderShape,
    train: &Dataset,
    tokenizer: Option<WordPieceSpec>,
    seed: Seed,
) -> Result<Artifact> {
    let tokenizer = match tokenizer {
        Some(tokenizer) => tokenizer,
        None => WordPieceSpec::from_vocab(&act_data::vocabulary(train, MIN_TOKEN_COUNT)?)?,
    };
    let plan = shape.plan(tokenizer.vocab_size(), train.labels.len(), train.problem)?;
    let record = StageRecord {
        data: vec![train.record.clone()],
        ..StageRecord::new("act-convert", seed.0)
    };
    Ok(Artifact {
        params: init::params(&plan, seed),
        task: TaskInfo {
            columns: train.columns.as_ref().map(Into::into),
            problem: Problem::new(train.problem, train.labels.len()),
            ..TaskInfo::new(&train.task, shape.max_seq_length, train.labels.clone())
        },
        tokenizer: tokenizer.into(),
        plan,
        quant: QuantSpec::default(),
        provenance: vec![record],
    })
}

fn within(what: &str, value: usize, low: usize, high: usize) -> Result<()> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(Error::usage(format!(
        "{what} is {value}: it must be {low} to {high}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use act_core::provenance::{DataRecord, Digest};
    use act_data::{Example, Split, Target};

    fn shape() -> EncoderShape {
        EncoderShape {
            layers: 3,
            hidden: 12,
            heads: 4,
            intermediate: 20,
            max_seq_length: 16,
            family: Family::Bert,
            activation: Activation::Gelu,
        }
    }

    fn data(synthetic: bool) -> Dataset {
        Dataset {
            task: "tnews".into(),
            split: Split::Train,
            problem: ProblemKind::SingleLabel,
            labels: ["finance", "sport", "story"].map(String::from).to_vec(),
            examples: vec![Example {
                text: "股市股市".into(),
                pair: None,
                target: Some(Target::Class(0)),
            }],
            columns: None,
            dropped: 0,
            record: DataRecord {
                name: "tnews/train".into(),
                digest: Digest([1; 32]),
                examples: 1,
                synthetic,
            },
        }
    }

    fn tokenizer() -> Option<WordPieceSpec> {
        WordPieceSpec::from_vocab("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n股\n").ok()
    }

    #[test]
    fn tensors_are_those_of_the_plan() {
        for family in [Family::Bert, Family::Ernie] {
            let shape = EncoderShape { family, ..shape() };
            let model = model(&shape, &data(false), tokenizer(), Seed(1)).unwrap();
            let expected = model.plan.expected_tensors(&model.quant);
            assert_eq!(model.params.len(), expected.len());
            for spec in expected {
                assert_eq!(model.params.get(&spec.name).unwrap().shape(), spec.shape);
            }
            assert_eq!(model.plan.embeddings.vocab_size, 6);
            assert_eq!(model.plan.layers[2].attention_width(), 12);
            assert_eq!(model.task.labels.len(), 3);
        }
    }

    #[test]
    fn the_sample_corpus_marks_the_model() {
        for synthetic in [false, true] {
            let model = model(&shape(), &data(synthetic), tokenizer(), Seed(1)).unwrap();
            assert_eq!(model.synthetic(), synthetic);
            assert_eq!(model.provenance[0].data[0].name, "tnews/train");
        }
    }

    #[test]
    fn the_vocabulary_comes_from_the_data_without_another() {
        let model = model(&shape(), &data(false), None, Seed(1)).unwrap();
        assert!(
            model
                .tokenizer
                .word_piece()
                .unwrap()
                .tokens()
                .any(|token| token == "股")
        );
        assert_eq!(
            model.plan.embeddings.vocab_size,
            model.tokenizer.vocab_size()
        );
    }

    #[test]
    fn bounds_are_named() {
        let rejects = |change: fn(&mut EncoderShape), labels: usize, words: &str| {
            let mut shape = shape();
            change(&mut shape);
            let error = shape
                .plan(100, labels, ProblemKind::SingleLabel)
                .unwrap_err();
            assert_eq!(error.kind(), act_core::ErrorKind::Usage);
            assert!(error.to_string().contains(words), "{error}");
        };
        rejects(|s| s.layers = 0, 2, "--layers is 0");
        rejects(|s| s.hidden = 0, 2, "--hidden is 0");
        rejects(|s| s.heads = 0, 2, "--heads is 0");
        rejects(
            |s| s.heads = 5,
            2,
            "--hidden 12 is not a multiple of --heads 5",
        );
        rejects(|s| s.intermediate = usize::MAX, 2, "--intermediate is");
        rejects(|s| s.max_seq_length = 3, 2, "--max-seq-length is 3");
        rejects(|s| (s.hidden, s.layers) = (4096, 48), 2, "parameters");
        rejects(|_| (), 1, "the number of labels is 1");
    }
}
