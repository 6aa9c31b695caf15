//! An example's text in its task's own fields.

use serde::Serialize;

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Fields {
    Sentence {
        sentence: String,
    },
    Pair {
        sentence1: String,
        sentence2: String,
    },
    Pronoun {
        target: Spans,
        text: String,
    },
    Keywords {
        abst: String,
        keyword: Vec<String>,
    },
}

/// Where the noun and the pronoun are, in characters.
#[derive(Serialize)]
pub(super) struct Spans {
    pub(super) span2_index: usize,
    pub(super) span1_index: usize,
    pub(super) span1_text: String,
    pub(super) span2_text: String,
}
