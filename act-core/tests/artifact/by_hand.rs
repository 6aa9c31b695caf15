//! A second writer, made from `docs/format.md` alone: no bincode, no code of the crate's own.

use act_core::names::{Embedding, Linear};
use act_core::plan::TensorSpec;
use act_core::quant::{ActivationScheme, Calibrator};
use act_core::{Activation, Artifact, DType, Family};

use crate::models;

pub mod second;

/// Bytes of a file in the making.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend(bytes);
        self
    }
    fn u16(&mut self, v: u16) -> &mut Self {
        self.raw(&v.to_le_bytes())
    }
    fn u32(&mut self, v: usize) -> &mut Self {
        self.raw(&(v as u32).to_le_bytes())
    }
    fn u64(&mut self, v: usize) -> &mut Self {
        self.raw(&(v as u64).to_le_bytes())
    }
    fn f32(&mut self, v: f32) -> &mut Self {
        self.raw(&v.to_bits().to_le_bytes())
    }
    fn text(&mut self, s: &str) -> &mut Self {
        self.u64(s.len()).raw(s.as_bytes())
    }
    fn pad(&mut self, align: usize) -> &mut Self {
        while !self.0.len().is_multiple_of(align) {
            self.0.push(0);
        }
        self
    }
    fn flag(&mut self, v: bool) -> &mut Self {
        self.raw(&[v as u8])
    }
    fn option(&mut self, v: Option<&str>) -> &mut Self {
        self.flag(v.is_some());
        v.map(|v| self.text(v));
        self
    }
    fn part(&mut self, code: u16, sizes: &[usize], numbers: &[f32]) -> &mut Self {
        self.u16(code).u64(sizes.len());
        for &n in sizes {
            self.u32(n);
        }
        self.u64(numbers.len());
        for &x in numbers {
            self.f32(x);
        }
        self
    }
    fn section(&mut self, tag: &[u8; 4], schema: u16, flags: u16, payload: &Bytes) -> &mut Self {
        self.raw(tag)
            .u16(schema)
            .u16(flags)
            .u64(payload.0.len())
            .raw(&payload.0)
            .pad(16)
    }
}

fn family_code(family: Family) -> u16 {
    match family {
        Family::Bert => 1,
        Family::Ernie => 2,
        Family::DistilBert => 3,
        Family::Roberta => 4,
        Family::XlmRoberta => 5,
        Family::Camembert => 6,
        Family::Electra => 7,
        Family::Albert => 8,
        Family::ModernBert => 9,
        Family::Mpnet => 10,
    }
}

fn meta(a: &Artifact) -> Bytes {
    let mut out = Bytes::default();
    out.u16(family_code(a.plan.family));
    out.u32(a.plan.hidden_size)
        .u32(a.plan.embeddings.vocab_size)
        .u32(a.plan.embeddings.longest);
    out.u32(a.plan.embeddings.type_vocab_size)
        .u32(a.plan.embeddings.task_type_vocab_size)
        .f32(a.plan.layer_norm_eps);
    out.u16(match a.plan.block.activation {
        Activation::Gelu => 1,
        Activation::Relu => 2,
        Activation::GeluTanh => 3,
    });
    out.text(&a.task.name)
        .u32(a.task.max_seq_length)
        .u64(a.task.labels.len());
    for label in &a.task.labels {
        out.text(label);
    }
    out.u64(a.plan.layers.len());
    for layer in &a.plan.layers {
        out.u32(layer.head_dim).u64(layer.kept_heads.len());
        for &head in &layer.kept_heads {
            out.u16(head);
        }
        out.u32(layer.intermediate_size);
    }
    out
}

fn tokenizer(a: &Artifact) -> Bytes {
    let (mut out, t) = (Bytes::default(), a.tokenizer.word_piece().unwrap());
    out.u16(1)
        .raw(&[t.lowercase as u8, t.strip_accents as u8, t.split_cjk as u8]);
    for id in [
        t.pad_id,
        t.unk_id,
        t.cls_id,
        t.sep_id,
        t.mask_id.unwrap(),
        t.max_word_chars,
    ] {
        out.u32(id as usize);
    }
    out.text(&t.vocab);
    out
}

fn byte_len(spec: &TensorSpec) -> usize {
    let count: usize = spec.shape.iter().product();
    match spec.dtype {
        DType::F32 => 4 * count,
        DType::F16 => 2 * count,
        DType::I8 => count,
        DType::I4 | DType::U4 => spec.shape[0] * spec.shape[1].div_ceil(2),
    }
}

/// The directory, and the bytes that DATA then has.
fn directory(a: &Artifact) -> (Bytes, usize) {
    let (mut out, mut end) = (Bytes::default(), 0usize);
    let specs = a.plan.expected_tensors(&a.quant);
    out.u64(specs.len());
    for spec in specs {
        let offset = end.next_multiple_of(64);
        let len = byte_len(&spec);
        let digest = a
            .params
            .get(&spec.name)
            .map_or([0; 32], |t| *blake3::hash(t.bytes()).as_bytes());
        end = offset + len;
        out.text(&spec.name);
        out.u16(match spec.dtype {
            DType::F32 => 1,
            DType::F16 => 2,
            DType::I8 => 3,
            DType::I4 => 4,
            DType::U4 => 5,
        });
        out.u64(spec.shape.len());
        for &dimension in &spec.shape {
            out.u32(dimension);
        }
        out.u64(offset).u64(len).raw(&digest);
    }
    (out, end.next_multiple_of(16))
}

fn quant(a: &Artifact) -> Bytes {
    let mut out = Bytes::default();
    out.u64(a.quant.linears.len());
    for q in &a.quant.linears {
        let (scheme, scale, zero_point) = match q.activation {
            ActivationScheme::Static { scale, zero_point } => (1, scale, zero_point),
            ActivationScheme::DynamicPerToken => (2, 0.0, 128),
        };
        out.text(&name_of(q.linear))
            .u16(1)
            .raw(&[q.weight_max])
            .u16(scheme)
            .raw(&[q.activation_max]);
        out.f32(scale)
            .raw(&[zero_point])
            .u16(code_of(q.calibrator))
            .f32(q.calibrator_arg)
            .raw(&[0]);
    }
    out.u64(a.quant.embeddings.len());
    for q in &a.quant.embeddings {
        out.text(table_name(q.table)).u16(1);
    }
    out
}

fn name_of(linear: Linear) -> String {
    match linear {
        Linear::EmbeddingProjection => "embeddings.projection".into(),
        Linear::Query(l) => format!("layer.{l}.attention.query"),
        Linear::Key(l) => format!("layer.{l}.attention.key"),
        Linear::Value(l) => format!("layer.{l}.attention.value"),
        Linear::AttentionOutput(l) => format!("layer.{l}.attention.output"),
        Linear::Intermediate(l) => format!("layer.{l}.intermediate"),
        Linear::Gate(l) => format!("layer.{l}.gate"),
        Linear::Output(l) => format!("layer.{l}.output"),
        Linear::Pooler => "pooler".into(),
        Linear::Classifier => "classifier".into(),
    }
}

fn code_of(calibrator: Option<Calibrator>) -> u16 {
    match calibrator {
        None => 0,
        Some(Calibrator::AbsMax) => 1,
        Some(other) => panic!("tiny models do not use {other}"),
    }
}

fn table_name(table: Embedding) -> &'static str {
    match table {
        Embedding::Word => "embeddings.word_embeddings",
        Embedding::Position => "embeddings.position_embeddings",
        Embedding::TokenType => "embeddings.token_type_embeddings",
        Embedding::TaskType => "embeddings.task_type_embeddings",
    }
}

fn provenance(a: &Artifact) -> Bytes {
    let mut out = Bytes::default();
    out.u64(a.provenance.len());
    for r in &a.provenance {
        out.text(&r.stage)
            .text(&r.version)
            .text(&r.config)
            .u64(r.seed as usize)
            .text(&r.device);
        out.u64(r.inputs.len());
        for input in &r.inputs {
            out.text(&input.role).raw(&input.model_digest.0);
        }
        out.u64(r.data.len());
        for data in &r.data {
            out.text(&data.name)
                .raw(&data.digest.0)
                .u64(data.examples as usize);
            out.raw(&[data.synthetic as u8]);
        }
        out.u64(r.metrics.len());
        for (name, value) in &r.metrics {
            out.text(name).raw(&value.to_bits().to_le_bytes());
        }
    }
    out
}

/// Everything before the tensors. Tensors that the artifact does not have get a zero digest, so a
/// head may promise more than anyone could send.
pub fn head(a: &Artifact) -> Vec<u8> {
    let (tdir, data_len) = directory(a);
    type Payload = (u16, Bytes);
    let either = |later: bool, one: &dyn Fn() -> Bytes, two: &dyn Fn() -> Vec<u8>| -> Payload {
        if later { (2, Bytes(two())) } else { (1, one()) }
    };
    let seconds = second::needed(a);
    let mut sections: Vec<(&[u8; 4], u16, Payload)> = vec![
        (
            b"META",
            1,
            either(seconds[0], &|| meta(a), &|| second::meta(a)),
        ),
        (
            b"TOKN",
            1,
            either(seconds[1], &|| tokenizer(a), &|| second::tokenizer(a)),
        ),
        (b"TDIR", 1, (1, tdir)),
    ];
    if !a.quant.is_empty() {
        let payload = either(seconds[2], &|| quant(a), &|| second::quant(a));
        sections.push((b"QUAN", 1, payload));
    }
    if !a.provenance.is_empty() {
        sections.push((b"PROV", 0, (1, provenance(a))));
    }
    let mut file = Bytes(vec![0; 64]);
    for (tag, flags, (schema, payload)) in &sections {
        file.section(tag, *schema, *flags, payload);
    }
    let data_offset = (file.0.len() + 16).next_multiple_of(4096);
    file.0.resize(data_offset - 16, 0);
    let mut prologue = Bytes::default();
    prologue
        .raw(b"\x89ACT\r\n\x1a\n")
        .u16(1)
        .u16(if second::four_bits(a) {
            2
        } else {
            seconds.contains(&true).into()
        })
        .raw(&[6, 0])
        .u16(sections.len() as u16);
    prologue.u64(data_offset + data_len + 64).u64(data_offset);
    prologue.raw(blake3::hash(&file.0[64..]).as_bytes());
    file.0[..64].copy_from_slice(&prologue.0);
    file.raw(b"DATA").u16(1).u16(1).u64(data_len);
    file.0
}

/// The whole file.
pub fn file(a: &Artifact) -> Vec<u8> {
    let mut file = Bytes(head(a));
    for spec in a.plan.expected_tensors(&a.quant) {
        file.pad(64).raw(a.params.get(&spec.name).unwrap().bytes());
    }
    file.pad(16);
    let digest = *blake3::hash(&file.0).as_bytes();
    let file_len = file.0.len() + 64;
    file.raw(b"END ")
        .u16(1)
        .u16(1)
        .u64(48)
        .u64(file_len)
        .u64(0)
        .raw(&digest);
    file.0
}

#[test]
fn both_writers_agree() {
    for (name, artifact) in models::all() {
        assert_eq!(artifact.to_bytes().unwrap(), file(&artifact), "{name}");
    }
}
