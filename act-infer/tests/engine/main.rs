//! The engine's surface: texts, observers, and every way to misuse it.

mod answers;
mod misuse;
mod observers;

use act_core::testing::{TinyInt8, TinyOptions, tiny_artifact};
use act_core::{Artifact, Batch};

fn tiny(int8: Option<TinyInt8>) -> Artifact {
    tiny_artifact(
        1,
        &TinyOptions {
            int8,
            ..TinyOptions::default()
        },
    )
}

fn batch(lengths: &[usize]) -> Batch {
    let tokens: usize = lengths.iter().sum();
    Batch {
        input_ids: (0..tokens as u32).map(|i| 5 + i * 13 % 100).collect(),
        token_type_ids: vec![0; tokens],
        lengths: lengths.to_vec(),
    }
}
