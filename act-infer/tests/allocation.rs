//! In the steady state the engine asks for no memory, on any thread. Alone in its program, whose
//! allocator counts.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use act_core::Batch;
use act_core::testing::{TinyInt8, TinyOptions, tiny_artifact};
use act_infer::Engine;

struct Counting;

static REQUESTS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        REQUESTS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps to the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps to the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn batch(lengths: &[usize]) -> Batch {
    let tokens: usize = lengths.iter().sum();
    Batch {
        input_ids: (0..tokens as u32).map(|i| i * 13 % 100).collect(),
        token_type_ids: vec![0; tokens],
        lengths: lengths.to_vec(),
    }
}

#[test]
fn batches_no_larger_than_seen_before_allocate_nothing() {
    let dynamic = TinyInt8 {
        dynamic: true,
        ..TinyInt8::default()
    };
    for int8 in [None, Some(TinyInt8::default()), Some(dynamic)] {
        for threads in [1, 2, 3] {
            let options = TinyOptions {
                int8,
                ..TinyOptions::default()
            };
            let engine = Engine::new(tiny_artifact(1, &options)).unwrap();
            // Else a team might be formed at any time, and its first call asks for memory.
            let engine = engine.with_threads(threads).with_free_teams();
            // More than a chunk; a different split; a single one. Pads (id 0) among them.
            let batches = [batch(&[30; 90]), batch(&[1, 32, 7]), batch(&[5])];
            let mut logits = Vec::new();
            let mut run = || {
                for batch in &batches {
                    engine.forward_into(batch, &mut logits).unwrap();
                }
            };
            // Which thread takes which share is chance: each has met the largest soon.
            (0..100).for_each(|_| run());
            let before = REQUESTS.load(Ordering::Relaxed);
            (0..25).for_each(|_| run());
            let requests = REQUESTS.load(Ordering::Relaxed) - before;
            assert_eq!(requests, 0, "{int8:?}, {threads} threads");
        }
    }
}
