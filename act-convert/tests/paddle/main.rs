//! Paddle models: recorded logits of the real program, programs made here, and hostile bytes.

mod archives;
mod attributes;
mod fixtures;
mod hostile;
mod program;
mod recorded;
mod writer;
