//! What a thread needs to compute with: grown once, kept from one call to the next. What it holds
//! between calls means nothing.

use crate::aligned::Aligned;
use crate::attention::Scratch;
use crate::dense::Bytes;
use crate::gemm::{Kernel, Panels};
use crate::profile::Clock;
use crate::team::Member;

/// Memory of one thread, kept from one call to the next.
pub(crate) struct Workspace {
    /// Residual stream of a chunk, `[tokens, hidden]`.
    pub hidden: Aligned<f32>,
    /// Residual stream of the classified positions, `[sequences, hidden]`.
    pub first: Aligned<f32>,
    pub block: BlockMemory,
    /// Tells what each part of the passes took, if it is started.
    pub clock: Clock,
    /// This thread's part in the next pass, if others compute the same one.
    pub member: Member,
}

/// What a layer needs for one block.
pub(crate) struct BlockMemory {
    /// Sums of embeddings on their way into a wider stream.
    pub narrow: Aligned<f32>,
    /// What norms before the blocks make of the stream.
    pub normed: Aligned<f32>,
    pub heads: HeadMemory,
    /// Queries of classified positions, those of a whole chunk.
    pub queries: Aligned<f32>,
    pub context: Aligned<f32>,
    pub neurons: Aligned<f32>,
    pub neuron_bytes: Bytes,
    pub pooled: Aligned<f32>,
    /// Which tokens of a sequence its mean counts.
    pub counted: Vec<bool>,
    pub bytes: Bytes,
}

impl BlockMemory {
    /// Takes back what was lent for normed rows.
    pub fn keep(&mut self, normed: Option<Aligned<f32>>) {
        if let Some(normed) = normed {
            self.normed = normed;
        }
    }
}

/// What attention needs for a few heads of one block.
pub(crate) struct HeadMemory {
    pub query: Aligned<f32>,
    pub key: Aligned<f32>,
    pub value: Aligned<f32>,
    /// Values where heads begin and end with panels.
    pub value_panels: Panels,
    pub mask: Vec<f32>,
    /// Of each of the model's frequencies the cosines and sines of as many positions as there were yet.
    pub turns: Vec<Vec<f32>>,
    pub attention: Scratch,
}

impl Workspace {
    pub fn new(kernel: &'static dyn Kernel) -> Self {
        let empty = || Aligned::zeroed(0);
        Self {
            hidden: empty(),
            first: empty(),
            block: BlockMemory {
                narrow: empty(),
                normed: empty(),
                heads: HeadMemory {
                    query: empty(),
                    key: empty(),
                    value: empty(),
                    value_panels: Panels::new(kernel),
                    mask: Vec::new(),
                    turns: Vec::new(),
                    attention: Scratch::new(kernel),
                },
                queries: empty(),
                context: empty(),
                neurons: empty(),
                neuron_bytes: Bytes::default(),
                pooled: empty(),
                counted: Vec::new(),
                bytes: Bytes::default(),
            },
            clock: Clock::default(),
            member: Member::default(),
        }
    }
}
