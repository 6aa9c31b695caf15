//! Texts to ids, on several threads where there are many.

use std::panic::resume_unwind;
use std::thread;

use act_core::{Encoding, Error, Result};

use crate::engine::Engine;

/// Bytes of text that are worth another thread to make ids of them: with fewer, starting it takes
/// longer than it saves.
const WORTH_A_THREAD: usize = 1 << 15;

/// A text or a pair as ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// What the model is given.
    pub encoding: Encoding,
    /// Tokens before anything was cut, special tokens counted.
    pub tokens: usize,
}

impl Engine {
    /// Ids of texts, each alone or with the second of a pair, cut at [`Engine::max_tokens`]. They are made
    /// on the engine's threads where there is enough to do for them.
    ///
    /// ```
    /// # let artifact = act_core::testing::tiny_artifact(1, &Default::default());
    /// # let engine = act_infer::Engine::new(artifact)?;
    /// let texts = engine.encode(&[("花呗怎么还款", Some("花呗可以提前还款吗"))])?;
    /// assert_eq!(texts[0].encoding.token_type_ids.last(), Some(&1));
    /// if texts[0].tokens > engine.max_tokens() {
    ///     println!("cut to {} tokens", texts[0].encoding.len());
    /// }
    /// # Ok::<(), act_infer::Error>(())
    /// ```
    ///
    /// # Errors
    /// Usage: one text for a model that takes two, or the other way round. Rejected: a tokenizer that
    /// cannot be built.
    pub fn encode(&self, texts: &[(&str, Option<&str>)]) -> Result<Vec<Encoded>> {
        self.encode_all(texts, |&text| text)
    }

    /// As [`Engine::encode`], of whatever `parts` takes apart.
    pub(crate) fn encode_all<T: Sync>(
        &self,
        texts: &[T],
        parts: impl Fn(&T) -> (&str, Option<&str>) + Copy + Send,
    ) -> Result<Vec<Encoded>> {
        self.check_number(texts.iter().map(|text| parts(text).1.is_some()))?;
        let tokenizer = self.tokenizer()?;
        let encode = move |share: &[T]| -> Result<Vec<Encoded>> {
            let texts = share.iter().map(parts);
            let encoded = texts.map(|(text, pair)| {
                let (encoding, tokens) = tokenizer.encode_whole(text, pair)?;
                Ok(Encoded { encoding, tokens })
            });
            encoded.collect()
        };
        let lengths = texts.iter().map(parts);
        let bytes: usize = lengths.map(|(a, b)| a.len() + b.map_or(0, str::len)).sum();
        let threads = (bytes / WORTH_A_THREAD).clamp(1, self.threads());
        let mut shares = texts.chunks(texts.len().div_ceil(threads).max(1));
        let own = shares.next().unwrap_or_default();
        thread::scope(|scope| {
            let others: Vec<_> = shares
                .map(|share| scope.spawn(move || encode(share)))
                .collect();
            let mut encoded = encode(own)?;
            for other in others {
                let share = other.join().unwrap_or_else(|panic| resume_unwind(panic));
                encoded.extend(share?);
            }
            Ok(encoded)
        })
    }

    /// Refuses a pair where the model takes one text, and one text where it takes two: it would answer,
    /// and mean nothing by it.
    fn check_number(&self, pairs: impl Iterator<Item = bool>) -> Result<()> {
        let Some(takes) = self.task().takes_pairs() else {
            return Ok(());
        };
        match pairs.enumerate().find(|&(_, pair)| pair != takes) {
            None => Ok(()),
            Some((i, true)) => Err(Error::usage(format!(
                "text {i} is a pair, and the model takes one text"
            ))),
            Some((i, false)) => Err(Error::usage(format!(
                "text {i} is one text, and the model takes two: give it with the second of its pair"
            ))),
        }
    }
}
