//! Texts in, labels and probabilities out.

use std::panic::resume_unwind;
use std::thread;

use act_core::{Batch, Encoding, Error, Result, Tokenizer, metrics};

use crate::engine::Engine;

/// The answer for one text or pair.
#[derive(Debug, Clone, PartialEq)]
pub struct Classification {
    /// Index of the most probable class.
    pub class: usize,
    /// Its label.
    pub label: String,
    /// Softmax of the logits, one number a class.
    pub probabilities: Vec<f32>,
    /// The class scores.
    pub logits: Vec<f32>,
}

/// Bytes of text that are worth another thread to make ids of them: with fewer, starting it takes
/// longer than it saves.
const WORTH_A_THREAD: usize = 1 << 15;

impl Engine {
    /// Classifies texts, all of them as one batch. A text longer than the model takes is cut.
    ///
    /// ```
    /// # let artifact = act_core::testing::tiny_artifact(1, &Default::default());
    /// # let engine = act_infer::Engine::new(artifact)?;
    /// let answers = engine.classify(&["花呗怎么还款", "可以提前还吗"])?;
    /// let best = &answers[0];
    /// println!("{} ({:.1} %)", best.label, 100.0 * best.probabilities[best.class]);
    /// # Ok::<(), act_infer::Error>(())
    /// ```
    pub fn classify(&self, texts: &[&str]) -> Result<Vec<Classification>> {
        self.classify_encodings(&self.encode(texts, |&text| (text, None))?)
    }

    /// Classifies pairs of texts.
    ///
    /// ```
    /// # let artifact = act_core::testing::tiny_artifact(1, &Default::default());
    /// # let engine = act_infer::Engine::new(artifact)?;
    /// let answers = engine.classify_pairs(&[("花呗怎么还款", "花呗可以提前还款吗")])?;
    /// assert_eq!(answers[0].label, engine.task().labels[answers[0].class]);
    /// # Ok::<(), act_infer::Error>(())
    /// ```
    pub fn classify_pairs(&self, pairs: &[(&str, &str)]) -> Result<Vec<Classification>> {
        self.classify_encodings(&self.encode(pairs, |&(a, b)| (a, Some(b)))?)
    }

    /// Ids of texts or pairs, made on the engine's threads where there is enough to do for them.
    fn encode<T: Sync>(
        &self,
        texts: &[T],
        parts: impl Fn(&T) -> (&str, Option<&str>) + Copy + Send,
    ) -> Result<Vec<Encoding>> {
        let tokenizer = self.tokenizer()?;
        let lengths = texts.iter().map(parts);
        let bytes: usize = lengths.map(|(a, b)| a.len() + b.map_or(0, str::len)).sum();
        let threads = (bytes / WORTH_A_THREAD).clamp(1, self.threads());
        let encode = move |share: &[T]| encode_all(tokenizer, share.iter().map(parts));
        let mut shares = texts.chunks(texts.len().div_ceil(threads).max(1));
        let own = shares.next().unwrap_or_default();
        thread::scope(|scope| {
            let others: Vec<_> = shares
                .map(|share| scope.spawn(move || encode(share)))
                .collect();
            let mut encodings = encode(own)?;
            for other in others {
                let encoded = other.join().unwrap_or_else(|panic| resume_unwind(panic));
                encodings.extend(encoded?);
            }
            Ok(encodings)
        })
    }

    /// Classifies what is encoded already. Errors as [`Engine::forward`], and on scores that are
    /// not finite (a model with broken weights).
    pub fn classify_encodings(&self, encodings: &[Encoding]) -> Result<Vec<Classification>> {
        let logits = self.forward(&Batch::new(encodings))?;
        logits
            .into_iter()
            .map(|logits| self.classification(logits))
            .collect()
    }

    fn classification(&self, logits: Vec<f32>) -> Result<Classification> {
        if !logits.iter().all(|x| x.is_finite()) {
            return Err(Error::failed(
                "the model's scores are not finite: its weights are broken",
            ));
        }
        let class = metrics::argmax(&logits);
        Ok(Classification {
            class,
            label: match self.task().labels.get(class) {
                Some(label) => label.clone(),
                None => class.to_string(),
            },
            probabilities: metrics::softmax(&logits),
            logits,
        })
    }
}

fn encode_all<'t>(
    tokenizer: &Tokenizer,
    texts: impl Iterator<Item = (&'t str, Option<&'t str>)>,
) -> Result<Vec<Encoding>> {
    texts
        .map(|(text, pair)| tokenizer.encode(text, pair))
        .collect()
}
