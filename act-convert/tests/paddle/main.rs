//! Paddle models: recorded logits of the real program, programs made here, and hostile bytes.

mod archives;
mod attributes;
mod beside;
mod fixtures;
mod hostile;
mod pir;
mod program;
mod recorded;
mod writer;
