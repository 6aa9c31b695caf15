//! Int8 quantisation: calibration of activations, integer weights, a small search, and training with
//! the rounding where that is not enough.
//!
//! [`quantize()`] is the whole of it: run the float model over a slice of *train* ([`samples`]) and keep
//! statistics of every linear's input ([`collect`]), read thresholds out of them ([`calibrate`]), turn
//! weights and tables into bytes ([`weight`], [`embedding`]), and among the combinations asked for
//! ([`options`], [`search`]) keep the one whose answers stay closest to the float model's ([`judge`]).
//! Where that is not close enough, single inputs change their scheme ([`scheme`], [`refine`]), and static ranges are chosen by the
//! answers of the whole model ([`descent`]).
//! Models run through act-infer, the engine that will serve them. [`aware`] trains.

pub mod alternatives;
pub mod apply;
pub mod aware;
pub mod bias;
pub mod calibrate;
pub mod channels;
pub mod cli;
pub mod clock;
pub mod collect;
pub mod descent;
pub mod embedding;
pub mod grid;
mod held_out;
pub mod judge;
pub mod judges;
mod made;
pub mod moments;
pub mod noise;
pub mod options;
mod outline;
mod prepare;
pub mod producer;
mod products;
mod quantize;
mod quantized;
pub mod ranges;
pub mod record;
pub mod refine;
pub mod rewritten;
pub mod rounded;
pub mod samples;
pub mod scheme;
pub mod search;
pub mod shift;
pub mod slices;
pub mod smooth;
pub mod statistics;
pub mod table;
pub mod weight;

pub use quantize::{quantize, require_float};
pub use quantized::Quantized;
