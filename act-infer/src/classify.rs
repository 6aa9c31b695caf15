//! Texts in, labels and probabilities out.

use act_core::{Batch, Encoding, Error, Result, Target, metrics};

use crate::encode::Encoded;
use crate::engine::Engine;

/// The answer for one text or pair.
#[derive(Debug, Clone, PartialEq)]
pub struct Classification {
    /// Index of the most probable class; of a regression 0.
    pub class: usize,
    /// Its label; of a regression the name of its score.
    pub label: String,
    /// What the text is given: the one label; of several those whose probability reaches their threshold,
    /// maybe none; none of a regression.
    pub labels: Vec<String>,
    /// The score of a regression.
    pub score: Option<f32>,
    /// One number a class: softmax of the logits, of several labels the logistic function of each; none of
    /// a regression.
    pub probabilities: Vec<f32>,
    /// The class scores.
    pub logits: Vec<f32>,
    /// Tokens of the text as it was given, special tokens counted. Where they are more than
    /// [`Engine::max_tokens`], the text was cut, and this is the answer to what was left of it.
    pub tokens: usize,
}

impl Engine {
    /// Classifies texts, all of them as one batch. A text longer than the model takes is cut as its
    /// tokenizer says, and the answer says so: [`Classification::tokens`].
    ///
    /// # Errors
    /// Usage: the model takes two texts.
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
        self.classify_encoded(&self.encode_all(texts, |&text| (text, None))?)
    }

    /// Classifies pairs of texts, as [`Engine::classify`].
    ///
    /// # Errors
    /// Usage: the model takes one text.
    ///
    /// ```
    /// # let artifact = act_core::testing::tiny_artifact(1, &Default::default());
    /// # let engine = act_infer::Engine::new(artifact)?;
    /// let answers = engine.classify_pairs(&[("花呗怎么还款", "花呗可以提前还款吗")])?;
    /// assert_eq!(answers[0].label, engine.task().labels[answers[0].class]);
    /// # Ok::<(), act_infer::Error>(())
    /// ```
    pub fn classify_pairs(&self, pairs: &[(&str, &str)]) -> Result<Vec<Classification>> {
        self.classify_encoded(&self.encode_all(pairs, |&(a, b)| (a, Some(b)))?)
    }

    /// Classifies what [`Engine::encode`] has made, of one call or of several.
    ///
    /// # Errors
    /// As [`Engine::classify_encodings`].
    pub fn classify_encoded(&self, texts: &[Encoded]) -> Result<Vec<Classification>> {
        let logits = self.forward(&Batch::new(texts.iter().map(|text| &text.encoding)))?;
        let answers = logits.into_iter().zip(texts);
        answers
            .map(|(logits, text)| self.classification(logits, text.tokens))
            .collect()
    }

    /// Classifies ids that somebody else has made. Errors as [`Engine::forward`], and on scores that are
    /// not finite (a model with broken weights).
    pub fn classify_encodings(&self, encodings: &[Encoding]) -> Result<Vec<Classification>> {
        let logits = self.forward(&Batch::new(encodings))?;
        let answers = logits.into_iter().zip(encodings);
        answers
            .map(|(logits, encoding)| self.classification(logits, encoding.len()))
            .collect()
    }

    fn classification(&self, logits: Vec<f32>, tokens: usize) -> Result<Classification> {
        if !logits.iter().all(|x| x.is_finite()) {
            return Err(Error::failed(
                "the model's scores are not finite: its weights are broken",
            ));
        }
        let task = self.task();
        let name = |class: usize| match task.labels.get(class) {
            Some(label) => label.clone(),
            None => class.to_string(),
        };
        let class = metrics::argmax(&logits);
        let (labels, score) = match task.problem.answer(&logits) {
            Target::Class(class) => (vec![name(class as usize)], None),
            Target::Classes(classes) => (classes.iter().map(|&c| name(c as usize)).collect(), None),
            Target::Score(score) => (Vec::new(), Some(score as f32)),
        };
        Ok(Classification {
            class,
            label: name(class),
            labels,
            score,
            probabilities: task.problem.probabilities(&logits),
            logits,
            tokens,
        })
    }
}
