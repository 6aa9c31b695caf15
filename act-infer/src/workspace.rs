//! What a thread needs to compute with: grown once, kept from one call to the next. What it holds
//! between calls means nothing.

use crate::aligned::Aligned;
use crate::attention::Scratch;
use crate::dense::Bytes;
use crate::gemm::Kernel;
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
    pub query: Aligned<f32>,
    pub key: Aligned<f32>,
    pub value: Aligned<f32>,
    pub context: Aligned<f32>,
    pub neurons: Aligned<f32>,
    pub neuron_bytes: Bytes,
    pub pooled: Aligned<f32>,
    pub mask: Vec<f32>,
    pub bytes: Bytes,
    pub attention: Scratch,
}

impl Workspace {
    pub fn new(kernel: &'static dyn Kernel) -> Self {
        let empty = || Aligned::zeroed(0);
        Self {
            hidden: empty(),
            first: empty(),
            block: BlockMemory {
                query: empty(),
                key: empty(),
                value: empty(),
                context: empty(),
                neurons: empty(),
                neuron_bytes: Bytes::default(),
                pooled: empty(),
                mask: Vec::new(),
                bytes: Bytes::default(),
                attention: Scratch::new(kernel),
            },
            clock: Clock::default(),
            member: Member::default(),
        }
    }
}
