//! Texts on which models are compared with the base, and what they say of one.

use std::path::Path;

use act_core::metrics::normal_quantile;
use act_core::{Result, Silent};
use act_data::Dataset;
use act_eval::evaluation::Answers;
use act_eval::model::Model;
use act_eval::paired;
use act_stage::Context;

/// Sequences that are computed together.
const BATCH: usize = 32;

/// Texts, and where the base is right on them.
pub struct Jury {
    /// The texts.
    pub data: Dataset,
    groups: Vec<Vec<usize>>,
    base: Vec<bool>,
    threads: usize,
}

/// What a model has lost against the base, in points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lost {
    /// On these texts; negative if it is better.
    pub points: f64,
    /// The most that it can have lost, but with the probability that was asked for.
    pub most: f64,
    /// Standard deviation of one text's loss.
    deviation: f64,
    /// Texts.
    pub n: usize,
}

impl Jury {
    /// Lets the base answer.
    ///
    /// # Errors
    /// Those of reading the model; usage: a text without its answer.
    pub fn new(data: Dataset, base: &Path, threads: usize, context: &Context) -> Result<Self> {
        let groups = data.groups();
        let base = right(&data, base, threads, context)?;
        Ok(Self {
            data,
            groups,
            base,
            threads,
        })
    }

    /// Number of texts.
    pub fn len(&self) -> usize {
        self.base.len()
    }

    /// True without any.
    pub fn is_empty(&self) -> bool {
        self.base.is_empty()
    }

    /// Compares a model with the base; `alpha` is how often the bound may fail.
    ///
    /// # Errors
    /// Those of reading the model.
    pub fn lost(&self, model: &Path, alpha: f64, context: &Context) -> Result<Lost> {
        let model = right(&self.data, model, self.threads, context)?;
        let n = self.len() as f64;
        let losses = self.base.iter().zip(&model);
        let losses = losses.map(|(&base, &model)| f64::from(base) - f64::from(model));
        let (sum, squares) = losses.fold((0.0, 0.0), |(s, q), loss| (s + loss, q + loss * loss));
        let mean = sum / n;
        Ok(Lost {
            points: 100.0 * mean,
            most: 100.0 * paired::most_lost(&model, &self.base, &self.groups, alpha),
            deviation: 100.0 * (squares / n - mean * mean).max(0.0).sqrt(),
            n: self.len(),
        })
    }
}

impl Lost {
    /// What the bound would be on `n` other texts, if the loss were this.
    pub fn predicted(&self, n: usize, alpha: f64) -> f64 {
        self.points + normal_quantile(1.0 - alpha) * self.deviation / (n as f64).sqrt()
    }

    /// True if even a lucky guess of the loss is more than so many points.
    pub fn is_hopeless(&self, most: f64) -> bool {
        let lucky = normal_quantile(0.95) * self.deviation / (self.n as f64).sqrt();
        self.points - lucky > most
    }
}

/// On which texts a model is right.
fn right(data: &Dataset, path: &Path, threads: usize, context: &Context) -> Result<Vec<bool>> {
    let model = Model::new(context.read_artifact(path)?, "model", threads)?;
    let encoded = data.encode(&model.tokenizer)?;
    let answers = Answers::collect(&model, data, &encoded.encodings, BATCH, &Silent)?;
    Ok(answers.correct())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_try_fits_by_what_the_judge_would_say_and_is_hopeless_beyond_chance() {
        let lost = |points, n| Lost {
            points,
            most: 0.0,
            deviation: 30.0,
            n,
        };
        // 30 / sqrt(10000) is 0.3 points; 1.645 of them are 0.49.
        assert!((lost(0.1, 400).predicted(10_000, 0.05) - 0.5935).abs() < 1e-3);
        assert!(!lost(2.0, 900).is_hopeless(0.5), "1.645 points are chance");
        assert!(lost(2.2, 900).is_hopeless(0.5));
        assert!(!lost(-1.0, 900).is_hopeless(0.5));
    }
}
