//! What must not be written is not written, and the error says which rule was broken. Readers
//! apply the same rules with the same code.

use act_core::names::{Embedding, Linear};
use act_core::plan::Position;
use act_core::quant::{ActivationScheme, GroupLimit, TableQuant, WeightBits};
use act_core::{Artifact, ErrorKind, Family, Problem, Tensor, WordPieceSpec};

use crate::models;

type Change = fn(&mut Artifact);

const CHANGES: &[(Change, &str)] = &[
    (|a| a.plan.hidden_size = 0, "hidden_size is 0"),
    (|a| a.plan.hidden_size = usize::MAX, "hidden_size is"),
    (
        |a| a.plan.embeddings.vocab_size = 11,
        "12 tokens for a word table of 11 rows",
    ),
    (|a| a.plan.layers.clear(), "number of layers is 0"),
    (
        |a| a.plan.layers[0].kept_heads = vec![1, 1],
        "layer 0: kept_heads [1, 1]",
    ),
    (
        |a| a.plan.layers[0].kept_heads = vec![64],
        "layer 0: kept_heads [64]",
    ),
    (|a| a.plan.layers[0].head_dim = 0, "layer 0: head_dim is 0"),
    (
        |a| a.plan.layers[1].intermediate_size = 1 << 20,
        "layer 1: intermediate_size",
    ),
    (
        |a| a.plan.layer_norm_eps = f32::NAN,
        "layer_norm_eps is NaN",
    ),
    (|a| a.plan.layer_norm_eps = 0.0, "layer_norm_eps is 0"),
    (
        |a| a.plan.family = Family::Ernie,
        "task_type_vocab_size is 0",
    ),
    (
        |a| a.plan.embeddings.task_type_vocab_size = 3,
        "task_type_vocab_size is 3",
    ),
    (|a| a.plan.num_labels = 2, "3 labels for 2 classes"),
    (
        |a| a.task.labels[1] = a.task.labels[0].clone(),
        "occurs twice",
    ),
    (
        |a| a.task.labels[1] = "\u{7}".into(),
        "label 1 holds the control character",
    ),
    (
        |a| a.task.labels[1] = String::new(),
        "length of label 1 in bytes is 0",
    ),
    (|a| a.task.name = "a\nb".into(), "the task's name holds"),
    (|a| a.task.max_seq_length = 5, "max_seq_length is 5; 3 to 4"),
    (|a| a.task.max_seq_length = 2, "max_seq_length is 2; 3 to 4"),
    (|a| words(a).mask_id = Some(12), "mask_id is 12"),
    (|a| words(a).max_word_chars = 0, "max_word_chars is 0"),
    (|a| words(a).vocab = "one\n".repeat(13).into(), "13 tokens"),
    (
        |a| words(a).whole_tokens = vec![3, 3],
        "not rising ids below 12",
    ),
    (
        |a| words(a).whole_tokens = vec![12],
        "not rising ids below 12",
    ),
    (
        |a| {
            a.plan
                .embeddings
                .positions
                .push(Position::Learned { offset: 0 })
        },
        "position schemes are listed twice",
    ),
    (
        |a| a.plan.embeddings.positions = vec![Position::Learned { offset: 1 << 16 }],
        "offset of the position table is 65536",
    ),
    (
        |a| {
            a.plan.embeddings.positions = vec![Position::Rotary {
                global_theta: 1e4,
                local_theta: f32::NAN,
            }]
        },
        "theta of windows is NaN",
    ),
    (|a| a.plan.embeddings.width = 0, "embedding width is 0"),
    (
        |a| {
            a.task.problem = Problem::MultiLabel {
                thresholds: vec![0.5; 2],
            }
        },
        "number of thresholds is 2; 3 to 3",
    ),
    (
        |a| {
            a.task.problem = Problem::MultiLabel {
                thresholds: vec![0.5, 0.0, 0.5],
            }
        },
        "a threshold is 0",
    ),
    (
        |a| a.task.problem = Problem::Regression,
        "number of scores of a regression is 3; 1 to 1",
    ),
    (
        |a| a.provenance[1].stage = "\u{1b}[0m".into(),
        "record 1: stage holds",
    ),
    (
        |a| a.provenance[1].metrics[0].1 = f64::INFINITY,
        "metric accuracy is inf",
    ),
    (
        |a| drop(a.params.remove("pooler.dense.bias")),
        "no tensor pooler.dense.bias",
    ),
    (
        |a| a.params.insert("more", Tensor::f32([1], vec![0.0])),
        "tensor more has no place",
    ),
    (
        |a| {
            a.params
                .insert("pooler.dense.bias", Tensor::f32([3], vec![0.0; 3]))
        },
        "the plan needs",
    ),
    (
        |a| {
            a.params
                .insert("pooler.dense.bias", Tensor::i8([4], vec![0; 4]))
        },
        "the plan needs",
    ),
    (
        |a| {
            a.params
                .insert("pooler.dense.bias", Tensor::f32([4], vec![f32::NAN; 4]))
        },
        "element 0 is NaN",
    ),
];

const INT8_CHANGES: &[(Change, &str)] = &[
    (
        |a| a.quant.linears[0].weight_max = 0,
        "layer.0.attention.query: weight_max is 0",
    ),
    (|a| a.quant.linears[0].weight_max = 128, "weight_max is 128"),
    (
        |a| a.quant.linears[0].weight_max = 3,
        "encoder.layer.0.attention.self.query.weight: element",
    ),
    (
        |a| a.quant.linears[0].activation_max = 200,
        "activation_max is 200",
    ),
    (|a| a.quant.attention = vec![0, 0], "attention in integers"),
    (|a| a.quant.attention = vec![1000], "attention in integers"),
    (
        |a| a.quant.linears[0].group_limit = Some(GroupLimit { size: 3, max: 100 }),
        "groups of 3 weights",
    ),
    (
        |a| a.quant.linears[0].group_limit = Some(GroupLimit { size: 2, max: 1 }),
        "add up to",
    ),
    (
        |a| a.quant.linears[0].input_multiplier = true,
        "query, key and value see one input",
    ),
    (
        |a| a.quant.linears[0].activation_max = 63,
        "query, key and value see one input",
    ),
    (
        |a| a.quant.linears[1].activation = ActivationScheme::DynamicPerToken,
        "see one input",
    ),
    (|a| set_scale(a, 5, 0.0), "layer.0.output: scale 0"),
    // Its inverse is infinite; found by fuzzing, engines refused what the format allowed.
    (
        |a| set_scale(a, 5, 1e-40),
        "layer.0.output: scale 1e-40 is not a normal number",
    ),
    (
        |a| set_scale(a, 5, f32::INFINITY),
        "layer.0.output: scale inf",
    ),
    (
        |a| a.quant.linears[0].calibrator_arg = f32::NAN,
        "calibrator_arg",
    ),
    (
        |a| a.quant.linears[0].bits = WeightBits::Four { group: 0 },
        "four bits in groups of 0",
    ),
    (
        |a| a.quant.embeddings[0].bits = WeightBits::Four { group: 16 },
        "word_embeddings: four bits in groups of 16",
    ),
    (
        |a| a.quant.linears[0].bits = WeightBits::Four { group: 32 },
        "query.weight i8 [2, 4]: the plan needs",
    ),
    (|a| a.quant.linears.swap(0, 1), "out of order"),
    (
        |a| a.quant.linears[1].linear = Linear::Query(0),
        "layer.0.attention.query is listed twice",
    ),
    (
        |a| a.quant.linears[6].linear = Linear::Query(1),
        "layer.1.attention.query is listed",
    ),
    (
        |a| a.quant.linears[7].linear = Linear::Output(9),
        "layer.9.output is listed",
    ),
    (
        |a| (a.quant.embeddings).push(TableQuant::int8(Embedding::TaskType)),
        "embeddings.task_type_embeddings is listed",
    ),
    (
        |a| a.quant.linears.truncate(7),
        "the plan needs classifier.weight f32",
    ),
    (
        |a| {
            a.params.insert(
                "classifier.weight.scale",
                Tensor::f32([3], vec![1.0, 0.0, 1.0]),
            )
        },
        "tensor classifier.weight.scale: element 1 is 0",
    ),
];

fn words(artifact: &mut Artifact) -> &mut WordPieceSpec {
    artifact.tokenizer.word_piece_mut().unwrap()
}

fn set_scale(artifact: &mut Artifact, site: usize, scale: f32) {
    artifact.quant.linears[site].activation = ActivationScheme::Static {
        scale,
        zero_point: 128,
    };
}

#[test]
fn broken_rules_are_named_and_nothing_is_written() {
    for (int8, changes) in [(false, CHANGES), (true, INT8_CHANGES)] {
        for (change, message) in changes {
            let mut artifact = models::small(int8);
            change(&mut artifact);
            let mut written = Vec::new();
            let error = artifact.write(&mut written).expect_err(message);
            assert!(
                error.to_string().contains(message),
                "{error}, wanted {message}"
            );
            assert_eq!(error.kind(), ErrorKind::Rejected);
            assert!(written.is_empty(), "{message}");
            assert!(artifact.model_digest().is_err(), "{message}");
        }
    }
}

/// A device that is full after some bytes.
struct Full(usize);

impl std::io::Write for Full {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self.0 {
            0 => Err(std::io::ErrorKind::StorageFull.into()),
            left => {
                let n = left.min(bytes.len());
                self.0 -= n;
                Ok(n)
            }
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_an_error_at_every_byte() {
    let artifact = models::small(false);
    let len = artifact.file_len().unwrap() as usize;
    for room in (0..len).step_by(61) {
        let error = artifact.write(Full(room)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Failed);
        assert!(error.to_string().contains("writing the artifact"));
    }
    artifact.write(Full(len)).unwrap();
}

#[test]
fn paths_that_are_no_files_are_the_users_to_mend() {
    let folder = tempfile::tempdir().unwrap();
    for path in [
        folder.path().join("missing.act"),
        folder.path().to_path_buf(),
    ] {
        let error = Artifact::open(&path).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
        assert!(error.to_string().contains(&path.display().to_string()));
        assert_eq!(
            act_core::artifact::inspect(&path).unwrap_err().kind(),
            ErrorKind::Usage
        );
    }
    let text = folder.path().join("text.act");
    std::fs::write(&text, "no model").unwrap();
    let error = Artifact::open(&text).err().unwrap();
    assert!(
        error.to_string().contains("text.act: not an .act artifact"),
        "{error}"
    );
}
