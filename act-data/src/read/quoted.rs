//! What messages quote of a data file: names of fields and labels. What stands where a name should and is
//! too long for one is a text of the user's, which is no business of a log's.

/// Wider than this, ideographs and other letters beyond ASCII counted double, it is no name.
const WIDEST: usize = 32;

/// A name between quotes; of a text only its length.
pub(crate) fn quoted(given: &str) -> String {
    length_of_text(given).unwrap_or_else(|| format!("{given:?}"))
}

/// The same without quotes, for lists.
pub(crate) fn bare(given: &str) -> String {
    length_of_text(given).unwrap_or_else(|| given.into())
}

/// What is said of a text; nothing of a name.
fn length_of_text(given: &str) -> Option<String> {
    let width: usize = given
        .chars()
        .map(|c| if c.is_ascii() { 1 } else { 2 })
        .sum();
    let length = given.chars().count();
    (width > WIDEST).then(|| format!("(a text of {length} characters)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_and_texts_are_not() {
        for name in ["", "sports", "新闻", "not_entailment"] {
            assert_eq!(quoted(name), format!("{name:?}"));
            assert_eq!(bare(name), name);
        }
        for text in [
            "我的卡号是六二二八四八零四零二五六四八九零一八，为什么还没到账呢",
            &"secret ".repeat(9),
        ] {
            let length = text.chars().count();
            for told in [quoted(text), bare(text)] {
                assert_eq!(told, format!("(a text of {length} characters)"));
            }
        }
    }
}
