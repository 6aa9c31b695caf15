//! Hugging Face folders: what comes in computes as it did elsewhere, what goes out comes in again,
//! and what is damaged or hostile is refused in one line.

mod families;
mod folder;
mod hostile;
mod import;
mod minilm;
mod program;
mod round_trip;
mod transformers;
