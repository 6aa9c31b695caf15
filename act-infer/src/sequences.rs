//! Ragged sequences and their splitting: for threads, for chunks, for blocks.
//!
//! How sequences are split changes speed only, never a result.

use act_core::{Batch, Embeddings};

/// Some consecutive sequences of a batch.
#[derive(Clone, Copy)]
pub(crate) struct Sequences<'a> {
    ids: &'a [u32],
    types: &'a [u32],
    lengths: &'a [usize],
}

impl<'a> Sequences<'a> {
    /// The whole batch; its parts must fit together.
    pub fn of(batch: &'a Batch) -> Self {
        Self {
            ids: &batch.input_ids,
            types: &batch.token_type_ids,
            lengths: &batch.lengths,
        }
    }

    /// Number of sequences.
    pub fn count(&self) -> usize {
        self.lengths.len()
    }

    /// Number of tokens.
    pub fn tokens(&self) -> usize {
        self.ids.len()
    }

    /// The first `count` sequences and the others.
    fn split_at(self, count: usize) -> (Self, Self) {
        let (left, right) = self.lengths.split_at(count);
        let tokens: usize = left.iter().sum();
        let part = |range: std::ops::RangeFrom<usize>, len: usize, lengths| Self {
            ids: &self.ids[range.clone()][..len],
            types: &self.types[range][..len],
            lengths,
        };
        (
            part(0.., tokens, left),
            part(tokens.., self.ids.len() - tokens, right),
        )
    }

    /// Parts of at least one sequence each and at most `limit` tokens, unless one sequence alone
    /// has more.
    pub fn parts(self, limit: usize) -> impl Iterator<Item = Sequences<'a>> {
        let mut rest = self;
        std::iter::from_fn(move || {
            let mut tokens = 0;
            let fitting = rest.lengths.iter().take_while(|&&length| {
                tokens += length;
                tokens <= limit
            });
            let count = fitting.count().max(1).min(rest.count());
            let (part, others) = rest.split_at(count);
            rest = others;
            (count > 0).then_some(part)
        })
    }

    /// At most `count` parts of consecutive sequences with about equally many tokens.
    pub fn shares(self, count: usize) -> impl Iterator<Item = Sequences<'a>> {
        let count = count.clamp(1, self.count().max(1));
        let (all, mut done) = (self.tokens(), 0);
        let mut rest = self;
        let shares = (1..=count).map(move |share| {
            // Up to the sequence that begins where this share ought to end.
            let end = (all as u128 * share as u128 / count as u128) as usize;
            let taken = rest.starts().take_while(|start| done + start < end).count();
            let (part, others) = rest.split_at(taken);
            done += part.tokens();
            rest = others;
            part
        });
        shares.filter(|part| part.count() > 0)
    }

    /// A copy into a batch of its own, whose memory is kept.
    pub fn copy_to(&self, batch: &mut Batch) {
        fn refill<T: Copy>(to: &mut Vec<T>, from: &[T]) {
            to.clear();
            to.extend_from_slice(from);
        }
        refill(&mut batch.input_ids, self.ids);
        refill(&mut batch.token_type_ids, self.types);
        refill(&mut batch.lengths, self.lengths);
    }

    /// Token ids, sequence by sequence.
    pub fn ids(&self) -> &'a [u32] {
        self.ids
    }

    /// Rows of the tables of words, segments and positions of every token.
    pub fn coordinates(
        &self,
        embeddings: &Embeddings,
        pad_id: u32,
    ) -> impl Iterator<Item = (usize, usize, usize)> {
        let sequences = self.starts().zip(self.lengths);
        let sequences = sequences.map(|(start, &length)| &self.ids[start..start + length]);
        let positions = sequences.flat_map(move |ids| embeddings.position_rows(ids, pad_id));
        let tokens = self.ids.iter().zip(self.types);
        tokens
            .zip(positions)
            .map(|((&id, &kind), at)| (id as usize, kind as usize, at))
    }

    /// Tokens of each sequence.
    pub fn lengths(&self) -> &'a [usize] {
        self.lengths
    }

    /// Tokens of the longest sequence.
    pub fn longest(&self) -> usize {
        self.lengths.iter().copied().max().unwrap_or(0)
    }

    /// First token of each sequence.
    pub fn starts(&self) -> impl Iterator<Item = usize> {
        self.lengths.iter().scan(0, |next, length| {
            let start = *next;
            *next += length;
            Some(start)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(lengths: &[usize]) -> Batch {
        let tokens: usize = lengths.iter().sum();
        Batch {
            input_ids: (0..tokens as u32).collect(),
            token_type_ids: vec![0; tokens],
            lengths: lengths.to_vec(),
        }
    }

    fn together(parts: &[Sequences<'_>]) -> (Vec<u32>, Vec<usize>) {
        let ids = parts.iter().flat_map(|p| p.ids).copied().collect();
        (ids, parts.iter().flat_map(|p| p.lengths).copied().collect())
    }

    #[test]
    fn parts_keep_order_and_limit() {
        let batch = batch(&[5, 90, 10, 200, 1, 1]);
        let parts: Vec<_> = Sequences::of(&batch).parts(96).collect();
        assert_eq!(
            together(&parts),
            (batch.input_ids.clone(), batch.lengths.clone())
        );
        let tokens: Vec<_> = parts.iter().map(Sequences::tokens).collect();
        assert_eq!(tokens, [95, 10, 200, 2]);
        assert_eq!(Sequences::of(&batch).parts(usize::MAX).count(), 1);
    }

    #[test]
    fn shares_keep_order_and_are_even() {
        let batch = batch(&[10; 32]);
        for count in 1..40 {
            let shares: Vec<_> = Sequences::of(&batch).shares(count).collect();
            assert_eq!(
                together(&shares),
                (batch.input_ids.clone(), batch.lengths.clone())
            );
            assert!(shares.len() <= count);
            let most = shares.iter().map(Sequences::count).max();
            assert_eq!(most, Some(32usize.div_ceil(count)), "{count} shares");
        }
    }

    #[test]
    fn starts_are_the_sums_before() {
        let batch = batch(&[3, 1, 4]);
        let starts: Vec<_> = Sequences::of(&batch).starts().collect();
        assert_eq!(starts, [0, 3, 4]);
    }
}
