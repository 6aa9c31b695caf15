//! What a serving program needs to know beyond the graph: keys and values in the file itself.

use act_core::{Artifact, Error, Problem, Result};

use super::proto::StringStringEntryProto;

/// The entries, in a fixed order.
pub fn entries(artifact: &Artifact) -> Result<Vec<StringStringEntryProto>> {
    let task = &artifact.task;
    let labels = serde_json::to_string(&task.labels)
        .map_err(|e| Error::failed(format!("labels as JSON: {e}")))?;
    let mut entries = vec![
        ("task", task.name.clone()),
        ("labels", labels),
        ("max_seq_length", task.max_seq_length.to_string()),
        ("precision", artifact.quant.precision().into()),
        ("model_digest", artifact.model_digest()?.to_string()),
    ];
    match &task.problem {
        Problem::SingleLabel => {}
        Problem::MultiLabel { thresholds } => {
            let thresholds = serde_json::to_string(thresholds)
                .map_err(|e| Error::failed(format!("thresholds as JSON: {e}")))?;
            entries.push(("problem", task.problem.kind().to_string()));
            entries.push(("thresholds", thresholds));
        }
        Problem::Regression => entries.push(("problem", task.problem.kind().to_string())),
    }
    entries.extend(notice(artifact).map(|notice| ("notice", notice.into())));
    let entry = |(key, value): (&str, String)| StringStringEntryProto {
        key: Some(key.into()),
        value: Some(value),
    };
    Ok(entries.into_iter().map(entry).collect())
}

/// What must be said of a model that has seen the sample corpus.
pub fn notice(artifact: &Artifact) -> Option<&'static str> {
    artifact.synthetic().then_some(
        "synthetic sample: trained on generated text; it shows that the machinery works, no more",
    )
}
