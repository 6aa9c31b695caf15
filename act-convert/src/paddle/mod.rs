//! Paddle inference models: `.pdmodel` (the program, protobuf) and `.pdiparams` (the numbers).
//!
//! The bytes are a stranger's. [`program`] and [`params`] read them under limits, [`walk`] finds the
//! encoder in the graph, and [`model`] puts the numbers where a plan has them.

pub mod folder;
pub mod model;
pub mod op;
pub mod params;
pub mod program;
pub mod proto;
pub mod walk;

use act_core::{Params, Plan, Result};

pub use folder::import;

/// An encoder read from a program and its parameters.
pub struct Imported {
    /// Its shapes.
    pub plan: Plan,
    /// Its tensors, as [`Plan::expected_tensors`] names them.
    pub params: Params,
    /// The token whose keys the program's mask hides; none if it is given the mask.
    pub pad_id: Option<u32>,
    /// Number of operators of the program.
    pub operators: usize,
}

/// Reads an encoder from the bytes of a `.pdmodel` and a `.pdiparams`.
///
/// # Errors
/// Rejected: damaged, or not a BERT-style classifier; the operator that does not fit is named.
pub fn read(model: &[u8], params: &[u8]) -> Result<Imported> {
    let program = program::Program::read(model)?;
    let encoder = walk::Walk::encoder(&program)?;
    let stream = params::ParamStream::read(params, program.parameters())?;
    let (plan, params) = model::assemble(&encoder, &stream)?;
    Ok(Imported {
        plan,
        params,
        pad_id: encoder.pad_id,
        operators: program.ops().len(),
    })
}
