//! Schema 1 of every section, frozen: field order and width are the file format. A change means a
//! `v2` beside it. Conversions check only what the types demand; the rules of the domain are
//! [`crate::artifact::rules`]' business.

use std::str::FromStr;

use bincode::{Decode, Encode};

use super::codes::{self, Coded, unknown};
use crate::artifact::limits;
use crate::error::{Error, Result};
use crate::plan::{Block, Embeddings, Head, LayerPlan, Plan};
use crate::provenance::{DataRecord, Digest, InputRecord, StageRecord};
use crate::quant::{ActivationScheme, LinearQuant, QuantSpec, TableQuant, WeightBits};
use crate::task_info::TaskInfo;
use crate::tokenizer::{Split, TokenizerSpec, Truncation, WordPieceSpec};

/// META: plan, task, labels.
#[derive(Encode, Decode)]
pub struct Meta {
    family: u16,
    hidden_size: u32,
    vocab_size: u32,
    max_position_embeddings: u32,
    type_vocab_size: u32,
    task_type_vocab_size: u32,
    layer_norm_eps: f32,
    hidden_act: u16,
    task: String,
    max_seq_length: u32,
    labels: Vec<String>,
    layers: Vec<Layer>,
}

#[derive(Encode, Decode)]
struct Layer {
    head_dim: u32,
    kept_heads: Vec<u16>,
    intermediate_size: u32,
}

/// TOKN: vocabulary and tokenizer rules.
#[derive(Encode, Decode)]
pub struct Tokenizer {
    kind: u16,
    lowercase: bool,
    strip_accents: bool,
    split_cjk: bool,
    pad_id: u32,
    unk_id: u32,
    cls_id: u32,
    sep_id: u32,
    mask_id: u32,
    max_word_chars: u32,
    vocab: String,
}

/// TDIR: one entry a tensor, in the order of DATA.
#[derive(Encode, Decode)]
pub struct Entry {
    pub name: String,
    pub dtype: u16,
    pub dims: Vec<u32>,
    pub offset: u64,
    pub len: u64,
    pub digest: [u8; 32],
}

/// QUAN: what is quantised and how.
#[derive(Encode, Decode)]
pub struct Quant {
    sites: Vec<QuantSite>,
    tables: Vec<QuantTable>,
}

#[derive(Encode, Decode)]
struct QuantSite {
    linear: String,
    weight_scheme: u16,
    weight_max: u8,
    activation_scheme: u16,
    activation_max: u8,
    scale: f32,
    zero_point: u8,
    calibrator: u16,
    calibrator_arg: f32,
    /// Reserved for the tensor that smooths the site's input; absent in schema 1.
    smooth: Option<String>,
}

#[derive(Encode, Decode)]
struct QuantTable {
    table: String,
    scheme: u16,
}

/// PROV: one record a stage.
#[derive(Encode, Decode)]
pub struct Stage {
    stage: String,
    version: String,
    config: String,
    seed: u64,
    device: String,
    inputs: Vec<Input>,
    data: Vec<Data>,
    metrics: Vec<(String, f64)>,
}

#[derive(Encode, Decode)]
struct Input {
    role: String,
    model_digest: [u8; 32],
}

#[derive(Encode, Decode)]
struct Data {
    name: String,
    digest: [u8; 32],
    examples: u64,
    synthetic: bool,
}

/// A size as files hold it. Sizes that pass the rules fit; others must not be cut.
pub fn narrow(size: usize) -> Result<u32> {
    u32::try_from(size).map_err(|_| Error::rejected(format!("{size} does not fit 32 bits")))
}

impl Meta {
    /// To the wire; what schema 1 has no place for is lost.
    pub fn new(plan: &Plan, task: &TaskInfo) -> Result<Self> {
        let layer = |layer: &LayerPlan| {
            Ok(Layer {
                head_dim: narrow(layer.head_dim)?,
                kept_heads: layer.kept_heads.clone(),
                intermediate_size: narrow(layer.intermediate_size)?,
            })
        };
        let embeddings = &plan.embeddings;
        Ok(Self {
            family: plan.family.code(),
            hidden_size: narrow(plan.hidden_size)?,
            vocab_size: narrow(embeddings.vocab_size)?,
            max_position_embeddings: narrow(embeddings.longest)?,
            type_vocab_size: narrow(embeddings.type_vocab_size)?,
            task_type_vocab_size: narrow(embeddings.task_type_vocab_size)?,
            layer_norm_eps: plan.layer_norm_eps,
            hidden_act: plan.block.activation.code(),
            task: task.name.clone(),
            max_seq_length: narrow(task.max_seq_length)?,
            labels: task.labels.clone(),
            layers: plan.layers.iter().map(layer).collect::<Result<_>>()?,
        })
    }
}

impl TryFrom<Meta> for (Plan, TaskInfo) {
    type Error = Error;

    fn try_from(meta: Meta) -> Result<Self> {
        let layer = |layer: Layer| LayerPlan {
            head_dim: layer.head_dim as usize,
            kept_heads: layer.kept_heads,
            intermediate_size: layer.intermediate_size as usize,
            window: None,
        };
        if meta.type_vocab_size == 0 {
            return Err(Error::rejected("schema 1 needs token types"));
        }
        let hidden_size = meta.hidden_size as usize;
        let plan = Plan {
            family: Coded::from_code(meta.family)?,
            hidden_size,
            layer_norm_eps: meta.layer_norm_eps,
            num_labels: meta.labels.len(),
            embeddings: Embeddings {
                task_type_vocab_size: meta.task_type_vocab_size as usize,
                ..Embeddings::bert(
                    meta.vocab_size as usize,
                    hidden_size,
                    meta.max_position_embeddings as usize,
                    meta.type_vocab_size as usize,
                )
            },
            block: Block::bert(Coded::from_code(meta.hidden_act)?),
            layers: meta.layers.into_iter().map(layer).collect(),
            head: Head::BERT,
        };
        let longest = meta.max_seq_length as usize;
        Ok((plan, TaskInfo::new(meta.task, longest, meta.labels)))
    }
}

impl Tokenizer {
    /// To the wire; what schema 1 has no place for is lost.
    ///
    /// # Errors
    /// Rejected: not WordPiece, or no mask token.
    pub fn new(spec: &TokenizerSpec) -> Result<Self> {
        let spec = spec.word_piece()?;
        let no_mask = || Error::rejected("schema 1 needs a mask token");
        Ok(Self {
            kind: codes::WORDPIECE,
            lowercase: spec.lowercase,
            strip_accents: spec.strip_accents,
            split_cjk: spec.split_cjk,
            pad_id: spec.pad_id,
            unk_id: spec.unk_id,
            cls_id: spec.cls_id,
            sep_id: spec.sep_id,
            mask_id: spec.mask_id.ok_or_else(no_mask)?,
            max_word_chars: spec.max_word_chars,
            vocab: spec.vocab.to_string(),
        })
    }
}

impl TryFrom<Tokenizer> for TokenizerSpec {
    type Error = Error;

    fn try_from(wire: Tokenizer) -> Result<Self> {
        if wire.kind != codes::WORDPIECE {
            return Err(unknown("tokenizer", wire.kind));
        }
        Ok(Self::WordPiece(WordPieceSpec {
            vocab: wire.vocab.into(),
            lowercase: wire.lowercase,
            strip_accents: wire.strip_accents,
            split_cjk: wire.split_cjk,
            split: Split::Punctuation,
            whole_tokens: Vec::new(),
            cut: Truncation::End,
            max_word_chars: wire.max_word_chars,
            pad_id: wire.pad_id,
            unk_id: wire.unk_id,
            cls_id: wire.cls_id,
            sep_id: wire.sep_id,
            mask_id: Some(wire.mask_id),
        }))
    }
}

/// What schema 1 has no place for is lost.
impl From<&QuantSpec> for Quant {
    fn from(quant: &QuantSpec) -> Self {
        let table = |q: &TableQuant| QuantTable {
            table: q.table.to_string(),
            scheme: codes::SYMMETRIC_INT8_PER_ROW,
        };
        Self {
            sites: quant.linears.iter().map(QuantSite::from).collect(),
            tables: quant.embeddings.iter().map(table).collect(),
        }
    }
}

impl From<&LinearQuant> for QuantSite {
    fn from(q: &LinearQuant) -> Self {
        let (activation_scheme, scale, zero_point) = match q.activation {
            ActivationScheme::Static { scale, zero_point } => (codes::STATIC, scale, zero_point),
            ActivationScheme::DynamicPerToken => (codes::DYNAMIC_PER_TOKEN, 0.0, 128),
        };
        Self {
            linear: q.linear.to_string(),
            weight_scheme: codes::SYMMETRIC_INT8_PER_ROW,
            weight_max: q.weight_max,
            activation_scheme,
            activation_max: q.activation_max,
            scale,
            zero_point,
            calibrator: q.calibrator.code(),
            calibrator_arg: q.calibrator_arg,
            smooth: None,
        }
    }
}

impl TryFrom<QuantSite> for LinearQuant {
    type Error = Error;

    fn try_from(site: QuantSite) -> Result<Self> {
        if site.weight_scheme != codes::SYMMETRIC_INT8_PER_ROW {
            return Err(unknown("weight scheme", site.weight_scheme));
        }
        if site.smooth.is_some() {
            return Err(Error::rejected(
                "a smoothing tensor, which schema 1 does not have",
            ));
        }
        let activation = match site.activation_scheme {
            codes::STATIC => ActivationScheme::Static {
                scale: site.scale,
                zero_point: site.zero_point,
            },
            codes::DYNAMIC_PER_TOKEN if site.scale.to_bits() == 0 && site.zero_point == 128 => {
                ActivationScheme::DynamicPerToken
            }
            codes::DYNAMIC_PER_TOKEN => {
                return Err(Error::rejected("a dynamic site with a scale or zero point"));
            }
            code => return Err(unknown("activation scheme", code)),
        };
        Ok(Self {
            linear: parse(&site.linear)?,
            weight_max: site.weight_max,
            bits: WeightBits::Eight,
            group_limit: None,
            activation_max: site.activation_max,
            activation,
            input_multiplier: false,
            calibrator: Coded::from_code(site.calibrator)?,
            calibrator_arg: site.calibrator_arg,
        })
    }
}

impl TryFrom<Quant> for QuantSpec {
    type Error = Error;

    fn try_from(wire: Quant) -> Result<Self> {
        let site = |(i, site): (usize, QuantSite)| {
            LinearQuant::try_from(site).map_err(|e| e.context(format!("site {i}")))
        };
        let table = |table: QuantTable| match table.scheme {
            codes::SYMMETRIC_INT8_PER_ROW => parse(&table.table).map(TableQuant::int8),
            code => Err(unknown("table scheme", code)),
        };
        Ok(Self {
            linears: wire
                .sites
                .into_iter()
                .enumerate()
                .map(site)
                .collect::<Result<_>>()?,
            embeddings: wire.tables.into_iter().map(table).collect::<Result<_>>()?,
            attention: Vec::new(),
        })
    }
}

/// The thing of that name. What is the user's mistake on a command line is the file's here.
pub fn parse<T: FromStr<Err = Error>>(name: &str) -> Result<T> {
    if name.len() > limits::NAME {
        return Err(Error::rejected(format!("a name of {} bytes", name.len())));
    }
    name.parse()
        .map_err(|e: Error| Error::rejected(e.to_string()))
}

impl From<&StageRecord> for Stage {
    fn from(record: &StageRecord) -> Self {
        let input = |i: &InputRecord| Input {
            role: i.role.clone(),
            model_digest: i.model_digest.0,
        };
        let data = |d: &DataRecord| Data {
            name: d.name.clone(),
            digest: d.digest.0,
            examples: d.examples,
            synthetic: d.synthetic,
        };
        Self {
            stage: record.stage.clone(),
            version: record.version.clone(),
            config: record.config.clone(),
            seed: record.seed,
            device: record.device.clone(),
            inputs: record.inputs.iter().map(input).collect(),
            data: record.data.iter().map(data).collect(),
            metrics: record.metrics.clone(),
        }
    }
}

impl From<Stage> for StageRecord {
    fn from(stage: Stage) -> Self {
        let input = |i: Input| InputRecord {
            role: i.role,
            model_digest: Digest(i.model_digest),
        };
        let data = |d: Data| DataRecord {
            name: d.name,
            digest: Digest(d.digest),
            examples: d.examples,
            synthetic: d.synthetic,
        };
        Self {
            stage: stage.stage,
            version: stage.version,
            config: stage.config,
            seed: stage.seed,
            device: stage.device,
            inputs: stage.inputs.into_iter().map(input).collect(),
            data: stage.data.into_iter().map(data).collect(),
            metrics: stage.metrics,
        }
    }
}
