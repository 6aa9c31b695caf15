//! Schema 2 of META, TOKN and QUAN: an encoder, its task and its tokenizer in parts. Frozen like
//! [`super::v1`]. What schema 1 can say is written in schema 1, so that it has one spelling.
//!
//! Codes take the place of enums, and a code that has sizes of its own carries them (`Choice`):
//! what encoders learn to be made of needs a new code, not a new schema.

mod choice;
mod meta;
mod quant;
mod tokenizer;

pub use meta::Meta;
pub use quant::Quant;
pub use tokenizer::Tokenizer;
