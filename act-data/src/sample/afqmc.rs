//! Question pairs about money products: the same intent about the same product, or not.
//!
//! Whether two texts agree is a relation: no word of its own tells anything about the label, and
//! an encoder without pre-training may not begin to learn it at all. So there is an easy stair to
//! it: positives lean to some intents and negatives to others, which makes the encoder tell
//! intents apart; many positives repeat the wording and most negatives share no word, which makes
//! it compare. (Measured with 4 layers of width 128: without the stair 50 % after 1,100 steps.)

use super::fields::Fields;
use super::grammar::{Dice, Grammar};

/// Share of negatives that differ in the intent or in the product only, not in both.
const NEAR_MISSES: f64 = 0.3;
/// Share of positives that ask in the same words but for the product's name and the decoration.
const SAME_WORDS: f64 = 0.6;
/// How much positives lean to the first intents and negatives to the last; 1 is not at all.
const LEAN: f64 = 2.0;
/// Probability of a polite opening and of a particle at the end.
const DECORATION: f64 = 0.25;

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
        let lean = dice.lean(intents, LEAN);
        let intent = if class == 1 { lean } else { intents - 1 - lean };
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
        let words = self.words(dice, intent);
        let words2 = if class == 1 && dice.chance(SAME_WORDS) {
            words
        } else {
            self.words(dice, intent2)
        };
        Fields::Pair {
            sentence1: self.question(dice, product, words),
            sentence2: self.question(dice, product2, words2),
        }
    }

    fn words(&self, dice: &mut Dice, intent: usize) -> &'static str {
        self.grammar.alternative(self.intents[intent], dice)
    }

    fn question(&self, dice: &mut Dice, product: usize, words: &str) -> String {
        let product = self.grammar.expand(self.products[product], dice, &[]);
        let mut text = self.grammar.fill(words, dice, &[("p", &product)]);
        if dice.chance(DECORATION) {
            text = self.grammar.expand("lead", dice, &[]) + &text;
        }
        if dice.chance(DECORATION) {
            text += &self.grammar.expand("tail", dice, &[]);
        }
        text
    }
}
