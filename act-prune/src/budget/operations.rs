//! Multiply-adds as a cost: a clock that every machine agrees on, for comparisons between methods.
//!
//! Counted are the encoder's products that act-infer really computes: of the last layer, all but
//! keys and values only for the classified position. No target of the stage uses them.

use act_core::{Encoding, LayerPlan, Plan, Result};

use super::cost::{Cost, EXACT, Tolerance};

/// Multiply-adds of an encoder, the mean over sequences of given lengths.
pub struct Operations {
    /// Tokens of a sequence.
    tokens: f64,
    /// Pairs of tokens.
    pairs: f64,
}

impl Operations {
    /// For sequences like `encodings`.
    pub fn new(encodings: &[Encoding]) -> Self {
        let sequences = encodings.len().max(1) as f64;
        let lengths = || encodings.iter().map(|e| e.len() as f64);
        Self {
            tokens: lengths().sum::<f64>() / sequences,
            pairs: lengths().map(|n| n * n).sum::<f64>() / sequences,
        }
    }

    /// Of one head, four projections, scores and context; of one neuron, a row and a column.
    fn of_layer(&self, layer: &LayerPlan, hidden: f64, last: bool) -> f64 {
        let (asking, pairs) = if last {
            (1.0, self.tokens)
        } else {
            (self.tokens, self.pairs)
        };
        let width = layer.head_dim as f64;
        let head = width * (2.0 * hidden * (asking + self.tokens) + 2.0 * pairs);
        let neuron = 2.0 * hidden * asking;
        layer.heads() as f64 * head + layer.intermediate_size as f64 * neuron
    }
}

impl Cost for Operations {
    fn predict(&self, plan: &Plan) -> f64 {
        let layers = plan.layers.iter().enumerate().map(|(l, layer)| {
            let last = l + 1 == plan.layers.len();
            self.of_layer(layer, plan.hidden_size as f64, last)
        });
        layers.sum()
    }

    fn measure(&mut self, plan: &Plan) -> Result<f64> {
        Ok(self.predict(plan))
    }

    fn tolerance(&self) -> Tolerance {
        EXACT
    }
}

#[cfg(test)]
mod tests {
    use act_core::testing::{TinyOptions, tiny_artifact};
    use proptest::prelude::*;

    use super::super::Allocation;
    use super::*;
    use crate::importance::LayerScores;

    fn plan() -> Plan {
        tiny_artifact(1, &TinyOptions::default()).plan
    }

    /// Two sequences, of 3 and of 5 tokens.
    fn operations() -> Operations {
        let of_length = |n| Encoding {
            input_ids: vec![7; n],
            token_type_ids: vec![0; n],
        };
        Operations::new(&[3, 5].map(of_length))
    }

    /// Two layers of hidden size 8: 2 heads of 4 and 12 neurons; 1 head of 4 and 7 neurons.
    #[test]
    fn operations_are_those_of_the_products() {
        // 4 tokens on average, 17 pairs: 4 projections of 4 x 8 a token, 2 x 4 a pair.
        let first = 2.0 * (4.0 * 32.0 * 4.0 + 2.0 * 4.0 * 17.0) + 12.0 * (2.0 * 8.0 * 4.0);
        // The last layer: query and output for one token, that looks at 4.
        let last = 2.0 * 32.0 * (1.0 + 4.0) + 2.0 * 4.0 * 4.0 + 7.0 * (2.0 * 8.0);
        assert_eq!(operations().predict(&plan()), first + last);
    }

    proptest! {
        #[test]
        fn allocation_stays_within_its_share(
            scores in prop::collection::vec(0.0f64..1.0, 22),
            share in 0.0f64..1.0,
        ) {
            let (plan, cost) = (plan(), operations());
            let layers = [
                LayerScores { heads: scores[..2].to_vec(), neurons: scores[2..14].to_vec() },
                LayerScores { heads: scores[14..15].to_vec(), neurons: scores[15..].to_vec() },
            ];
            let allocation = Allocation::new(&plan, &layers, &cost);
            let limit = share * cost.predict(&plan);
            match allocation.within(limit) {
                Some(found) => {
                    prop_assert!(cost.predict(&found.plan) <= limit * (1.0 + 1e-12));
                    prop_assert!(found.plan.layers.iter().any(|l| l.heads() > 0));
                    prop_assert!(found.loss <= allocation.importance() + 1e-12);
                }
                None => prop_assert!(limit < 1.01 * allocation.smallest().unwrap().cost + 1.0),
            }
        }
    }
}
