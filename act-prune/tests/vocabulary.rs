//! Vocabulary pruning against the whole vocabulary: covered text gives the same tokens and the same
//! answers to the last bit, on float and int8 tables.

use std::collections::BTreeSet;

use act_core::testing::{CHARACTERS, TinyInt8, TinyOptions, tiny_artifact};
use act_core::{Artifact, Tokenizer, TokenizerSpec, WordPieceSpec};
use act_infer::Engine;
use act_prune::vocabulary::keep;
use proptest::prelude::*;

fn model(int8: bool) -> Artifact {
    let options = TinyOptions {
        int8: int8.then(TinyInt8::default),
        ..TinyOptions::default()
    };
    tiny_artifact(1, &options)
}

fn entries(model: &Artifact, texts: &[String]) -> BTreeSet<u32> {
    let tokenizer = Tokenizer::new(&model.tokenizer, usize::MAX).unwrap();
    let all = texts
        .iter()
        .flat_map(|text| tokenizer.entries(text).unwrap());
    all.collect()
}

/// Words of the tiny vocabulary, words it cannot spell, and what lies between.
fn text() -> impl Strategy<Value = String> {
    let cjk: Vec<char> = CHARACTERS.chars().collect();
    let word = prop_oneof![
        prop::sample::select(cjk).prop_map(String::from),
        "[a-z0-9]{1,4}",
        "[a-c]{1,2}[éü龘]",
        "[A-C!?]{1,3}",
    ];
    prop::collection::vec(word, 1..8).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn covered_text_is_answered_alike(
        corpus in prop::collection::vec(text(), 1..6),
        other in text(),
        int8: bool,
    ) {
        let whole = model(int8);
        let kept = entries(&whole, &corpus);
        let mut short = whole.clone();
        keep(&mut short, kept.clone()).unwrap();
        prop_assert!(short.to_bytes().is_ok(), "a file that can be written");
        prop_assert_eq!(short.plan.embeddings.vocab_size, kept.union(&(0..5).collect()).count());

        let covered = entries(&whole, std::slice::from_ref(&other)).is_subset(&kept);
        let texts = corpus.iter().chain(covered.then_some(&other));
        let tokens = |model: &Artifact, text: &str| -> Vec<String> {
            let names: Vec<&str> = model.tokenizer.word_piece().unwrap().tokens().collect();
            let ids = Tokenizer::new(&model.tokenizer, 24).unwrap().encode(text, None).unwrap();
            ids.input_ids.iter().map(|&id| names[id as usize].to_string()).collect()
        };
        let (a, b) = (Engine::new(whole.clone()).unwrap(), Engine::new(short.clone()).unwrap());
        for text in texts {
            prop_assert_eq!(tokens(&whole, text), tokens(&short, text), "{}", text);
            let probabilities = |engine: &Engine| engine.classify(&[text]).unwrap()[0].probabilities.clone();
            prop_assert_eq!(probabilities(&a), probabilities(&b), "{}", text);
        }
    }
}

/// `[UNK]` in the whole vocabulary because the longest match leads nowhere; with that match gone a
/// shorter one would lead somewhere.
#[test]
fn a_word_that_greed_cannot_spell_stays_unknown() {
    let vocab = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nab\na\n##b\n##c\n##bc\nb\n##d\n";
    let words = WordPieceSpec::from_vocab(vocab).unwrap();
    let spec = TokenizerSpec::from(words.clone());
    let whole = Tokenizer::new(&spec, 24).unwrap();
    // "abd" would be ab ##d; "abe" ends nowhere after ab.
    assert_eq!(whole.entries("abe").unwrap(), [5]);
    assert_eq!(whole.entries("abd").unwrap(), [5, 11]);
    assert_eq!(whole.entries("zzz").unwrap(), [0u32; 0]);
    let mut model = model(false);
    model.tokenizer.word_piece_mut().unwrap().vocab = words.vocab;
    model.plan.embeddings.vocab_size = 12;
    let corpus = ["abe".to_string(), "a".into(), "bd".into()];
    keep(&mut model, entries_of(&spec, &corpus)).unwrap();
    let short = Tokenizer::new(&model.tokenizer, 24).unwrap();
    assert_eq!(short.encode("abe", None).unwrap().input_ids, [2, 1, 3]);
}

fn entries_of(spec: &TokenizerSpec, texts: &[String]) -> BTreeSet<u32> {
    let tokenizer = Tokenizer::new(spec, usize::MAX).unwrap();
    texts
        .iter()
        .flat_map(|t| tokenizer.entries(t).unwrap())
        .collect()
}
