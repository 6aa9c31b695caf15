//! The whole way from a model and data to a small fast model: imported, fine-tuned where it is a bare encoder,
//! pruned, distilled, quantised, judged.
//!
//! Nothing of that is done here. Each stage is called as its own command line would call it ([`step`]),
//! with the words that stand in [`way`]; what is here is that every result is a file of one folder, and
//! that finished ones are recognised by what they were asked for ([`folder`], [`request`]); and, where accuracy
//! is promised ([`promise`]), which speed-ups are tried ([`search`]), in what time ([`pace`]), how each of them does
//! ([`hunt`]), and on which texts ([`jury`]).

pub mod cli;
pub mod folder;
pub mod hunt;
pub mod jury;
pub mod pace;
pub mod promise;
pub mod recipe;
pub mod request;
pub mod search;
pub mod step;
pub mod way;
