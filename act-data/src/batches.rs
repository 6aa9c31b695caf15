//! Batches for evaluation: sorted by length, so that an engine that pads computes little padding.

/// Indices into encodings, batch by batch, every index exactly once. Longest first: the largest
/// batch comes first and shows at once whether memory suffices. Equal lengths keep their order.
pub fn sorted_batches(lengths: &[usize], batch_size: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(lengths[i]));
    order
        .chunks(batch_size.max(1))
        .map(<[usize]>::to_vec)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn longest_first_and_stable() {
        assert_eq!(
            sorted_batches(&[3, 9, 3, 1, 9], 2),
            [vec![1, 4], vec![0, 2], vec![3]]
        );
        assert!(sorted_batches(&[], 4).is_empty());
        assert_eq!(sorted_batches(&[1, 2], 0), [vec![1], vec![0]]);
    }

    proptest! {
        #[test]
        fn every_index_once(lengths in prop::collection::vec(0usize..50, 0..100), size in 1usize..9) {
            let batches = sorted_batches(&lengths, size);
            let flat: Vec<usize> = batches.concat();
            let mut sorted = flat.clone();
            sorted.sort_unstable();
            prop_assert_eq!(sorted, (0..lengths.len()).collect::<Vec<_>>());
            prop_assert!(flat.windows(2).all(|w| lengths[w[0]] >= lengths[w[1]]));
            prop_assert!(batches.iter().rev().skip(1).all(|b| b.len() == size));
        }
    }
}
