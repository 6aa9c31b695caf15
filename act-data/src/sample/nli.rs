//! Inference pairs (ocnli, cmnli): an event, and a statement that follows from it, denies it or
//! neither.

use super::fields::Fields;
use super::grammar::{Dice, Grammar};

/// Share of hypotheses that only a comparison with the premise decides; the wording of the others
/// gives them away, as it often does in data written by annotators.
const COMPARED: f64 = 0.25;

pub(super) struct Nli {
    grammar: Grammar,
    /// Rule of each class, in the task's order.
    classes: Vec<&'static str>,
}

impl Nli {
    pub(super) fn new(classes: &[String]) -> Self {
        let rule = |label: &String| match label.as_str() {
            "entailment" => "entail",
            "contradiction" => "contra",
            _ => "neutral",
        };
        let grammar = Grammar::parse(include_str!("nli.txt"));
        Self {
            grammar,
            classes: classes.iter().map(rule).collect(),
        }
    }

    pub(super) fn draw(&self, dice: &mut Dice, class: usize) -> Fields {
        let mut two = |name: &str| {
            let list = self.grammar.list(name);
            let first = dice.below(list.len());
            (list[first], list[dice.other(list.len(), first)])
        };
        let (who, other_who) = two("who");
        let (when, other_when) = two("when");
        let (place, other_place) = two("place");
        let (act, other_act) = two("act");
        let (did, rest) = act.split_once('/').unwrap_or((act, ""));
        let (denied, follows) = rest.split_once('/').unwrap_or((rest, ""));
        let other_did = other_act.split('/').next().unwrap_or_default();
        let bound = [
            ("who", who),
            ("when", when),
            ("place", place),
            ("did", did),
            ("denied", denied),
            ("follows", follows),
            ("otherwho", other_who),
            ("otherwhen", other_when),
            ("otherplace", other_place),
            ("otherdid", other_did),
        ];
        let kind = if dice.chance(COMPARED) {
            "compare"
        } else {
            "plain"
        };
        let rule = format!("{}.{kind}", self.classes[class]);
        Fields::Pair {
            sentence1: self.grammar.expand("premise", dice, &bound),
            sentence2: self.grammar.expand(&rule, dice, &bound),
        }
    }
}
