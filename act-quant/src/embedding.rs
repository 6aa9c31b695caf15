//! Integer embedding tables, one scale a row. They take no part in integer matrix products (a row is
//! looked up and scaled back), so they always use the full range of a byte.

use act_core::quant::WeightBits;
use act_core::{Embedding, Params, Plan, Result};

use crate::weight::{self, Allowed, Granularity, Int8Rows};

/// The tables worth storing in bytes: words and positions. The token-type and task-type tables have
/// a handful of rows, one of which is added to *every* token: no bytes to win, an error everywhere.
pub const TABLES: [Embedding; 2] = [Embedding::Word, Embedding::Position];

/// Quantises the tables of a float model. Every row has steps of its own, so that it does not matter to
/// one how often another is read.
///
/// # Errors
/// Rejected: a value that is not finite.
pub fn quantize(
    plan: &Plan,
    params: &Params,
    bits: WeightBits,
) -> Result<Vec<(Embedding, Int8Rows)>> {
    let tables = TABLES.into_iter();
    tables
        .filter(|&table| plan.table_rows(table) > 0)
        .map(|table| {
            let name = table.weight();
            let values = params.f32(&name)?;
            let within = Allowed::within(127);
            let (columns, allowed) = (plan.embeddings.width, Allowed { bits, ..within });
            let rows = weight::quantize(&name, values, columns, Granularity::Channel, allowed)?;
            Ok((table, rows))
        })
        .collect()
}
