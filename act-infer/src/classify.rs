//! Texts in, labels and probabilities out.

use act_core::{Batch, Encoding, Error, Result, metrics};

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
        let tokenizer = self.tokenizer()?;
        let encodings = texts.iter().map(|text| tokenizer.encode(text, None));
        self.classify_encodings(&encodings.collect::<Result<Vec<_>>>()?)
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
        let tokenizer = self.tokenizer()?;
        let encodings = pairs.iter().map(|(a, b)| tokenizer.encode(a, Some(b)));
        self.classify_encodings(&encodings.collect::<Result<Vec<_>>>()?)
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
