//! A program and its parameters to an encoder.

use act_core::{Params, Plan, Result};

use super::{model, params, pir, program, walk};

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

/// Reads an encoder from the bytes of a `.pdmodel`, or Paddle 3's `.json`, and a `.pdiparams`.
///
/// # Errors
/// Rejected: damaged, or not a BERT-style classifier; the operator that does not fit is named.
pub fn read(model: &[u8], params: &[u8]) -> Result<Imported> {
    let program = if pir::is_pir(model) {
        pir::read(model)?
    } else {
        program::Program::read(model)?
    };
    let encoder = walk::Walk::encoder(&program)?;
    let stream = params::ParamStream::read(params, program.parameters())?;
    if encoder.softmax {
        log::info!("the program ends with a softmax, which is left out: act gives logits too");
    }
    if stream.has_halves() {
        log::info!("the program computes in half precision; act computes its numbers in single");
    }
    let (plan, params) = model::assemble(&encoder, &stream)?;
    Ok(Imported {
        plan,
        params,
        pad_id: encoder.pad_id,
        operators: program.ops().len(),
    })
}
