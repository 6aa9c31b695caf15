//! Unicode's general categories as PaddleNLP sees them: Python's tables, of Unicode 14 in the Python
//! (3.11) that PaddleNLP's last release for these models runs on. A character that came later is
//! unassigned there, and so removed like a control character.

use std::sync::LazyLock;

use regex_syntax::hir::{Class, HirKind};

/// A set of characters as rising ranges.
pub struct Category(Vec<(char, char)>);

/// Control, format, private use and unassigned (C).
pub static OTHER: LazyLock<Category> =
    LazyLock::new(|| Category::of(r"[\p{Cc}\p{Cf}\p{Co}\p{Cn}\P{Age=14.0}]"));
/// Marks without a width of their own (Mn), accents among them.
pub static ACCENTS: LazyLock<Category> = LazyLock::new(|| Category::of(r"\p{Mn}"));
/// Blanks (Zs).
pub static BLANKS: LazyLock<Category> = LazyLock::new(|| Category::of(r"\p{Zs}"));
/// Punctuation (P) and symbols (S), and what PaddleNLP counts as such.
pub static SYMBOLS: LazyLock<Category> = LazyLock::new(|| {
    Category::of(r"[\p{P}\p{S}!-/:-@\[-`{-~\u{AD}\u{B2}\u{BA}\u{3007}\u{B5}\u{D8}\u{14B}\u{1B1}]")
});

impl Category {
    /// The characters of a class in the syntax of regular expressions; none of a wrong one, which the
    /// tests would see.
    fn of(class: &str) -> Self {
        let ranges = match regex_syntax::parse(class).map(|hir| hir.into_kind()) {
            Ok(HirKind::Class(Class::Unicode(class))) => {
                class.iter().map(|r| (r.start(), r.end())).collect()
            }
            _ => Vec::new(),
        };
        Self(ranges)
    }

    /// True if the character is one of them.
    pub fn has(&self, c: char) -> bool {
        let after = self.0.partition_point(|&(start, _)| start <= c);
        after > 0 && c <= self.0[after - 1].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories_have_their_characters() {
        for c in [
            '\0',
            '\u{ad}',
            '\u{200b}',
            '\u{e000}',
            '\u{378}',
            '\u{1fae8}',
            '\u{ffff}',
        ] {
            assert!(OTHER.has(c), "{c:?}");
        }
        for c in [
            'a',
            ' ',
            '中',
            '℃',
            '\u{1f600}',
            '\u{1fae0}',
            '\u{301}',
            '\u{2028}',
        ] {
            assert!(!OTHER.has(c), "{c:?}");
        }
        assert!(ACCENTS.has('\u{301}') && ACCENTS.has('\u{e31}') && !ACCENTS.has('\u{903}'));
        assert!(BLANKS.has('\u{3000}') && BLANKS.has('\u{a0}') && !BLANKS.has('\u{2028}'));
        for c in ['$', '`', '℃', '¥', '，', '\u{1f600}', '\u{3007}', '²'] {
            assert!(SYMBOLS.has(c), "{c:?}");
        }
        for c in ['a', '1', '中', 'ø', '³'] {
            assert!(!SYMBOLS.has(c), "{c:?}");
        }
    }
}
