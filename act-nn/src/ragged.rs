//! Sequences without padding, ready for the encoder, and the checks they must pass first.

use std::sync::Arc;

use act_core::{Artifact, Embeddings, Encoding, Error, Result};

/// Added to the scores of padding inside a sequence, as the exported BERT programs do.
const MASKED_KEY: f32 = -1e4;

/// Several sequences, one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Ragged {
    pub(crate) input_ids: Vec<u32>,
    pub(crate) token_type_ids: Vec<u32>,
    /// Rows of the position table: 0, 1, 2, … from the start of each sequence, in BERT.
    pub(crate) positions: Vec<u32>,
    /// Index of each sequence's first token.
    pub(crate) starts: Vec<u32>,
    pub(crate) lengths: Arc<[usize]>,
    /// What is added to each key's scores; `None` without padding inside a sequence.
    pub(crate) key_bias: Option<Arc<[f32]>>,
}

impl Ragged {
    /// Concatenates sequences, which [`check`] has accepted.
    pub(crate) fn new<'a>(
        sequences: impl IntoIterator<Item = &'a Encoding>,
        embeddings: &Embeddings,
        pad_id: u32,
    ) -> Self {
        let mut input_ids = Vec::new();
        let mut token_type_ids = Vec::new();
        let mut positions = Vec::new();
        let mut starts = Vec::new();
        let mut lengths = Vec::new();
        for sequence in sequences {
            starts.push(input_ids.len() as u32);
            lengths.push(sequence.len());
            let rows = embeddings.position_rows(&sequence.input_ids, pad_id);
            positions.extend(rows.map(|row| row as u32));
            input_ids.extend_from_slice(&sequence.input_ids);
            token_type_ids.extend_from_slice(&sequence.token_type_ids);
        }
        let masked = |&id: &u32| if id == pad_id { MASKED_KEY } else { 0.0 };
        let key_bias = input_ids
            .contains(&pad_id)
            .then(|| input_ids.iter().map(masked).collect());
        Self {
            input_ids,
            token_type_ids,
            positions,
            starts,
            lengths: lengths.into(),
            key_bias,
        }
    }

    /// Number of tokens.
    pub(crate) fn tokens(&self) -> usize {
        self.input_ids.len()
    }
}

/// Fails with the number of the first encoding that the model cannot take.
pub(crate) fn check(artifact: &Artifact, encodings: &[Encoding]) -> Result<()> {
    let plan = &artifact.plan;
    for (i, encoding) in encodings.iter().enumerate() {
        let refuse = |what: String| Err(Error::usage(format!("encoding {i} {what}")));
        if encoding.is_empty() {
            return refuse("has no token".into());
        }
        if encoding.token_type_ids.len() != encoding.len() {
            let (types, ids) = (encoding.token_type_ids.len(), encoding.len());
            return refuse(format!("has {types} token_type_ids for {ids} input_ids"));
        }
        if encoding.len() > plan.embeddings.longest {
            let (n, most) = (encoding.len(), plan.embeddings.longest);
            return refuse(format!("has {n} tokens, the model takes at most {most}"));
        }
        let outside =
            |ids: &[u32], rows: usize| ids.iter().copied().find(|&id| id as usize >= rows);
        if let Some(id) = outside(&encoding.input_ids, plan.embeddings.vocab_size) {
            return refuse(format!(
                "has token id {id} of a vocabulary of {}",
                plan.embeddings.vocab_size
            ));
        }
        if let Some(id) = outside(&encoding.token_type_ids, plan.embeddings.types_below()) {
            return refuse(format!(
                "has token type {id} of {}",
                plan.embeddings.type_vocab_size
            ));
        }
    }
    Ok(())
}
