//! What reading a file may cost in memory.

use act_core::testing::{TinyOptions, tiny_artifact};
use act_core::{Artifact, LayerPlan};

use crate::allocation::{Counting, peak_of};
use crate::by_hand;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn the_peak_is_counted() {
    let (kept, peak) = peak_of(|| {
        drop(vec![0u8; 1000]);
        vec![0u8; 10]
    });
    assert_eq!((kept.len(), peak), (10, 1000));
}

#[test]
fn a_promise_of_gigabytes_costs_nothing() {
    let mut artifact = tiny_artifact(1, &TinyOptions::default());
    (artifact.plan.hidden_size, artifact.plan.embeddings.width) = (4096, 4096);
    artifact.plan.embeddings.longest = 1 << 16;
    artifact.plan.layers = vec![LayerPlan::full(64, 64, 16384); 18];
    artifact.params = Default::default();
    let head = by_hand::head(&artifact);
    let claimed = u64::from_le_bytes(head[0x10..0x18].try_into().unwrap());
    assert!(claimed > 14 << 30, "{claimed}");
    // The head, and of the first gigabyte of tensors a few bytes.
    let bytes = [&head[..], &[0; 100]].concat();
    let (result, peak) = peak_of(|| Artifact::read(&bytes[..]));
    let error = result.err().unwrap().to_string();
    assert!(error.contains("truncated"), "{error}");
    assert!(peak < 4 << 20, "{peak} bytes");
}

#[test]
fn reading_takes_little_more_than_the_model() {
    let options = TinyOptions {
        vocab_size: 50_000,
        hidden_size: 64,
        ..TinyOptions::default()
    };
    let bytes = tiny_artifact(1, &options).to_bytes().unwrap();
    let (result, peak) = peak_of(|| Artifact::read(&bytes[..]));
    assert!(result.is_ok());
    assert!(peak < bytes.len() * 2, "{peak} for {}", bytes.len());
}
