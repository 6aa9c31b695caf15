//! PaddleNLP's words (2.6, `PretrainedTokenizer.tokenize` and `BasicTokenizer`), which differ from
//! BERT's: symbols stand alone, unassigned characters go, and lower case comes before anything else.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

use super::category::{ACCENTS, BLANKS, OTHER, SYMBOLS};
use super::common::is_no_capital;
use super::whole::WholeTokens;

/// The rules.
#[derive(Debug, Clone)]
pub struct Paddle {
    /// Lower-case everything but whole tokens.
    pub lowercase: bool,
    /// Strip accents.
    pub strip_accents: bool,
    /// Put blanks around CJK characters.
    pub split_cjk: bool,
    /// A word that is a whole token once control characters are gone stays one.
    pub keeps_whole: bool,
}

impl Paddle {
    /// The text in lower case, character by character, but for the whole tokens in it.
    pub fn lowered<'t>(&self, text: &'t str, whole: &WholeTokens) -> Cow<'t, str> {
        if !self.lowercase || text.chars().all(is_no_capital) {
            return Cow::Borrowed(text);
        }
        let (mut lowered, mut at) = (String::with_capacity(text.len()), 0);
        while let Some(c) = text[at..].chars().next() {
            match whole.at(text, at) {
                Some((length, _)) => {
                    lowered.push_str(&text[at..at + length]);
                    at += length;
                }
                None => {
                    // What came after its tables has no lower case for Python.
                    if c.is_ascii() || !OTHER.has(c) {
                        lowered.extend(c.to_lowercase());
                    }
                    at += c.len_utf8();
                }
            }
        }
        Cow::Owned(lowered)
    }

    /// The words of a text that is lowered already.
    ///
    /// # Errors
    /// Those of `word`, which end it.
    pub fn split<E>(
        &self,
        text: &str,
        whole: &WholeTokens,
        word: &mut impl FnMut(&str) -> Result<(), E>,
    ) -> Result<(), E> {
        let clean = self.clean(text);
        for token in clean.split_whitespace() {
            if self.keeps_whole && whole.has(token) {
                word(token)?;
                continue;
            }
            let token = if self.strip_accents && !token.chars().all(is_plain) {
                Cow::Owned(token.nfd().filter(|&c| !ACCENTS.has(c)).collect())
            } else {
                Cow::Borrowed(token)
            };
            let mut start = 0;
            for (at, c) in token.char_indices() {
                if !is_symbol(c) {
                    continue;
                }
                if start < at {
                    word(&token[start..at])?;
                }
                start = at + c.len_utf8();
                word(&token[at..start])?;
            }
            if start < token.len() {
                word(&token[start..])?;
            }
        }
        Ok(())
    }

    /// Without control characters, every blank one space, CJK characters between spaces.
    fn clean(&self, text: &str) -> String {
        let mut clean = String::with_capacity(text.len() + text.len() / 2);
        for c in text.chars() {
            match c {
                '\t' | '\n' | '\r' | ' ' => clean.push(' '),
                '!'..='~' => clean.push(c),
                _ if is_cjk(c) && self.split_cjk => clean.extend([' ', c, ' ']),
                '\u{fffd}' => {}
                _ if OTHER.has(c) => {}
                _ if BLANKS.has(c) => clean.push(' '),
                _ => clean.push(c),
            }
        }
        clean
    }
}

/// Without accents, and nothing that has parts.
fn is_plain(c: char) -> bool {
    matches!(c, '\0'..='\u{7f}' | '\u{4e00}'..='\u{9fff}')
}

fn is_symbol(c: char) -> bool {
    match c {
        '\0'..='\u{7f}' => c.is_ascii_punctuation(),
        '\u{4e00}'..='\u{9fff}' => false,
        _ => SYMBOLS.has(c),
    }
}

/// PaddleNLP's blocks of CJK characters.
fn is_cjk(c: char) -> bool {
    match c {
        '\u{4e00}'..='\u{9fff}' => true,
        '\u{3400}'..='\u{4dbf}'
        | '\u{20000}'..='\u{2a6df}'
        | '\u{2a700}'..='\u{2b73f}'
        | '\u{2b740}'..='\u{2b81f}'
        | '\u{2b820}'..='\u{2ceaf}'
        | '\u{f900}'..='\u{faff}'
        | '\u{2f800}'..='\u{2fa1f}' => !OTHER.has(c),
        _ => false,
    }
}
