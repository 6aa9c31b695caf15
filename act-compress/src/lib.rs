//! The whole way from a model and data to a small fast model: imported, fine-tuned where it is a bare encoder,
//! pruned, distilled, quantised, judged.
//!
//! Nothing of that is done here. Each stage is called as its own command line would call it ([`step`]),
//! with the words that stand in [`way`]; what is here is that every result is a file of one folder, and
//! that finished ones are recognised by what they were asked for ([`folder`], [`request`]).

pub mod cli;
pub mod folder;
pub mod recipe;
pub mod request;
pub mod step;
pub mod way;
