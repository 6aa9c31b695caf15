//! Families as `transformers` writes them, each a table: what its classes are called, where
//! `config.json` has its sizes, which parts it is made of and what its tensors are called. Nothing
//! else here knows a family by name.

use act_core::Family;
use act_core::plan::HeadActivation;

/// Where `config.json` has a value: its key, or another that `transformers` reads as the same, and
/// what stands for a missing one.
#[derive(Debug)]
pub(super) struct Key<T> {
    pub names: &'static [&'static str],
    pub default: T,
}

const fn key<T>(names: &'static [&'static str], default: T) -> Key<T> {
    Key { names, default }
}

/// A family's table.
#[derive(Debug)]
pub(super) struct FamilyTable {
    pub family: Family,
    /// Class names begin with it.
    pub class: &'static str,
    /// What stands before the encoder's tensors in a model with a head; the first is written.
    pub prefixes: &'static [&'static str],
    pub hidden_size: Key<usize>,
    pub heads: Key<usize>,
    pub layers: Key<usize>,
    pub intermediate_size: Key<usize>,
    pub activation: Key<&'static str>,
    /// Nothing where it is 1e-12 whatever `config.json` says.
    pub epsilon: Option<&'static str>,
    /// Default of `type_vocab_size`; 0: no token types.
    pub token_types: usize,
    /// Rows of the position table up to that of `pad_token_id` are no positions, and pads are not
    /// counted.
    pub behind_pads: bool,
    /// `embedding_size`, where the tables may have another width than the model.
    pub embedding_size: Option<usize>,
    /// Layers are repeated; see [`Repeats`].
    pub repeated: bool,
    /// What follows the dense layer of the head.
    pub head: HeadActivation,
    /// Modules that have another name than in the plan: ours, theirs. A star is a layer's number.
    pub modules: &'static [(&'static str, &'static str)],
    /// How names of tensors begin that no classifier of texts computes with.
    pub left_out: &'static [&'static str],
}

const BERT: FamilyTable = FamilyTable {
    family: Family::Bert,
    class: "Bert",
    prefixes: &["bert.", "ernie."],
    hidden_size: key(&["hidden_size"], 768),
    heads: key(&["num_attention_heads"], 12),
    layers: key(&["num_hidden_layers"], 12),
    intermediate_size: key(&["intermediate_size"], 3072),
    activation: key(&["hidden_act"], "gelu"),
    epsilon: Some("layer_norm_eps"),
    token_types: 2,
    behind_pads: false,
    embedding_size: None,
    repeated: false,
    head: HeadActivation::Tanh,
    modules: &[],
    left_out: &["cls."],
};

const ROBERTA: FamilyTable = FamilyTable {
    family: Family::Roberta,
    class: "Roberta",
    prefixes: &["roberta."],
    behind_pads: true,
    modules: CLASSIFIER_OF_TWO,
    // The encoder's own pooler is not part of a classifier.
    left_out: &["lm_head.", "pooler."],
    ..BERT
};

/// The head is a module of its own, over an encoder without pooler.
const CLASSIFIER_OF_TWO: &[(&str, &str)] = &[
    ("pooler.dense", "classifier.dense"),
    ("classifier", "classifier.out_proj"),
];

/// All of them.
pub(super) static FAMILIES: [FamilyTable; 8] = [
    BERT,
    FamilyTable {
        family: Family::Ernie,
        class: "Ernie",
        prefixes: &["ernie.", "bert."],
        ..BERT
    },
    FamilyTable {
        family: Family::DistilBert,
        class: "DistilBert",
        prefixes: &["distilbert."],
        hidden_size: key(&["dim", "hidden_size"], 768),
        heads: key(&["n_heads", "num_attention_heads"], 12),
        layers: key(&["n_layers", "num_hidden_layers"], 6),
        intermediate_size: key(&["hidden_dim"], 3072),
        activation: key(&["activation"], "gelu"),
        epsilon: None,
        token_types: 0,
        head: HeadActivation::Relu,
        modules: &[
            (
                "encoder.layer.*.attention.self.query",
                "transformer.layer.*.attention.q_lin",
            ),
            (
                "encoder.layer.*.attention.self.key",
                "transformer.layer.*.attention.k_lin",
            ),
            (
                "encoder.layer.*.attention.self.value",
                "transformer.layer.*.attention.v_lin",
            ),
            (
                "encoder.layer.*.attention.output.dense",
                "transformer.layer.*.attention.out_lin",
            ),
            (
                "encoder.layer.*.attention.output.LayerNorm",
                "transformer.layer.*.sa_layer_norm",
            ),
            (
                "encoder.layer.*.intermediate.dense",
                "transformer.layer.*.ffn.lin1",
            ),
            (
                "encoder.layer.*.output.dense",
                "transformer.layer.*.ffn.lin2",
            ),
            (
                "encoder.layer.*.output.LayerNorm",
                "transformer.layer.*.output_layer_norm",
            ),
            ("pooler.dense", "pre_classifier"),
        ],
        left_out: &["vocab_transform.", "vocab_layer_norm.", "vocab_projector."],
        ..BERT
    },
    ROBERTA,
    FamilyTable {
        family: Family::XlmRoberta,
        class: "XLMRoberta",
        ..ROBERTA
    },
    FamilyTable {
        family: Family::Camembert,
        class: "Camembert",
        ..ROBERTA
    },
    FamilyTable {
        family: Family::Electra,
        class: "Electra",
        prefixes: &["electra."],
        hidden_size: key(&["hidden_size"], 256),
        heads: key(&["num_attention_heads"], 4),
        intermediate_size: key(&["intermediate_size"], 1024),
        embedding_size: Some(128),
        head: HeadActivation::Gelu,
        modules: &[
            ("embeddings.projection", "embeddings_project"),
            CLASSIFIER_OF_TWO[0],
            CLASSIFIER_OF_TWO[1],
        ],
        left_out: &["discriminator_predictions.", "generator_"],
        ..BERT
    },
    FamilyTable {
        family: Family::Albert,
        class: "Albert",
        prefixes: &["albert."],
        hidden_size: key(&["hidden_size"], 4096),
        heads: key(&["num_attention_heads"], 64),
        intermediate_size: key(&["intermediate_size"], 16_384),
        activation: key(&["hidden_act"], "gelu_new"),
        embedding_size: Some(128),
        repeated: true,
        modules: &[
            (
                "embeddings.projection",
                "encoder.embedding_hidden_mapping_in",
            ),
            (
                "encoder.layer.*.attention.self.query",
                "encoder.albert_layer_groups.*.attention.query",
            ),
            (
                "encoder.layer.*.attention.self.key",
                "encoder.albert_layer_groups.*.attention.key",
            ),
            (
                "encoder.layer.*.attention.self.value",
                "encoder.albert_layer_groups.*.attention.value",
            ),
            (
                "encoder.layer.*.attention.output.dense",
                "encoder.albert_layer_groups.*.attention.dense",
            ),
            (
                "encoder.layer.*.attention.output.LayerNorm",
                "encoder.albert_layer_groups.*.attention.LayerNorm",
            ),
            (
                "encoder.layer.*.intermediate.dense",
                "encoder.albert_layer_groups.*.ffn",
            ),
            (
                "encoder.layer.*.output.dense",
                "encoder.albert_layer_groups.*.ffn_output",
            ),
            (
                "encoder.layer.*.output.LayerNorm",
                "encoder.albert_layer_groups.*.full_layer_layer_norm",
            ),
            ("pooler.dense", "pooler"),
        ],
        left_out: &["predictions.", "sop_classifier."],
        ..BERT
    },
];

/// How ALBERT repeats layers: `groups` of `inner` layers, each group `times` in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Repeats {
    pub times: usize,
    pub inner: usize,
}

impl Repeats {
    /// What stands for a star in their names: `3`, or of a repeated layer `0.albert_layers.1`.
    fn number(this: Option<Self>, layer: usize) -> String {
        match this {
            None => layer.to_string(),
            Some(Self { times, inner }) => {
                format!("{}.albert_layers.{}", layer / inner / times, layer % inner)
            }
        }
    }
}

impl FamilyTable {
    /// The table of a family.
    pub fn of(family: Family) -> &'static Self {
        let table = FAMILIES.iter().find(|table| table.family == family);
        table.unwrap_or(&FAMILIES[0])
    }

    /// `model_type`.
    pub fn model_type(&self) -> &'static str {
        self.family.name()
    }

    /// Their name of the tensor that a plan calls `ours`, as the bare encoder has it.
    pub fn tensor(&self, ours: &str, repeats: Option<Repeats>) -> String {
        let Some((module, kind)) = ours.rsplit_once('.') else {
            return ours.to_string();
        };
        let theirs = self.modules.iter().find_map(|(own, theirs)| {
            let Some((start, end)) = own.split_once('*') else {
                return (module == *own).then(|| theirs.to_string());
            };
            let layer = module.strip_prefix(start)?.strip_suffix(end)?;
            let number = Repeats::number(repeats, layer.parse().ok()?);
            Some(theirs.replacen('*', &number, 1))
        });
        format!("{}.{kind}", theirs.as_deref().unwrap_or(module))
    }

    /// As [`FamilyTable::tensor`], in a model with a head.
    pub fn tensor_of_classifier(&self, ours: &str) -> String {
        let name = self.tensor(ours, None);
        if ["classifier.", "pre_classifier."]
            .iter()
            .any(|head| name.starts_with(head))
        {
            return name;
        }
        format!("{}{name}", self.prefixes[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use act_core::{Linear, Norm};
    use std::collections::BTreeSet;

    #[test]
    fn tensors_have_their_names() {
        let name = |family, ours: String| FamilyTable::of(family).tensor_of_classifier(&ours);
        for (family, ours, theirs) in [
            (
                Family::Bert,
                Linear::Query(3).weight(),
                "bert.encoder.layer.3.attention.self.query.weight",
            ),
            (
                Family::Bert,
                Linear::Pooler.bias(),
                "bert.pooler.dense.bias",
            ),
            (
                Family::DistilBert,
                Norm::Attention(11).weight(),
                "distilbert.transformer.layer.11.sa_layer_norm.weight",
            ),
            (
                Family::DistilBert,
                Linear::Pooler.weight(),
                "pre_classifier.weight",
            ),
            (
                Family::XlmRoberta,
                Linear::Classifier.bias(),
                "classifier.out_proj.bias",
            ),
            (
                Family::Electra,
                Linear::EmbeddingProjection.weight(),
                "electra.embeddings_project.weight",
            ),
        ] {
            assert_eq!(name(family, ours), theirs);
        }
    }

    #[test]
    fn every_layer_of_a_group_is_each_repetitions() {
        let repeats = Some(Repeats { times: 3, inner: 2 });
        let name = |l| FamilyTable::of(Family::Albert).tensor(&Linear::Output(l).bias(), repeats);
        let place = |g, i| format!("encoder.albert_layer_groups.{g}.albert_layers.{i}");
        for (layer, (group, inner)) in [(0, 0), (0, 1), (0, 0), (0, 1), (0, 0), (0, 1), (1, 0)]
            .into_iter()
            .enumerate()
        {
            assert_eq!(name(layer), place(group, inner) + ".ffn_output.bias");
        }
    }

    #[test]
    fn no_two_modules_have_one_name() {
        for table in &FAMILIES {
            let own: BTreeSet<_> = table.modules.iter().map(|(own, _)| own).collect();
            let theirs: BTreeSet<_> = table.modules.iter().map(|(_, theirs)| theirs).collect();
            assert_eq!(own.len(), table.modules.len());
            assert_eq!(theirs.len(), table.modules.len());
        }
    }
}
