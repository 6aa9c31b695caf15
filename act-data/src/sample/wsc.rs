//! Pronouns (cluewsc2020): two people, one pronoun, and a verb that decides whom it means.

use super::fields::{Fields, Spans};
use super::grammar::{Dice, Grammar};

/// Probability of an opening before the sentence.
const LEAD: f64 = 0.5;

pub(super) struct Wsc {
    grammar: Grammar,
    /// Scenes in which the pronoun means the first person, then those with the second.
    scenes: [Vec<&'static str>; 2],
    /// Label of "means this one" by the task's class.
    means: Vec<bool>,
}

impl Wsc {
    pub(super) fn new(classes: &[String]) -> Self {
        let grammar = Grammar::parse(include_str!("wsc.txt"));
        let scenes = [grammar.names("a."), grammar.names("b.")];
        Self {
            grammar,
            scenes,
            means: classes.iter().map(|c| c == "true").collect(),
        }
    }

    pub(super) fn draw(&self, dice: &mut Dice, class: usize) -> Fields {
        let names = self.grammar.list("name");
        let a = dice.below(names.len());
        let b = dice.other(names.len(), a);
        let (a, b) = (names[a], names[b]);
        let referent = dice.below(2);
        let scene = dice.pick(&self.scenes[referent]);
        let asked = if self.means[class] {
            referent
        } else {
            1 - referent
        };

        let lead = if dice.chance(LEAD) {
            self.grammar.expand("lead", dice, &[])
        } else {
            String::new()
        };
        let text = lead + &self.grammar.expand(scene, dice, &[("a", a), ("b", b)]) + "。";
        let pronoun = self.grammar.expand("pronoun", dice, &[]);
        let noun = [a, b][asked];
        let span2_index = characters_before(&text, "[]");
        let text = text.replacen("[]", &pronoun, 1);
        Fields::Pronoun {
            target: Spans {
                span2_index,
                span1_index: characters_before(&text, noun),
                span1_text: noun.into(),
                span2_text: pronoun,
            },
            text,
        }
    }
}

/// Characters before the first occurrence of `what`.
fn characters_before(text: &str, what: &str) -> usize {
    text.split(what)
        .next()
        .map_or(0, |before| before.chars().count())
}
