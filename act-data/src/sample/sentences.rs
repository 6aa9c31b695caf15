//! Single sentences: headlines (tnews) and app descriptions (iflytek).

use super::fields::Fields;
use super::grammar::{Dice, Grammar};

/// Share of headlines that several classes could carry.
const MIXED: f64 = 0.06;
/// Probability of an opening, and of a comment at the end, that say nothing of the class.
const DECORATION: f64 = 0.8;
/// Probability that one of an app's three features is another class's.
const BORROWED: f64 = 0.35;

/// Headlines; a class's rules bear its code.
pub(super) struct Tnews {
    grammar: Grammar,
    mixed: Vec<&'static str>,
    classes: Vec<String>,
}

impl Tnews {
    pub(super) fn new(classes: &[String]) -> Self {
        let grammar = Grammar::parse(include_str!("tnews.txt"));
        let mixed = grammar.names("mixed.");
        Self {
            grammar,
            mixed,
            classes: classes.to_vec(),
        }
    }

    pub(super) fn draw(&self, dice: &mut Dice, class: usize) -> Fields {
        let rule = if dice.chance(MIXED) {
            dice.pick(&self.mixed)
        } else {
            self.classes[class].as_str()
        };
        let mut sentence = self.grammar.expand(rule, dice, &[]);
        if dice.chance(DECORATION) {
            sentence = self.grammar.expand("lead", dice, &[]) + &sentence;
        }
        if dice.chance(DECORATION) {
            sentence += &self.grammar.expand("tail", dice, &[]);
        }
        Fields::Sentence { sentence }
    }
}

/// App descriptions; a class's rule is `CODE NAME = feature | feature ...`.
pub(super) struct Iflytek {
    grammar: Grammar,
    classes: Vec<&'static str>,
}

impl Iflytek {
    pub(super) fn new(classes: &[String]) -> Self {
        let grammar = Grammar::parse(include_str!("iflytek.txt"));
        let rule = |code: &String| grammar.names(&format!("{code} "));
        let classes = classes.iter().flat_map(rule).collect();
        Self { grammar, classes }
    }

    pub(super) fn draw(&self, dice: &mut Dice, class: usize) -> Fields {
        let features = self.grammar.list(self.classes[class]);
        let first = dice.below(features.len());
        let step = 1 + dice.below(features.len() - 1);
        let mut chosen = [0, 1, 2].map(|i| features[(first + i * step) % features.len()]);
        if dice.chance(BORROWED) {
            let other = dice.other(self.classes.len(), class);
            let borrowed = dice.pick(self.grammar.list(self.classes[other]));
            let place = dice.below(chosen.len());
            chosen[place] = borrowed;
        }
        let app = self.grammar.fill("《{first}{second}》", dice, &[]);
        let [k1, k2, k3] = chosen;
        let bound = [("app", app.as_str()), ("k1", k1), ("k2", k2), ("k3", k3)];
        Fields::Sentence {
            sentence: self.grammar.expand("frame", dice, &bound),
        }
    }
}
