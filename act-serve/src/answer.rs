//! What `POST /classify` answers: the fields of `act-eval predict`, and that a text was cut, where it was.

use act_core::ProblemKind;
use act_infer::{Classification, Engine};
use serde::Serialize;

use crate::failure::Failure;

#[derive(Serialize)]
struct Answers<'a> {
    answers: Vec<Answer<'a>>,
}

#[derive(Serialize)]
struct Answer<'a> {
    /// Of a model that gives one.
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a str>,
    /// Of a model that gives any number of them, those that the text is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<&'a [String]>,
    /// Of a regression.
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f32>,
    /// Of a model with labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    probabilities: Option<&'a [f32]>,
    logits: &'a [f32],
    #[serde(skip_serializing_if = "Option::is_none")]
    cut: Option<Cut>,
}

/// `{"tokens": 300, "read": 128}`.
#[derive(Serialize)]
struct Cut {
    tokens: usize,
    read: usize,
}

/// The answers as JSON.
///
/// # Errors
/// 500: none that is known.
pub fn json(engine: &Engine, answers: &[Classification]) -> Result<Vec<u8>, Failure> {
    let kind = engine.task().problem.kind();
    let read = engine.max_tokens();
    let answer = |a| of(kind, read, a);
    let answers = Answers {
        answers: answers.iter().map(answer).collect(),
    };
    serde_json::to_vec(&answers).map_err(|e| Failure::broken(e.to_string()))
}

fn of(kind: ProblemKind, read: usize, answer: &Classification) -> Answer<'_> {
    let labelled = kind != ProblemKind::Regression;
    Answer {
        label: (kind == ProblemKind::SingleLabel).then_some(&*answer.label),
        labels: (kind == ProblemKind::MultiLabel).then_some(&*answer.labels),
        score: answer.score,
        probabilities: labelled.then_some(&*answer.probabilities),
        logits: &answer.logits,
        cut: (answer.tokens > read).then_some(Cut {
            tokens: answer.tokens,
            read,
        }),
    }
}
