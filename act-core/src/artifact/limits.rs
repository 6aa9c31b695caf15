//! Upper bounds of everything a file may claim, each with its reason.
//!
//! A bound is no statement about good models: it keeps sums of lengths far from overflow and the
//! memory that a hostile file can make us take small, while every encoder of the families we know
//! stays well inside. Raising one is a compatible change; lowering one never is.

/// Whole file. The largest encoder that the other bounds admit in practice is below 4 GiB; 16 GiB
/// leaves room and keeps every offset below 2^34.
pub const FILE_LEN: u64 = 16 << 30;
/// First byte of the tensors: all metadata is read into memory before it can be verified.
pub const DATA_OFFSET: u64 = 128 << 20;
/// Metadata sections; five are defined, each unknown one costs a warning line.
pub const SECTIONS: u16 = 64;

/// The largest payload of any section below.
pub const PAYLOAD_LEN: usize = 32 << 20;
/// Payload of META: 100,000 labels of 150 bytes and 48 layers fit.
pub const META_LEN: usize = 16 << 20;
/// Payload of TOKN: a vocabulary of 2^20 tokens of 30 bytes fits, and the largest `tokenizer.json`
/// in use, of multilingual models, has 17 MB.
pub const TOKN_LEN: usize = PAYLOAD_LEN;
/// Payload of TDIR: 48 layers have fewer than 1,300 tensors of at most 250 bytes each.
pub const TDIR_LEN: usize = 4 << 20;
/// Payload of QUAN: fewer than 300 sites of some 60 bytes.
pub const QUAN_LEN: usize = 4 << 20;
/// Payload of PROV: hundreds of stages, each with its whole configuration.
pub const PROV_LEN: usize = 16 << 20;

/// Encoder layers; BERT-large has 24, the deepest published encoders of these families 48.
pub const LAYERS: usize = 48;
/// Heads of a layer before pruning, hence also the bound of a head's number.
pub const HEADS: usize = 64;
/// Width of the residual stream, and of one head.
pub const HIDDEN: usize = 4096;
/// Feed-forward neurons of a layer: four times the width.
pub const INTERMEDIATE: usize = 4 * HIDDEN;
/// Rows of the word table; multilingual vocabularies have 2^18.
pub const VOCAB: usize = 1 << 20;
/// Rows of the position table; 512 is usual, long-document variants have 2^13.
pub const POSITIONS: usize = 1 << 16;
/// Rows of the token-type and of the task-type table; 2 to 16 are usual.
pub const TYPES: usize = 1024;
/// Classes; IFLYTEK has 119, intent sets some hundreds, catalogues of products tens of thousands.
pub const LABELS: usize = 100_000;
/// Buckets of relative positions, and the distance where they end; 32 and 256 are in use.
pub const BUCKETS: usize = 1024;
/// Base of rotary angles; 1e4 to 1e6 are in use.
pub const THETA: f32 = 1e9;
/// Shortest `max_seq_length`: a pair needs its three special tokens, and the tokenizer subtracts
/// them from it.
pub const MIN_SEQUENCE: usize = 3;
/// Largest epsilon of a layer norm; 1e-12 to 1e-5 are in use.
pub const EPSILON: f32 = 1.0;

/// Dimensions of a tensor; ours have one or two.
pub const RANK: usize = 4;
/// One dimension of a tensor; the largest above is 2^20.
pub const DIMENSION: usize = 1 << 24;
/// Bytes of a tensor's or a site's name; the longest we make has 59.
pub const NAME: usize = 128;
/// Bytes of one short text that is printed: names of tasks, labels, stages, devices, metrics.
pub const SHORT_TEXT: usize = 1024;
