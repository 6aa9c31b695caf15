//! The columns of GLUE's tasks, as the files have them: those of the benchmark's own archives, those of
//! its sets in JSON, and `sentence1`, `sentence2`, `label`.
//!
//! The archives' layouts are read off their files' headers (<https://gluebenchmark.com/tasks>); CoLA's
//! train and dev have none, and four columns.

use act_core::BuiltIn;

use crate::columns::Columns;

/// Texts and label of each way to write a task's files, the usual one first.
fn layouts(task: BuiltIn) -> &'static [[&'static str; 3]] {
    match task {
        BuiltIn::Cola | BuiltIn::Sst2 => &[["sentence", "", "label"]],
        BuiltIn::Mrpc => &[
            ["sentence1", "sentence2", "label"],
            ["#1 String", "#2 String", "Quality"],
        ],
        BuiltIn::Stsb => &[
            ["sentence1", "sentence2", "label"],
            ["sentence1", "sentence2", "score"],
        ],
        BuiltIn::Qqp => &[
            ["sentence1", "sentence2", "label"],
            ["question1", "question2", "is_duplicate"],
            ["question1", "question2", "label"],
        ],
        BuiltIn::Mnli => &[
            ["sentence1", "sentence2", "label"],
            ["sentence1", "sentence2", "gold_label"],
            ["premise", "hypothesis", "label"],
        ],
        BuiltIn::Qnli => &[
            ["sentence1", "sentence2", "label"],
            ["question", "sentence", "label"],
        ],
        BuiltIn::Rte | BuiltIn::Wnli => &[["sentence1", "sentence2", "label"]],
        _ => &[],
    }
}

/// CoLA's columns without a header: source, label, mark, sentence.
const COLA: usize = 4;

/// The columns of a file whose first row has these cells, or whose objects these fields; `None` where it
/// has none of the layouts.
pub(crate) fn layout(task: BuiltIn, first: &[String], table: bool) -> Option<Columns> {
    let has = |name: &str| name.is_empty() || first.iter().any(|there| there == name);
    let fits = |labelled: bool| {
        let mut known = layouts(task).iter();
        known.find(|[text, pair, label]| has(text) && has(pair) && (has(label) || !labelled))
    };
    // A test file has no label.
    if let Some([text, pair, label]) = fits(true).or_else(|| fits(false)) {
        return Some(Columns {
            text: text.to_string(),
            pair: (!pair.is_empty()).then(|| pair.to_string()),
            label: label.to_string(),
        });
    }
    let headerless = table && task == BuiltIn::Cola && first.len() == COLA;
    headerless.then(|| Columns {
        text: COLA.to_string(),
        pair: None,
        label: "2".into(),
    })
}
