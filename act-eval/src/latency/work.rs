//! What a setting computes, round by round: batches drawn from the data, or full ones of random ids.

use act_core::{Batch, Encoding, Result, Seed};
use act_data::Example;
use rand::Rng;
use rand::seq::SliceRandom;

use super::setting::{Contestant, Lengths, Setting};
use crate::model::Model;

/// Different batches before the first comes again.
const BATCHES: usize = 64;

/// What one round computes.
pub(crate) struct Work<'a> {
    batch: Batch,
    /// The texts behind it, where tokenising is part of the work.
    texts: Vec<&'a Example>,
}

impl Work<'_> {
    /// The token ids.
    pub(crate) fn batch(&self) -> &Batch {
        &self.batch
    }

    /// Tokens of the longest sequence.
    pub(super) fn longest(&self) -> usize {
        self.batch.lengths.iter().copied().max().unwrap_or(0)
    }

    /// Computes it once.
    pub(super) fn run(&self, model: &Model) -> Result<()> {
        if self.texts.is_empty() {
            return model.engine.forward(&self.batch).map(drop);
        }
        let encode = |e: &&Example| model.tokenizer.encode(&e.text, e.pair.as_deref());
        let encodings: Vec<Encoding> = self.texts.iter().map(encode).collect::<Result<_>>()?;
        model.engine.forward(&Batch::new(&encodings)).map(drop)
    }
}

/// The batches of a setting. Examples are drawn in an order that the seed alone decides: a file
/// sorted by class or length would give batches that no server sees.
pub(crate) fn draw<'a>(setting: Setting, contestant: &Contestant<'a>, seed: Seed) -> Vec<Work<'a>> {
    let examples = contestant.encodings;
    let mut rng = seed.stream("act-eval latency");
    if let Lengths::Fixed(seq) = setting.lengths {
        let plan = &contestant.model.plan;
        let full: Vec<Encoding> = (0..setting.batch)
            .map(|_| Encoding {
                input_ids: (0..seq)
                    .map(|_| {
                        token(
                            rng.random_range(0..plan.embeddings.vocab_size as u32),
                            contestant.model,
                        )
                    })
                    .collect(),
                token_type_ids: vec![0; seq],
            })
            .collect();
        return vec![Work {
            batch: Batch::new(&full),
            texts: Vec::new(),
        }];
    }
    let mut order: Vec<usize> = (0..examples.len()).collect();
    order.shuffle(&mut rng);
    // Fewer examples than a batch has come again; no example at all leaves no batch.
    let count = examples.len().div_ceil(setting.batch).min(BATCHES);
    let mut drawn = order.iter().cycle().copied();
    (0..count)
        .map(|_| {
            let drawn: Vec<usize> = drawn.by_ref().take(setting.batch).collect();
            let encodings: Vec<&Encoding> = drawn.iter().map(|&i| &examples[i]).collect();
            let texts = if setting.tokenizing {
                drawn.iter().map(|&i| &contestant.examples[i]).collect()
            } else {
                Vec::new()
            };
            let batch = match setting.lengths {
                Lengths::Longest => Batch::new(&filled_up(&encodings)),
                _ => Batch::new(encodings),
            };
            Work { batch, texts }
        })
        .collect()
}

/// A padding id would be skipped, not computed.
fn token(id: u32, model: &Model) -> u32 {
    if id == model.pad_id {
        (id + 1) % model.plan.embeddings.vocab_size.max(1) as u32
    } else {
        id
    }
}

/// Sequences filled up to the longest with their own tokens, so that the work is that of an engine
/// which computes its padding.
fn filled_up(batch: &[&Encoding]) -> Vec<Encoding> {
    let longest = batch.iter().map(|e| e.len()).max().unwrap_or(0);
    let fill = |ids: &[u32]| ids.iter().copied().cycle().take(longest).collect();
    batch
        .iter()
        .map(|e| Encoding {
            input_ids: fill(&e.input_ids),
            token_type_ids: fill(&e.token_type_ids),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use act_core::testing::{TinyOptions, tiny_artifact};

    use super::*;

    /// Sequences of 1 to 9 tokens, told apart by their first id.
    fn encodings(n: u32) -> Vec<Encoding> {
        let encoding = |i: u32| Encoding {
            input_ids: vec![5 + i; 1 + i as usize % 9],
            token_type_ids: vec![0; 1 + i as usize % 9],
        };
        (0..n).map(encoding).collect()
    }

    fn batches_of(lengths: Lengths, batch: usize, encodings: &[Encoding]) -> Vec<Batch> {
        let model = Model::new(tiny_artifact(1, &TinyOptions::default()), "tiny", 1).unwrap();
        let contestant = Contestant {
            model: &model,
            encodings,
            examples: &[],
        };
        let setting = Setting {
            batch,
            lengths,
            tokenizing: false,
        };
        let work = draw(setting, &contestant, Seed(42));
        work.into_iter().map(|w| w.batch).collect()
    }

    #[test]
    fn fixed_batches_are_full_and_hold_no_padding() {
        let made = batches_of(Lengths::Fixed(30), 8, &[]);
        assert_eq!(made.len(), 1);
        assert_eq!(made[0].lengths, [30; 8]);
        assert!(made[0].input_ids.iter().all(|&id| id != 0 && id < 128));
    }

    #[test]
    fn own_lengths_are_kept_and_every_example_comes() {
        let examples = encodings(10);
        let made = batches_of(Lengths::Own, 4, &examples);
        assert!(made.iter().all(|b| b.sequences() == 4));
        let firsts = made.iter().flat_map(|b| {
            let starts = b.lengths.iter().scan(0, |at, n| {
                *at += n;
                Some(*at - n)
            });
            starts.map(|at| b.input_ids[at]).collect::<Vec<_>>()
        });
        let mut seen: Vec<u32> = firsts.collect();
        assert_ne!(seen, (5..17).collect::<Vec<_>>(), "file order");
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, (5..15).collect::<Vec<_>>());
    }

    #[test]
    fn padding_fills_the_same_batches_up_to_their_longest() {
        let examples = encodings(40);
        let own = batches_of(Lengths::Own, 4, &examples);
        let longest = batches_of(Lengths::Longest, 4, &examples);
        for (own, longest) in own.iter().zip(&longest) {
            let most = *own.lengths.iter().max().unwrap();
            assert_eq!(longest.lengths, [most; 4]);
            assert!(
                own.input_ids
                    .iter()
                    .all(|id| longest.input_ids.contains(id))
            );
        }
    }

    #[test]
    fn fewer_examples_than_a_batch_come_again() {
        let made = batches_of(Lengths::Own, 32, &encodings(3));
        assert_eq!(made.iter().map(Batch::sequences).collect::<Vec<_>>(), [32]);
    }
}
