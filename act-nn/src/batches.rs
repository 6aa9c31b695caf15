//! Which examples are computed together: the order of an epoch, the micro-batches of a step.
//!
//! All of it is a pure function of the data, the options and the seed; threads have no say.

use act_core::{Encoding, Seed};
use rand::seq::SliceRandom;

/// The batches of an epoch: a new shuffle of all examples, cut into `batch_size`.
///
/// Batches are not sorted by length: the encoder computes no padding, so that nothing would be
/// won by it, and batches of like lengths are batches of like examples.
pub(crate) fn epoch(n: usize, batch_size: usize, seed: Seed, epoch: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..n).collect();
    order.shuffle(&mut seed.stream(&format!("order of epoch {epoch}")));
    order.chunks(batch_size).map(<[usize]>::to_vec).collect()
}

/// Splits a batch into shards of at most `micro_batch` examples and about equally many tokens:
/// longest first, dealt out back and forth.
pub(crate) fn shards(
    batch: &[usize],
    encodings: &[Encoding],
    micro_batch: usize,
) -> Vec<Vec<usize>> {
    let count = batch.len().div_ceil(micro_batch);
    let mut shards = vec![Vec::with_capacity(micro_batch); count];
    for (place, i) in longest_first(batch, encodings).into_iter().enumerate() {
        let (round, seat) = (place / count, place % count);
        let shard = if round % 2 == 0 {
            seat
        } else {
            count - 1 - seat
        };
        shards[shard].push(i);
    }
    shards
}

/// All examples, like lengths together, in groups of `batch_size`: for evaluation.
pub(crate) fn by_length(encodings: &[Encoding], batch_size: usize) -> Vec<Vec<usize>> {
    let all: Vec<usize> = (0..encodings.len()).collect();
    let order = longest_first(&all, encodings);
    order.chunks(batch_size).map(<[usize]>::to_vec).collect()
}

fn longest_first(indices: &[usize], encodings: &[Encoding]) -> Vec<usize> {
    let mut order = indices.to_vec();
    order.sort_by_key(|&i| (std::cmp::Reverse(encodings[i].len()), i));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encodings(lengths: &[usize]) -> Vec<Encoding> {
        let of_length = |&n: &usize| Encoding {
            input_ids: vec![5; n],
            token_type_ids: vec![0; n],
        };
        lengths.iter().map(of_length).collect()
    }

    #[test]
    fn an_epoch_has_every_example_once() {
        let batches = epoch(10, 4, Seed(1), 0);
        assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 2]);
        let mut all = batches.concat();
        all.sort();
        assert_eq!(all, (0..10).collect::<Vec<_>>());
        assert_eq!(batches, epoch(10, 4, Seed(1), 0));
        assert_ne!(batches, epoch(10, 4, Seed(1), 1));
        assert_ne!(batches, epoch(10, 4, Seed(2), 0));
    }

    #[test]
    fn shards_are_balanced_in_tokens() {
        let encodings = encodings(&[1, 2, 3, 4, 5, 6, 7, 8, 9]);
        let batch: Vec<usize> = (0..8).collect();
        let shards = shards(&batch, &encodings, 4);
        let tokens = |s: &Vec<usize>| s.iter().map(|&i| encodings[i].len()).sum::<usize>();
        assert_eq!(shards.iter().map(tokens).collect::<Vec<_>>(), [18, 18]);
        assert!(shards.iter().all(|s| s.len() == 4));
    }

    #[test]
    fn no_shard_is_larger_than_asked() {
        for n in 1..40 {
            let encodings = encodings(&vec![3; n]);
            let batch: Vec<usize> = (0..n).collect();
            let shards = shards(&batch, &encodings, 7);
            assert!(shards.iter().all(|s| (1..=7).contains(&s.len())));
            let mut all = shards.concat();
            all.sort();
            assert_eq!(all, batch);
        }
    }
}
