//! What is cut at common characters against all the rules over the whole text.

use proptest::prelude::*;

use super::*;

fn collect(
    show: impl FnOnce(&mut dyn FnMut(&str) -> Result<(), Halt>) -> Result<(), Halt>,
) -> Vec<String> {
    let mut words = Vec::new();
    let seen = show(&mut |word| {
        words.push(word.to_string());
        Ok(())
    });
    ended(seen).unwrap();
    words
}

/// All rules that a vocabulary can have.
fn all() -> Vec<Rules> {
    let flags = [false, true];
    let flags = flags.map(|a| flags.map(|b| flags.map(|c| (a, b, c))));
    let flags = flags.as_flattened().as_flattened().iter();
    let rules = flags.flat_map(|&(lowercase, strip_accents, split_cjk)| {
        let bert = BertNormalizer::new(true, split_cjk, Some(strip_accents), lowercase);
        let paddle = |keeps_whole| {
            Rules::Paddle(Paddle {
                lowercase,
                strip_accents,
                split_cjk,
                keeps_whole,
            })
        };
        [Rules::Bert(bert), paddle(false), paddle(true)]
    });
    rules.collect()
}

/// The words by the fast way and by all the rules at once.
fn both(rules: &Rules, whole: &WholeTokens, text: &str) -> [Vec<String>; 2] {
    let lowered = match rules {
        Rules::Bert(_) => Cow::Borrowed(text),
        Rules::Paddle(paddle) => paddle.lowered(text, whole),
    };
    // As `Words::each` does: in no part is a whole token.
    let mut words = [Vec::new(), Vec::new()];
    let seen: Result<(), Halt> = whole.split(&lowered, |part| {
        if let Part::Text(text) = part {
            let fast = collect(|mut see| rules.words(text, whole, &mut see));
            let every = collect(|mut see| rules.every_rule(text, whole, &mut see));
            words[0].extend(fast);
            words[1].extend(every);
        }
        Ok(())
    });
    ended(seen).unwrap();
    words
}

#[test]
fn every_common_character_is_treated_as_the_rules_treat_it() {
    let common = |c: &char| {
        let (mut buffer, mut odd) = ([0; 4], false);
        let seen: Result<(), ()> = cut(c.encode_utf8(&mut buffer), true, |chunk| {
            odd = matches!(chunk, Chunk::Odd(_));
            Ok(())
        });
        seen.unwrap();
        !odd
    };
    let all_common: Vec<char> = ('\0'..=char::MAX).filter(common).collect();
    assert!((27_000..28_000).contains(&all_common.len()));
    let none = WholeTokens::default();
    for rules in all() {
        for chars in all_common.chunks(1000) {
            let text: String = chars.iter().map(|c| format!(" a{c}b{c}{c}")).collect();
            let [fast, every] = both(&rules, &none, &text);
            assert_eq!(fast, every);
        }
    }
}

/// Texts of what is hard: combining and reordered marks, forms that decompose, letters whose lower
/// case is longer, controls, blanks and symbols of all kinds, between common characters.
fn text() -> impl Strategy<Value = String> {
    let hard = "\u{301}\u{323}\u{5b0}\u{3099}\u{1d165}\u{302e}éÉçÅÅKİßŉǆΣςẞﬁ각가がガ豈\u{2f800}\
                \u{0}\u{7}\u{7f}\u{85}\u{ad}\u{200b}\u{200d}\u{feff}\u{fffd}\u{2028}\u{a0}\u{2003}\
                ￥～｜℃①²ªµ\u{378}\u{1fae8}😀𠀀Ａｚ１"
        .chars()
        .collect::<Vec<char>>();
    let common = "aaBZ09 \t\n\u{3000}中国人，。“”—·…!#[]'-"
        .chars()
        .collect::<Vec<char>>();
    let any = prop_oneof![
        4 => prop::sample::select(common),
        3 => prop::sample::select(hard),
        1 => any::<char>(),
    ];
    prop::collection::vec(any, 0..40).prop_map(String::from_iter)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn words_are_those_of_all_the_rules(text in text()) {
        let none = WholeTokens::default();
        for rules in all() {
            let [fast, every] = both(&rules, &none, &text);
            prop_assert_eq!(fast, every);
        }
    }

    #[test]
    fn whole_tokens_change_nothing_of_it(text in text()) {
        let tokens = ["[a]", "a中", "中", "é", "B", " a", "国人", "aa", "#", "\u{301}"];
        let whole = WholeTokens::new(tokens.into_iter().zip(0..));
        for rules in all() {
            let [fast, every] = both(&rules, &whole, &text);
            prop_assert_eq!(fast, every);
        }
    }
}

#[test]
fn a_text_is_read_no_further_than_is_wanted() {
    let rules = Rules::Bert(BertNormalizer::default());
    let mut seen = 0;
    let ended = rules.words("中国 é a", &WholeTokens::default(), &mut |_| {
        seen += 1;
        Err(Halt::Enough)
    });
    assert!(matches!(ended, Err(Halt::Enough)) && seen == 1);
}
