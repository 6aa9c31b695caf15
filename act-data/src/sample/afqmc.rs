//! Question pairs about money products: the same intent about the same product, or not.
//!
//! Whether two texts agree is a relation, which an encoder without pre-training finds hard to
//! begin with. So positives prefer some intents and products, which lets it first learn to tell
//! them apart and then to compare them; the preference alone is worth little.

use super::Fields;
use super::grammar::{Dice, Grammar};

/// Share of negatives that differ in the intent or in the product only, not in both.
const NEAR_MISSES: f64 = 0.5;
/// Probability that a positive pair is drawn from the first half of the intents.
const PREFERENCE: f64 = 0.75;
/// Probability of a polite opening and of a particle at the end.
const DECORATION: f64 = 0.3;

pub(super) struct Afqmc {
    grammar: Grammar,
    products: Vec<&'static str>,
    intents: Vec<&'static str>,
}

impl Afqmc {
    pub(super) fn new() -> Self {
        let grammar = Grammar::parse(include_str!("afqmc.txt"));
        let (products, intents) = (grammar.names("product."), grammar.names("intent."));
        Self {
            grammar,
            products,
            intents,
        }
    }

    pub(super) fn draw(&self, dice: &mut Dice, class: usize) -> Fields {
        let (products, intents) = (self.products.len(), self.intents.len());
        let product = dice.below(products);
        let preferred = class == 1 && dice.chance(PREFERENCE);
        let intent = dice.below(if preferred { intents / 2 } else { intents });
        let (mut product2, mut intent2) = (product, intent);
        if class == 0 {
            let near = dice.chance(NEAR_MISSES);
            let in_product = dice.chance(0.5);
            if !near || in_product {
                product2 = dice.other(products, product);
            }
            if !near || !in_product {
                intent2 = dice.other(intents, intent);
            }
        }
        Fields::Pair {
            sentence1: self.question(dice, product, intent),
            sentence2: self.question(dice, product2, intent2),
        }
    }

    fn question(&self, dice: &mut Dice, product: usize, intent: usize) -> String {
        let product = self.grammar.expand(self.products[product], dice, &[]);
        let mut text = self
            .grammar
            .expand(self.intents[intent], dice, &[("p", &product)]);
        if dice.chance(DECORATION) {
            text = self.grammar.expand("lead", dice, &[]) + &text;
        }
        if dice.chance(DECORATION) {
            text += &self.grammar.expand("tail", dice, &[]);
        }
        text
    }
}
