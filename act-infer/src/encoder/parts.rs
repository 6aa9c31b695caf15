//! Parts of a pass, for those who want no more of it.

use std::time::{Duration, Instant};

use super::Pass;
use crate::costs::TRIALS;
use crate::model::Model;
use crate::observer::Observer;
use crate::sequences::Sequences;
use crate::workspace::Workspace;

/// Passes of a trial; the shortest counts.
const REPEATS: usize = 4;

/// The residual stream of all tokens before the first layer.
pub(crate) fn embed(
    model: &Model,
    sequences: Sequences<'_>,
    workspace: &mut Workspace,
) -> Vec<f32> {
    let mut pass = Pass::new(model, workspace, None);
    let mut hidden = vec![0.0; sequences.tokens() * pass.width];
    let tables = &model.embeddings;
    pass.embed(tables, sequences, &mut hidden, &mut workspace.block);
    hidden
}

/// Takes the residual stream of all tokens through one layer; behind the last it is what the head
/// reads of each sequence.
pub(crate) fn step(
    model: &Model,
    layer: usize,
    sequences: Sequences<'_>,
    workspace: &mut Workspace,
    observer: Option<&mut dyn Observer>,
    stream: &mut Vec<f32>,
) {
    let mut pass = Pass::new(model, workspace, observer);
    let block = &mut workspace.block;
    if layer + 1 < model.layers.len() {
        pass.inner_layer(layer, sequences, stream, block);
        return;
    }
    let mut first = vec![0.0; sequences.count() * pass.width];
    pass.last_and_pool(sequences, stream, &mut first, block);
    *stream = first;
}

/// Class scores of the stream behind the last layer.
pub(crate) fn classify(
    model: &Model,
    first: &[f32],
    workspace: &mut Workspace,
    logits: &mut [f32],
) {
    Pass::new(model, workspace, None).head(first, logits, &mut workspace.block);
}

/// What a trial has shown.
pub(crate) struct Trial {
    /// When all members of the team were there.
    pub met: Instant,
    /// What the first layer took for each of the sequences.
    pub layers: [Duration; TRIALS.len()],
}

/// Takes each of `sequences` through the first layer, if there is one, a few times.
pub(crate) fn trial(model: &Model, sequences: Sequences<'_>, workspace: &mut Workspace) -> Trial {
    let mut pass = Pass::new(model, workspace, None);
    pass.member.meet();
    let (met, mut layers) = (Instant::now(), [Duration::ZERO; TRIALS.len()]);
    let Workspace { hidden, block, .. } = workspace;
    let sequences = sequences.parts(1).filter(|_| !model.layers.is_empty());
    for (sequence, shortest) in sequences.zip(&mut layers) {
        hidden.resize(sequence.tokens() * pass.width);
        hidden.fill(0.0);
        *shortest = Duration::MAX;
        for _ in 0..REPEATS {
            pass.member.meet();
            let start = Instant::now();
            pass.inner_layer(0, sequence, hidden, block);
            *shortest = start.elapsed().min(*shortest);
        }
    }
    Trial { met, layers }
}
