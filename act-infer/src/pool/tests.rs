//! A thread's panic is its caller's, and harms nobody else.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use act_core::Batch;
use act_core::testing::{TinyOptions, tiny_artifact};

use super::Pool;
use crate::gemm::{Kernels, kernel};
use crate::meeting::Broken;
use crate::model::Model;
use crate::sequences::Sequences;
use crate::session::Session;

fn batch(ids: &[u32], lengths: &[usize]) -> Batch {
    Batch {
        input_ids: ids.to_vec(),
        token_type_ids: vec![0; ids.len()],
        lengths: lengths.to_vec(),
    }
}

/// Token ids that no engine would let through.
#[test]
fn a_panic_is_passed_on_and_the_pool_goes_on() {
    let mut artifact = tiny_artifact(1, &TinyOptions::default());
    let model = Model::take(&mut artifact, kernel(Kernels::Auto)).unwrap();
    let (model, labels) = (Arc::new(model), TinyOptions::default().num_labels);
    let mut pool = Pool::new(model.clone(), 3);
    pool.assume_free_teams();
    let good = batch(&[2, 5, 6], &[3]);
    let mut expected = vec![0.0; labels];
    let mut session = Session::new(&model);
    let forward = |pool: &Pool, session: &mut Session, batch: &Batch, logits: &mut [f32]| {
        pool.forward(Sequences::of(batch), session, logits)
    };
    forward(&pool, &mut session, &good, &mut expected).unwrap();
    // By a team, and by threads with sequences of their own: the last one's is the worst.
    let together = batch(&[2, 5000, 6], &[3]);
    let apart = batch(&[2, 5, 5000], &[1, 1, 1]);
    for bad in [&together, &apart].repeat(20) {
        let mut session = Session::new(&model);
        let mut logits = vec![0.0; bad.sequences() * labels];
        let call = || forward(&pool, &mut session, bad, &mut logits);
        let panic = catch_unwind(AssertUnwindSafe(call)).unwrap_err();
        assert!(!panic.is::<Broken>(), "the cause is what is passed on");
        let mut logits = vec![0.0; labels];
        let mut session = Session::new(&model);
        forward(&pool, &mut session, &good, &mut logits).unwrap();
        assert_eq!(logits, expected);
    }
}
