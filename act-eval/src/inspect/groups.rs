//! Tensors by the part of the network they belong to: where the bytes of a file go.

use std::collections::HashMap;

use act_core::artifact::Header;
use act_core::{Embedding, Linear, Norm, Plan, names};

use crate::table::{self, Table};

/// The groups, in forward order.
const GROUPS: [&str; 5] = ["embeddings", "attention", "feed-forward", "norms", "head"];

/// The group of every tensor that a plan can have, by name.
pub(super) fn of_tensors(plan: &Plan) -> HashMap<String, &'static str> {
    let mut parts = HashMap::new();
    for table in Embedding::ALL {
        parts.insert(table.weight(), "embeddings");
        parts.insert(table.scale(), "embeddings");
    }
    let layers = 0..plan.layers.len();
    let linears = layers.clone().flat_map(Linear::of_layer);
    let others = [
        Linear::EmbeddingProjection,
        Linear::Pooler,
        Linear::Classifier,
    ];
    for linear in linears.chain(others) {
        let part = match linear {
            Linear::EmbeddingProjection => "embeddings",
            Linear::Intermediate(_) | Linear::Gate(_) | Linear::Output(_) => "feed-forward",
            Linear::Pooler | Linear::Classifier => "head",
            Linear::Query(_) | Linear::Key(_) | Linear::Value(_) | Linear::AttentionOutput(_) => {
                "attention"
            }
        };
        let (weight, multiplier) = (linear.weight(), linear.input_multiplier());
        for name in [weight, linear.scale(), linear.bias(), multiplier] {
            parts.insert(name, part);
        }
    }
    let norms = layers.flat_map(|l| [Norm::Attention(l), Norm::Output(l)]);
    let others = [
        Norm::Embeddings,
        Norm::RelativeEmbeddings,
        Norm::Final,
        Norm::Head,
    ];
    for norm in norms.chain(others) {
        parts.insert(norm.weight(), "norms");
        parts.insert(norm.bias(), "norms");
    }
    for table in [names::RELATIVE_BIAS, names::RELATIVE_EMBEDDINGS] {
        parts.insert(table.into(), "attention");
    }
    parts
}

/// Tensors, numbers and bytes of every part.
pub fn table(header: &Header) -> Table {
    let parts = of_tensors(&header.plan);
    let total: u64 = header.tensors.iter().map(|t| t.len).sum();
    let mut table = Table::new(["part", "tensors", "numbers", "bytes", "share"]);
    for part in GROUPS {
        let (mut count, mut numbers, mut size) = (0, 0, 0);
        for tensor in &header.tensors {
            if parts.get(&tensor.spec.name) == Some(&part) {
                count += 1;
                numbers += tensor.spec.shape.iter().product::<usize>();
                size += tensor.len;
            }
        }
        table.push([
            part.to_string(),
            count.to_string(),
            table::count(numbers),
            table::bytes(size),
            format!("{:.1} %", 100.0 * size as f64 / total.max(1) as f64),
        ]);
    }
    table
}
