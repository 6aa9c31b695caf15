//! Encoded text: what goes into an encoder. Batches are ragged, so nobody computes padding who
//! does not want it.

/// One sequence (or pair) as token ids.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Encoding {
    /// Ids into the vocabulary, with `[CLS]` first.
    pub input_ids: Vec<u32>,
    /// 0 for the first segment, 1 for the second; as long as `input_ids`.
    pub token_type_ids: Vec<u32>,
}

impl Encoding {
    /// Number of tokens.
    pub fn len(&self) -> usize {
        self.input_ids.len()
    }

    /// True without any token.
    pub fn is_empty(&self) -> bool {
        self.input_ids.is_empty()
    }
}

/// Several sequences, one after the other without padding.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batch {
    /// All token ids, sequence by sequence.
    pub input_ids: Vec<u32>,
    /// All segment ids.
    pub token_type_ids: Vec<u32>,
    /// Tokens of each sequence.
    pub lengths: Vec<usize>,
}

impl Batch {
    /// Concatenates sequences.
    pub fn new<'a>(sequences: impl IntoIterator<Item = &'a Encoding>) -> Self {
        let mut batch = Batch::default();
        for s in sequences {
            batch.input_ids.extend_from_slice(&s.input_ids);
            batch.token_type_ids.extend_from_slice(&s.token_type_ids);
            batch.lengths.push(s.len());
        }
        batch
    }

    /// Number of sequences.
    pub fn sequences(&self) -> usize {
        self.lengths.len()
    }

    /// Number of tokens.
    pub fn tokens(&self) -> usize {
        self.input_ids.len()
    }
}
