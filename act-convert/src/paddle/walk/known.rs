//! Kinds of operators that have a place in an encoder; of others it is said first, whatever stands
//! around them.

use act_core::Result;

use crate::paddle::op::Op;

const KNOWN: [&str; 44] = [
    "assign",
    "cast",
    "cumsum",
    "dropout",
    "elementwise_add",
    "elementwise_div",
    "elementwise_mul",
    "elementwise_sub",
    "equal",
    "erf",
    "expand_as_v2",
    "expand_v2",
    "feed",
    "fetch",
    "fill_any_like",
    "fill_constant",
    "flatten_contiguous_range",
    "full_int_array",
    "gelu",
    "layer_norm",
    "lookup_table_v2",
    "matmul",
    "matmul_v2",
    "mul",
    "not_equal",
    "range",
    "relu",
    "reshape",
    "reshape2",
    "scale",
    "shape",
    "slice",
    "softmax",
    "split",
    "squeeze",
    "squeeze2",
    "stack",
    "tanh",
    "transpose",
    "transpose2",
    "unbind",
    "unsqueeze",
    "unsqueeze2",
    "where",
];

/// Refuses the first operator of a kind that has no place.
pub(super) fn check(ops: &[&Op]) -> Result<()> {
    let Some(op) = ops.iter().find(|op| !KNOWN.contains(&op.kind())) else {
        return Ok(());
    };
    Err(op.refuse(match op.kind() {
        "sigmoid" => {
            "scores every class by itself (multi-label); one class of several is supported"
        }
        "arg_max" | "top_k" | "top_k_v2" => "chooses a class: export the logits",
        _ => "has no place in a BERT-style encoder",
    }))
}
