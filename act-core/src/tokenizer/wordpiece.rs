//! WordPiece: a word to pieces of a vocabulary, each the longest that the rest of the word starts
//! with. The `tokenizers` crate has it too, and makes a token with its text and place of every piece,
//! by a lookup for every length; here ids are all that is wanted, and the tests hold both equal.

use ahash::AHashMap;

/// Marks an entry that continues a word.
const CONTINUES: &str = "##";

/// A vocabulary, ready to be asked.
pub struct Vocabulary {
    /// What a word may start with: every entry.
    starts: Entries,
    /// What a word may go on with, without its mark.
    continues: Entries,
    characters: Characters,
    unknown: u32,
    max_word_chars: usize,
}

impl Vocabulary {
    /// Of the entries in id order, of which the last of equal ones counts. Words of more than
    /// `max_word_chars` characters are the entry `unknown`.
    pub fn new(tokens: &[&str], unknown: &str, max_word_chars: usize) -> Self {
        let (mut starts, mut continues) = (Entries::default(), Entries::default());
        for (&token, id) in tokens.iter().zip(0..) {
            starts.add(token, id);
            if let Some(rest) = token.strip_prefix(CONTINUES) {
                continues.add(rest, id);
            }
        }
        Self {
            unknown: starts.ids.get(unknown).copied().unwrap_or_default(),
            characters: Characters::of(&starts),
            starts,
            continues,
            max_word_chars,
        }
    }

    /// Adds the ids of a word's pieces, or that of the unknown word.
    pub fn pieces(&self, word: &str, ids: &mut Vec<u32>) {
        let before = ids.len();
        if !self.matches(word, ids) {
            ids.truncate(before);
            ids.push(self.unknown);
        }
    }

    /// Adds the ids of a word's pieces to where nothing matches; true if they are all of it.
    pub fn matches(&self, word: &str, ids: &mut Vec<u32>) -> bool {
        if word.len() > self.max_word_chars && word.chars().count() > self.max_word_chars {
            return false;
        }
        if let Some(id) = self.characters.id(word) {
            ids.push(id);
            return true;
        }
        let (mut rest, mut entries) = (word, &self.starts);
        while !rest.is_empty() {
            let Some((length, id)) = entries.longest(rest) else {
                return false;
            };
            ids.push(id);
            rest = &rest[length..];
            entries = &self.continues;
        }
        true
    }
}

/// Some entries by their text.
#[derive(Default)]
struct Entries {
    ids: AHashMap<Box<str>, u32>,
    /// Bytes of the longest.
    longest: usize,
}

impl Entries {
    fn add(&mut self, text: &str, id: u32) {
        self.longest = self.longest.max(text.len());
        self.ids.insert(text.into(), id);
    }

    /// Length and id of the longest entry that a text starts with; none is empty.
    fn longest(&self, text: &str) -> Option<(usize, u32)> {
        let mut end = text.floor_char_boundary(self.longest);
        while end > 0 {
            if let Some(&id) = self.ids.get(&text[..end]) {
                return Some((end, id));
            }
            end = text.floor_char_boundary(end - 1);
        }
        None
    }
}

/// Entries of one character, of which Chinese texts are made: a lookup without hashing.
struct Characters {
    /// Page of a character by its number's upper bits, one above its index; 0 has none.
    pages: Box<[u16; PAGES]>,
    ids: Vec<[Option<u32>; PAGE]>,
}

const PAGE: usize = 64;
/// Those of the basic plane.
const PAGES: usize = 0x1_0000 / PAGE;

impl Characters {
    fn of(entries: &Entries) -> Self {
        let mut characters = Self {
            pages: Box::new([0; PAGES]),
            ids: Vec::new(),
        };
        for (text, &id) in &entries.ids {
            let Some((page, place)) = only(text).and_then(place) else {
                continue;
            };
            if characters.pages[page] == 0 {
                characters.ids.push([None; PAGE]);
                characters.pages[page] = characters.ids.len() as u16;
            }
            let page = usize::from(characters.pages[page]) - 1;
            characters.ids[page][place] = Some(id);
        }
        characters
    }

    /// The id of a word of one character, if it is an entry.
    fn id(&self, word: &str) -> Option<u32> {
        let (page, place) = only(word).and_then(place)?;
        let page = usize::from(self.pages[page]).checked_sub(1)?;
        self.ids[page][place]
    }
}

/// The character of a text that has one.
fn only(text: &str) -> Option<char> {
    let mut chars = text.chars();
    chars.next().filter(|_| chars.as_str().is_empty())
}

/// Where a character stands: page and place in it.
fn place(c: char) -> Option<(usize, usize)> {
    let number = c as usize;
    (number < PAGE * PAGES).then_some((number / PAGE, number % PAGE))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokenizers::Model;
    use tokenizers::models::wordpiece::WordPiece;

    use super::*;

    const TOKENS: [&str; 23] = [
        "[UNK]", "a", "b", "ab", "abc", "##a", "##bc", "##b", "中", "##中", "国", "中国", "##",
        "é", "##é", "𠀀", "##𠀀a", "#", "b", "", "##abcab", "。", "1",
    ];

    fn crates(max_word_chars: usize) -> WordPiece {
        let ids = TOKENS.iter().zip(0..);
        let vocab: AHashMap<String, u32> = ids.map(|(t, id)| (t.to_string(), id)).collect();
        WordPiece::builder()
            .vocab(vocab)
            .unk_token("[UNK]".into())
            .max_input_chars_per_word(max_word_chars)
            .build()
            .unwrap()
    }

    fn word() -> impl Strategy<Value = String> {
        let chars: Vec<char> = "aaabbbcc中国é𠀀#。1x".chars().collect();
        prop::collection::vec(prop::sample::select(chars), 0..12).prop_map(String::from_iter)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn words_have_the_pieces_that_the_crate_gives_them(word in word(), max in 0usize..14) {
            let expected = crates(max).tokenize(&word).unwrap();
            let expected: Vec<u32> = expected.into_iter().map(|token| token.id).collect();
            let mut ids = vec![7];
            Vocabulary::new(&TOKENS, "[UNK]", max).pieces(&word, &mut ids);
            prop_assert_eq!(&ids[1..], expected);
        }
    }

    #[test]
    fn matches_are_told_to_where_they_end() {
        let vocabulary = Vocabulary::new(&TOKENS, "[UNK]", 9);
        let matched = |word: &str| {
            let mut ids = Vec::new();
            let whole = vocabulary.matches(word, &mut ids);
            (ids, whole)
        };
        assert_eq!(matched("abca"), (vec![4, 5], true));
        assert_eq!(matched("abcx"), (vec![4], false));
        assert_eq!(matched("aaaaaaaaaa"), (vec![], false), "too long");
        assert_eq!(matched("b"), (vec![18], true), "the last of equal entries");
    }
}
