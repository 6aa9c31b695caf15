//! CSL: are these keywords those of the abstract? The keywords, joined by blanks, are the first
//! text and the abstract is the second (PaddleSlim `example/auto_compression/nlp/run.py`).
//!
//! One abstract appears with several keyword lists, true and false, so a further split must keep
//! an abstract's lines together ([`crate::Dataset::slice_validation`] does).

use act_core::Result;

use crate::read::Record;

pub(crate) fn texts(record: &Record) -> Result<(String, String)> {
    let keywords = record.strings("keyword")?.join(" ");
    Ok((keywords, record.text("abst")?.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_first() {
        let line = r#"{"id": 1, "abst": "关于声呐", "keyword": ["声呐", "FFT"], "label": "1"}"#;
        let record = Record::from_json(line).unwrap();
        assert_eq!(
            texts(&record).unwrap(),
            ("声呐 FFT".into(), "关于声呐".into())
        );
    }
}
