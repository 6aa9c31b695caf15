//! Families as `transformers` writes them, each a table: what its classes are called, where
//! `config.json` has its sizes, which parts it is made of and what its tensors are called. Nothing
//! else here knows a family by name.

use act_core::Family;
use act_core::plan::{HeadActivation, NormPlace};

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
    pub epsilon: Option<Key<f32>>,
    /// What stands for a missing `max_position_embeddings`.
    pub longest: usize,
    /// Default of `type_vocab_size`; 0: no token types.
    pub token_types: usize,
    /// Rows of the position table up to that of `pad_token_id` are no positions, and pads are not
    /// counted.
    pub behind_pads: bool,
    /// Buckets of distances whose bias is added to the scores, if one is; pads have id 1 then.
    pub buckets: Option<Key<usize>>,
    /// `embedding_size`, where the tables may have another width than the model.
    pub embedding_size: Option<usize>,
    /// Layers are repeated; see [`Repeats`].
    pub repeated: bool,
    /// What follows the dense layer of the head.
    pub head: HeadActivation,
    /// What its blocks, positions and head have that BERT's have not.
    pub modern: Option<&'static Modern>,
    /// Modules that have another name than in the plan: ours, theirs. A star is a layer's number.
    pub modules: &'static [(&'static str, &'static str)],
    /// Modules of several of the plan's, one after the other in their rows.
    pub fused: &'static [(&'static str, &'static [&'static str])],
    /// How names of tensors begin that no classifier of texts computes with.
    pub left_out: &'static [&'static str],
}

/// Rotary positions, windows of attention by layer, norms before the blocks, gates, biases or none, and a head
/// that says how it pools: where `config.json` has what it says of them.
#[derive(Debug)]
pub(super) struct Modern {
    pub norms: NormPlace,
    pub gated: bool,
    /// A norm behind the last layer.
    pub final_norm: bool,
    /// A norm in the head, behind the activation.
    pub head_norm: bool,
    /// Of attention, feed-forward block, norms and head: whether they have a bias; missing: no.
    pub biases: [&'static str; 4],
    /// Base of the angles in layers with and without a window.
    pub global_theta: Key<f32>,
    pub local_theta: Key<f32>,
    /// Tokens of a window, the token itself not counted.
    pub window: Key<usize>,
    /// Every so many layers attend to the whole sequence, beginning with the first.
    pub every: Key<usize>,
    /// `cls` or `mean`.
    pub pooling: &'static str,
    /// What follows the dense layer of the head.
    pub head: &'static str,
}

/// What a layer that attends to the whole sequence is called, and one with a window.
pub(super) const KINDS: [&str; 2] = ["full_attention", "sliding_attention"];

static MODERN: Modern = Modern {
    norms: NormPlace::BeforeButFirst,
    gated: true,
    final_norm: true,
    head_norm: true,
    biases: ["attention_bias", "mlp_bias", "norm_bias", "classifier_bias"],
    global_theta: key(&["global_rope_theta"], 160_000.0),
    local_theta: key(&["local_rope_theta"], 10_000.0),
    window: key(&["local_attention"], 128),
    every: key(&["global_attn_every_n_layers"], 3),
    pooling: "classifier_pooling",
    head: "classifier_activation",
};

const BERT: FamilyTable = FamilyTable {
    family: Family::Bert,
    class: "Bert",
    prefixes: &["bert.", "ernie."],
    hidden_size: key(&["hidden_size"], 768),
    heads: key(&["num_attention_heads"], 12),
    layers: key(&["num_hidden_layers"], 12),
    intermediate_size: key(&["intermediate_size"], 3072),
    activation: key(&["hidden_act"], "gelu"),
    epsilon: Some(key(&["layer_norm_eps"], 1e-12)),
    longest: 512,
    token_types: 2,
    behind_pads: false,
    buckets: None,
    embedding_size: None,
    repeated: false,
    head: HeadActivation::Tanh,
    modern: None,
    modules: &[],
    fused: &[],
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
pub(super) static FAMILIES: [FamilyTable; 10] = [
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
    FamilyTable {
        family: Family::Mpnet,
        class: "MPNet",
        prefixes: &["mpnet."],
        token_types: 0,
        buckets: Some(key(&["relative_attention_num_buckets"], 32)),
        modules: &[
            (
                "encoder.layer.*.attention.self.query",
                "encoder.layer.*.attention.attn.q",
            ),
            (
                "encoder.layer.*.attention.self.key",
                "encoder.layer.*.attention.attn.k",
            ),
            (
                "encoder.layer.*.attention.self.value",
                "encoder.layer.*.attention.attn.v",
            ),
            (
                "encoder.layer.*.attention.output.dense",
                "encoder.layer.*.attention.attn.o",
            ),
            (
                "encoder.layer.*.attention.output.LayerNorm",
                "encoder.layer.*.attention.LayerNorm",
            ),
            CLASSIFIER_OF_TWO[0],
            CLASSIFIER_OF_TWO[1],
        ],
        ..ROBERTA
    },
    FamilyTable {
        family: Family::ModernBert,
        class: "ModernBert",
        prefixes: &["model."],
        intermediate_size: key(&["intermediate_size"], 1152),
        layers: key(&["num_hidden_layers"], 22),
        activation: key(&["hidden_activation"], "gelu"),
        epsilon: Some(key(&["norm_eps"], 1e-5)),
        longest: 8192,
        token_types: 0,
        head: HeadActivation::Gelu,
        modern: Some(&MODERN),
        modules: &[
            ("embeddings.word_embeddings", "embeddings.tok_embeddings"),
            ("embeddings.LayerNorm", "embeddings.norm"),
            ("encoder.layer.*.attention.output.dense", "layers.*.attn.Wo"),
            (
                "encoder.layer.*.attention.output.LayerNorm",
                "layers.*.attn_norm",
            ),
            ("encoder.layer.*.output.dense", "layers.*.mlp.Wo"),
            ("encoder.layer.*.output.LayerNorm", "layers.*.mlp_norm"),
            ("pooler.dense", "head.dense"),
            ("pooler.LayerNorm", "head.norm"),
        ],
        fused: &[
            (
                "layers.*.attn.Wqkv",
                &[
                    "encoder.layer.*.attention.self.query",
                    "encoder.layer.*.attention.self.key",
                    "encoder.layer.*.attention.self.value",
                ],
            ),
            (
                "layers.*.mlp.Wi",
                &[
                    "encoder.layer.*.intermediate.dense",
                    "encoder.layer.*.gate.dense",
                ],
            ),
        ],
        left_out: &["decoder."],
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

/// What stands for the star of `pattern` in `name`; nothing where the two are equal without one.
fn star<'n>(pattern: &str, name: &'n str) -> Option<&'n str> {
    match pattern.split_once('*') {
        None => (pattern == name).then_some(""),
        Some((start, end)) => name.strip_prefix(start)?.strip_suffix(end),
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
        let fused = self.fused.iter();
        let fused = fused.flat_map(|(theirs, own)| own.iter().map(move |own| (own, theirs)));
        let mut modules = self.modules.iter().map(|(own, theirs)| (own, theirs));
        let theirs = modules.by_ref().chain(fused).find_map(|(own, theirs)| {
            let layer = star(own, module)?;
            let number = match layer {
                "" => String::new(),
                layer => Repeats::number(repeats, layer.parse().ok()?),
            };
            Some(theirs.replacen('*', &number, 1))
        });
        format!("{}.{kind}", theirs.as_deref().unwrap_or(module))
    }

    /// Which part of their tensor the plan's `ours` is, and of how many equal ones.
    pub fn part(&self, ours: &str) -> (usize, usize) {
        let module = ours.rsplit_once('.').map_or(ours, |(module, _)| module);
        let place = |own: &[&str]| own.iter().position(|own| star(own, module).is_some());
        let mut fused = self.fused.iter();
        let part = fused.find_map(|(_, own)| Some((place(own)?, own.len())));
        part.unwrap_or((0, 1))
    }

    /// As [`FamilyTable::tensor`], in a model with a head.
    pub fn tensor_of_classifier(&self, ours: &str) -> String {
        let name = self.tensor(ours, None);
        if ["classifier.", "pre_classifier.", "head."]
            .iter()
            .any(|head| name.starts_with(head))
        {
            return name;
        }
        format!("{}{name}", self.prefixes[0])
    }
}

#[cfg(test)]
mod tests;
