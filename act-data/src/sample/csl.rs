//! Keywords and abstracts (csl): all the abstract's own, or some that are not.

use super::fields::Fields;
use super::grammar::{Dice, Grammar};

/// Share of false keywords that are common words of any abstract; the rest are another field's
/// terms, or terms of the same field that this abstract lacks.
const GENERIC: f64 = 0.65;
/// Share of the rest that are the same field's: told only by looking for them in the abstract.
const SAME_FIELD: f64 = 0.2;

pub(super) struct Csl {
    grammar: Grammar,
    fields: Vec<Field>,
}

struct Field {
    topics: Vec<&'static str>,
    terms: Vec<&'static str>,
}

impl Csl {
    pub(super) fn new() -> Self {
        let grammar = Grammar::parse(include_str!("csl.txt"));
        let field = |name: &&'static str| {
            let line = grammar.list(name).first().copied().unwrap_or_default();
            let (topics, terms) = line.split_once(" : ").unwrap_or((line, line));
            Field {
                topics: topics.split('/').collect(),
                terms: terms.split('、').collect(),
            }
        };
        let fields = grammar.names("field.").iter().map(field).collect();
        Self { grammar, fields }
    }

    pub(super) fn draw(&self, dice: &mut Dice, class: usize) -> Fields {
        let own = dice.below(self.fields.len());
        let field = &self.fields[own];
        let topic = dice.pick(&field.topics);
        // Four of the terms are the abstract's, the rest are not.
        let mut terms = field.terms.clone();
        for i in 0..terms.len() {
            let j = i + dice.below(terms.len() - i);
            terms.swap(i, j);
        }
        let names = ["t1", "t2", "t3", "t4"];
        let mut bound: Vec<(&str, &str)> = names.into_iter().zip(terms.iter().copied()).collect();
        bound.push(("topic", topic));
        let abst = self.grammar.expand("abstract", dice, &bound);

        let mut keyword: Vec<&str> = vec![topic, terms[0], terms[1], terms[2]];
        if class == 0 {
            let wrong = 1 + dice.below(2);
            for i in 0..wrong {
                let place = 1 + (dice.below(3) + i) % 3;
                keyword[place] = self.false_keyword(dice, own, &terms[names.len()..]);
            }
        }
        Fields::Keywords {
            abst,
            keyword: keyword.into_iter().map(String::from).collect(),
        }
    }

    fn false_keyword(&self, dice: &mut Dice, own: usize, absent: &[&'static str]) -> &'static str {
        if dice.chance(GENERIC) {
            return dice.pick(self.grammar.list("generic"));
        }
        if dice.chance(SAME_FIELD) {
            return dice.pick(absent);
        }
        let other = dice.other(self.fields.len(), own);
        dice.pick(&self.fields[other].terms)
    }
}
