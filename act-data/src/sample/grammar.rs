//! A small phrase grammar: named rules with alternatives, in which `{name}` stands for another
//! rule. What the sample corpora are written in.
//!
//! A line is `name = alternative | alternative | ~ rare alternative`; `#` begins a comment. Rare
//! alternatives are drawn with a probability of their own, higher in dev than in train, so that
//! dev holds wordings that training has seldom seen, as real data do.

use std::collections::BTreeMap;

use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// Chance, seeded, with the probability of a rare alternative.
pub(super) struct Dice {
    rng: ChaCha8Rng,
    rare: f64,
}

impl Dice {
    pub(super) fn new(rng: ChaCha8Rng, rare: f64) -> Self {
        Self { rng, rare }
    }

    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.rng.random::<f64>() < probability
    }

    /// An index below `n`, which is at least 1.
    pub(super) fn below(&mut self, n: usize) -> usize {
        self.rng.random_range(0..n.max(1) as u32) as usize
    }

    /// An index below `n` that leans to the first ones: `n` times a uniform number to a `power`.
    pub(super) fn lean(&mut self, n: usize, power: f64) -> usize {
        let index = n as f64 * self.rng.random::<f64>().powf(power);
        (index as usize).min(n - 1)
    }

    /// One of a list, which is not empty.
    pub(super) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// An index below `n` other than `not`.
    pub(super) fn other(&mut self, n: usize, not: usize) -> usize {
        (not + 1 + self.below(n - 1)) % n
    }
}

/// Alternatives of one rule.
#[derive(Debug, Default)]
struct Rule {
    common: Vec<&'static str>,
    rare: Vec<&'static str>,
}

/// Rules by name.
pub(super) struct Grammar(BTreeMap<&'static str, Rule>);

impl Grammar {
    pub(super) fn parse(text: &'static str) -> Self {
        let mut rules: BTreeMap<&str, Rule> = BTreeMap::new();
        let lines = text.lines().filter(|l| !l.starts_with('#'));
        for (name, alternatives) in lines.filter_map(|l| l.split_once('=')) {
            let rule = rules.entry(name.trim()).or_default();
            for alternative in alternatives.split('|').map(str::trim) {
                match alternative.strip_prefix('~') {
                    Some(rare) => rule.rare.push(rare.trim()),
                    None => rule.common.push(alternative),
                }
            }
        }
        Self(rules)
    }

    /// Names of the rules that begin so, in order.
    pub(super) fn names(&self, prefix: &str) -> Vec<&'static str> {
        self.0
            .keys()
            .copied()
            .filter(|n| n.starts_with(prefix))
            .collect()
    }

    /// A rule's common alternatives as they stand.
    pub(super) fn list(&self, name: &str) -> &[&'static str] {
        self.0.get(name).map_or(&[], |r| &r.common)
    }

    /// One alternative of a rule, its slots not filled.
    pub(super) fn alternative(&self, name: &str, dice: &mut Dice) -> &'static str {
        let Some(rule) = self.0.get(name) else {
            return "";
        };
        let rare = !rule.rare.is_empty() && dice.chance(dice.rare);
        dice.pick(if rare { &rule.rare } else { &rule.common })
    }

    /// One alternative with its slots filled: first from `bound`, then from the grammar. A slot
    /// that neither knows stays as it is (a test sees to it that there is none).
    pub(super) fn expand(&self, name: &str, dice: &mut Dice, bound: &[(&str, &str)]) -> String {
        let alternative = self.alternative(name, dice);
        self.fill(alternative, dice, bound)
    }

    /// A template with its slots filled.
    pub(super) fn fill(&self, template: &str, dice: &mut Dice, bound: &[(&str, &str)]) -> String {
        let mut out = String::new();
        let mut rest = template;
        while let Some((before, slot, after)) = next_slot(rest) {
            out += before;
            match bound.iter().find(|(name, _)| *name == slot) {
                Some((_, value)) => out += value,
                None if self.0.contains_key(slot) => out += &self.expand(slot, dice, bound),
                None => out += &format!("{{{slot}}}"),
            }
            rest = after;
        }
        out + rest
    }
}

/// Splits at the first `{slot}`.
fn next_slot(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('{')?;
    let (slot, after) = rest.split_once('}')?;
    Some((before, slot, after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use act_core::Seed;

    #[test]
    fn expands_with_bound_values_and_rare_ones() {
        let g = Grammar::parse("# no\na = x{b}{c}{d} | ~ rare\nb = y\n");
        let mut dice = Dice::new(Seed(1).stream("t"), 0.0);
        assert_eq!(g.expand("a", &mut dice, &[("c", "z")]), "xyz{d}");
        let mut dice = Dice::new(Seed(1).stream("t"), 1.0);
        assert_eq!(g.expand("a", &mut dice, &[]), "rare");
        assert_eq!(g.expand("b", &mut dice, &[]), "y");
        assert_eq!(g.names("a"), ["a"]);
    }

    #[test]
    fn other_is_another() {
        let mut dice = Dice::new(Seed(1).stream("t"), 0.0);
        let mut seen = [false; 4];
        for _ in 0..200 {
            seen[dice.other(4, 2)] = true;
        }
        assert_eq!(seen, [true, true, false, true]);
    }
}
