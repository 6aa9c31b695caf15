//! Which keys exist: those of the typed sections, PaddleSlim's other names for them, and
//! PaddleSlim's keys that are accepted without effect. Knows names only, no values.

use std::collections::BTreeSet;

use serde::de::{DeserializeOwned, Visitor};

use super::document::{Config, Section};
use super::sections::{
    Distillation, Global, HyperParameterOptimization, Prune, QuantAware, QuantPost,
};
use super::training::{AmpConfig, Optimizer, OptimizerBuilder, TrainConfig};

/// PaddleSlim's other name for a key of ours.
const ALIASES: &[(&str, &str)] = &[("TransformerPrune", "Prune")];

/// PaddleSlim's strategies that are not for these models.
const FOREIGN: &[&str] = &[
    "MultiTeacherDistillation",
    "ChannelPrune",
    "UnstructurePrune",
    "ASPPrune",
];

const NOT_YET: &str = "accepted, but not supported yet";
const FILES: &str = "without effect: models are given on the command line (`act-convert import`)";

/// Keys of PaddleSlim that are accepted and change nothing: the section, its keys, the reason.
const WITHOUT_EFFECT: &[(&str, &str, &str)] = &[
    ("Global", "model_dir model_filename params_filename", FILES),
    (
        "Global",
        "dataset",
        "without effect: the task's name says whose it is",
    ),
    (
        "Global",
        "train_data dev_data",
        "without effect: give the data's folder with --data",
    ),
    (
        "Global",
        "input_names",
        "without effect: `act-convert import` finds a program's inputs",
    ),
    (
        "Global",
        "model_type",
        "without effect: the artifact has its own encoder and tokenizer",
    ),
    (
        "Global",
        "padding return_attention_mask",
        "without effect: no token is computed for padding, and no result depends on it",
    ),
    (
        "TrainConfig",
        "use_fleet",
        "without effect: training uses one device",
    ),
    (
        "Distillation",
        "merge_feed",
        "without effect: student and teacher always read the same texts",
    ),
    (
        "TrainConfig",
        "recompute_config",
        "without effect: `micro_batch` bounds the memory",
    ),
    (
        "TrainConfig",
        "sharding_config",
        "without effect: training uses one device",
    ),
    (
        "TrainConfig",
        "sparse_model",
        "without effect: pruning here leaves no zeros to keep",
    ),
    (
        "TrainConfig.amp_config",
        "custom_white_list custom_black_list level use_pure_fp16 use_fp16_guard",
        "without effect: products of matrices are bfloat16, all else is single precision",
    ),
    (
        "TrainConfig.amp_config",
        "init_loss_scaling incr_every_n_steps decr_every_n_nan_or_inf incr_ratio decr_ratio \
         use_dynamic_loss_scaling",
        "without effect: bfloat16 needs no loss scaling",
    ),
    (
        "TrainConfig.optimizer_builder",
        "apply_decay_param_fun",
        "without effect: biases and norms never decay",
    ),
    (
        "Distillation",
        "teacher_model_filename teacher_params_filename",
        FILES,
    ),
    (
        "QuantPost",
        "epochs lr regions region_weights_names recon_level simulate_activation_quant \
         is_full_quantize skip_tensor_list",
        NOT_YET,
    ),
    (
        "QuantPost",
        "activation_quantize_type",
        "without effect: activations follow `algo`",
    ),
    (
        "QuantPost",
        "onnx_format",
        "without effect: `act-convert export` writes ONNX",
    ),
    (
        "QuantAware",
        "not_quant_pattern use_pact dtype window_size for_tensorrt onnx_format is_full_quantize",
        NOT_YET,
    ),
];

/// Keys that are gone, ours and those of PaddleSlim before 2.4, each with what became of it.
const GONE: &[(&str, &str, &str)] = &[
    (
        "",
        "Quantization",
        "PaddleSlim 2.4 made two of it: write QuantPost (after training) or QuantAware (with training)",
    ),
    (
        "TrainConfig",
        "optimizer",
        "it is optimizer_builder now: {optimizer: {type: AdamW}}",
    ),
    (
        "TrainConfig",
        "optim_args",
        "its keys (weight_decay, grad_clip) stand in optimizer_builder now",
    ),
    ("Distillation", "distill_lambda", "it is alpha now"),
    (
        "Distillation",
        "distill_loss",
        "it is loss now: l2 or soft_label",
    ),
    ("Distillation", "distill_node_pair", "it is node now"),
    (
        "Prune",
        "prune_params_name",
        "heads and neurons are found without names; leave the key out",
    ),
    (
        "Prune",
        "steps step_iters",
        "pruning in steps was removed, since it gained nothing over pruning at once; leave the key out",
    ),
];

/// True if the reason is one that cannot change a result.
pub(super) fn is_harmless(why: &str) -> bool {
    why != NOT_YET
}

/// The name under which a key is known here.
pub(super) fn canonical(key: &str) -> &str {
    ALIASES
        .iter()
        .find(|(other, _)| *other == key)
        .map_or(key, |(_, name)| name)
}

/// The keys allowed at a path of canonical names; none if the path leads to a value.
pub(super) fn keys(path: &[&str]) -> Option<Vec<&'static str>> {
    let mut keys = match path {
        [] => fields::<Config>(),
        [section] => match section.parse().ok()? {
            Section::Global => fields::<Global>(),
            Section::Train => fields::<TrainConfig>(),
            Section::Distillation => fields::<Distillation>(),
            Section::Prune => fields::<Prune>(),
            Section::Search => fields::<HyperParameterOptimization>(),
            Section::QuantPost => fields::<QuantPost>(),
            Section::QuantAware => fields::<QuantAware>(),
        },
        ["TrainConfig", "optimizer_builder"] => fields::<OptimizerBuilder>(),
        ["TrainConfig", "optimizer_builder", "optimizer"] => fields::<Optimizer>(),
        ["TrainConfig", "amp_config"] => fields::<AmpConfig>(),
        _ => return None,
    };
    let section = path.join(".");
    let ineffective = WITHOUT_EFFECT.iter().filter(|(at, ..)| *at == section);
    for key in ineffective.flat_map(|(_, keys, _)| keys.split(' ')) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    Some(keys)
}

/// Every key that changes something, `Section.key`, in the order of the types.
pub(super) fn settable() -> Vec<String> {
    let mut found = Vec::new();
    gather(&[], &mut found);
    found
}

/// Those below a path of canonical names.
fn gather(path: &[&str], found: &mut Vec<String>) {
    for key in keys(path).unwrap_or_default() {
        let whole = [path, &[key]].concat();
        if keys(&whole).is_some() {
            gather(&whole, found);
        } else if without_effect(&whole).is_none() {
            found.push(whole.join("."));
        }
    }
}

/// Why a key changes nothing; none if it does change something.
pub(super) fn without_effect(path: &[&str]) -> Option<&'static str> {
    let (key, section) = path.split_last()?;
    reason(WITHOUT_EFFECT, section, key)
}

/// What a table says of a key.
fn reason(
    table: &[(&str, &str, &'static str)],
    section: &[&str],
    key: &str,
) -> Option<&'static str> {
    let section = section.join(".");
    let of =
        |(at, keys, _): &&(&str, &str, &str)| *at == section && keys.split(' ').any(|k| k == key);
    table.iter().find(of).map(|(.., why)| *why)
}

/// What to say about a key that is not known at `section`; all that are known there are listed once.
pub(super) fn unknown(section: &[&str], key: &str, listed: &mut BTreeSet<String>) -> String {
    let known = keys(section).unwrap_or_default();
    let key = &*key.chars().take(80).collect::<String>();
    let (what, at) = match section {
        [] => ("section", String::new()),
        _ => ("key", format!("{}: ", section.join("."))),
    };
    let what = format!("{at}unknown {what} {key:?}");
    if let Some(why) = reason(GONE, section, key) {
        return format!("{what}: {why}");
    }
    if section.is_empty() && FOREIGN.contains(&key) {
        return format!("{what}; act prunes with Prune and distils with Distillation");
    }
    if let Some(near) = nearest(key, &known) {
        return format!("{what}; did you mean {near:?}?");
    }
    let sections = fields::<Config>();
    let holds_it = |section: &&&str| keys(&[**section]).is_some_and(|keys| keys.contains(&key));
    match sections.iter().find(holds_it) {
        Some(home) => format!("{what}; it belongs to {home}"),
        None if listed.insert(section.join(".")) => {
            format!("{what}; known are {}", known.join(", "))
        }
        None => what,
    }
}

/// What serde says of a name that no variant or field bears, in our words.
pub(super) fn unknown_name(message: &str) -> Option<String> {
    let (said, known) = message.rsplit_once("`, expected ")?;
    let known: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
    let kinds = [("", "unknown variant `"), ("key ", "unknown field `")];
    let of = |(what, start): &(&str, &str)| Some((what.to_string(), said.strip_prefix(start)?));
    let (what, name) = kinds.iter().find_map(of)?;
    let hint =
        nearest(name, &known).map_or(String::new(), |near| format!("did you mean {near:?}? "));
    Some(format!(
        "unknown {what}{name:?}; {hint}known: {}",
        known.join(", ")
    ))
}

/// The known name that a misspelt one most likely means.
pub fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let lower = name.to_lowercase();
    known
        .iter()
        .map(|k| {
            (
                strsim::normalized_damerau_levenshtein(&lower, &k.to_lowercase()),
                *k,
            )
        })
        .filter(|(likeness, _)| *likeness >= 0.6)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, near)| near)
}

/// Names of a struct's fields as serde knows them.
pub(super) fn fields<T: DeserializeOwned>() -> Vec<&'static str> {
    let mut names: &'static [&'static str] = &[];
    // Fails by design, after noting the names.
    let _ = T::deserialize(FieldNames(&mut names));
    names.to_vec()
}

/// A deserializer that only listens to which fields a struct asks for.
struct FieldNames<'a>(&'a mut &'static [&'static str]);

impl<'de> serde::Deserializer<'de> for FieldNames<'_> {
    type Error = serde::de::value::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        *self.0 = fields;
        self.deserialize_any(visitor)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Self::Error> {
        Err(serde::de::Error::custom("only names were asked for"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_explains_every_key_in_its_section() {
        let manual = include_str!("../../../docs/config.md");
        for section in fields::<Config>() {
            let (_, rest) = manual
                .split_once(&format!("\n## {section}\n"))
                .expect(section);
            let text = rest.split("\n## ").next().unwrap_or(rest);
            for key in keys(&[section]).unwrap() {
                let told = [format!("`{key}`"), format!("`{key}.")];
                assert!(told.iter().any(|k| text.contains(k)), "{section}.{key}");
            }
        }
        for key in fields::<OptimizerBuilder>() {
            assert!(
                manual.contains(&format!("`optimizer_builder.{key}")),
                "{key}"
            );
        }
    }

    #[test]
    fn sections_are_the_fields_of_a_configuration() {
        assert_eq!(fields::<Config>(), Section::ALL.map(Section::name));
    }

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let known = ["pruned_ratio", "prune_algo", "epochs"];
        assert_eq!(nearest("pruned_ration", &known), Some("pruned_ratio"));
        assert_eq!(nearest("EPOCH", &known), Some("epochs"));
        assert_eq!(nearest("zzz", &known), None);
        assert_eq!(nearest("", &known), None);
    }
}
