//! The forward pass over ragged sequences: embeddings, encoder layers, pooler, classifier.
//!
//! Sequences go through in chunks, a chunk layer by layer, a layer in blocks of whole sequences,
//! so that a layer's weights are read once a chunk and a block's values stay in the cache. Rows
//! meet only inside their own sequence's attention, so no result depends on how sequences are
//! grouped. Where the head reads the first token alone, only what that needs of the last layer is
//! computed: keys and values of all tokens, everything else for that position.

use std::mem;

use act_core::Site;
use act_core::plan::Pooling;

use crate::aligned::Aligned;
use crate::dense::{Dense, Input};
use crate::gemm::{COLUMN_BLOCK, Out};
use crate::model::{BlockNorm, Embeddings, Layer, Model};
use crate::observer::Observer;
use crate::ops::Isa;
use crate::ops::activation::activate_all;
use crate::ops::norm::{LayerNorm, layer_norm, layer_norm_into};
use crate::ops::pool::mean_rows;
use crate::profile::{Clock, Phase};
use crate::sequences::Sequences;
use crate::team::{Member, Split};
use crate::workspace::{BlockMemory, Workspace};

mod heads;
mod parts;

pub(crate) use parts::{classify, embed, step, trial};

/// Tokens of a chunk, about: bounds memory, and is enough to make reading the weights cheap.
const CHUNK_TOKENS: usize = 2048;
/// Tokens of a block, about: few enough that its values stay in a second-level cache.
const BLOCK_TOKENS: usize = 96;
/// No layer: embeddings and head.
const OUTSIDE: usize = usize::MAX;

/// Class scores of `sequences`, row by row, into `logits`. An observer sees each site's values
/// once, those of all sequences.
pub(crate) fn forward(
    model: &Model,
    sequences: Sequences<'_>,
    workspace: &mut Workspace,
    observer: Option<&mut dyn Observer>,
    logits: &mut [f32],
) {
    let mut rest = logits;
    let mut pass = Pass::new(model, workspace, observer);
    for chunk in sequences.parts(pass.chunk_tokens) {
        let (scores, others) = rest.split_at_mut(chunk.count() * model.classifier.outputs());
        pass.chunk(chunk, workspace, scores);
        rest = others;
    }
    workspace.clock = pass.clock;
}

struct Pass<'m, 'o> {
    model: &'m Model,
    isa: Isa,
    /// Width of the residual stream.
    width: usize,
    chunk_tokens: usize,
    block_tokens: usize,
    observer: Option<&'o mut dyn Observer>,
    clock: Clock,
    member: Member,
}

impl<'m, 'o> Pass<'m, 'o> {
    /// Takes the clock of `workspace`, and this thread's part in the pass.
    fn new(
        model: &'m Model,
        workspace: &mut Workspace,
        observer: Option<&'o mut dyn Observer>,
    ) -> Self {
        let (chunk_tokens, block_tokens) = match observer {
            Some(_) => (usize::MAX, usize::MAX),
            None => (CHUNK_TOKENS, BLOCK_TOKENS),
        };
        Self {
            model,
            isa: model.kernel.isa(),
            width: model.width,
            chunk_tokens,
            block_tokens,
            observer,
            clock: mem::take(&mut workspace.clock),
            member: mem::take(&mut workspace.member),
        }
    }
}

impl Pass<'_, '_> {
    fn chunk(&mut self, chunk: Sequences<'_>, workspace: &mut Workspace, logits: &mut [f32]) {
        let (model, width) = (self.model, self.width);
        let Workspace {
            hidden,
            first,
            block,
            ..
        } = workspace;
        hidden.resize(chunk.tokens() * width);
        first.resize(chunk.count() * width);
        self.clock.enter(OUTSIDE);
        self.embed(&model.embeddings, chunk, hidden, block);

        let earlier = model.layers.len().saturating_sub(1);
        for l in 0..earlier {
            self.inner_layer(l, chunk, hidden, block);
        }
        self.last_and_pool(chunk, hidden, first, block);
        self.head(first, logits, block);
    }

    /// What the last layer and the norm behind it give of the rows that the head reads, into `first`.
    fn last_and_pool(
        &mut self,
        chunk: Sequences<'_>,
        hidden: &mut [f32],
        first: &mut [f32],
        block: &mut BlockMemory,
    ) {
        let (model, width) = (self.model, self.width);
        match model.pooling {
            Pooling::FirstToken => {
                gather_first(chunk, hidden, first, width);
                if !model.layers.is_empty() {
                    self.last_layer(chunk, hidden, first, block);
                }
                self.final_norm(first);
            }
            Pooling::Mean => {
                if let Some(last) = model.layers.len().checked_sub(1) {
                    self.inner_layer(last, chunk, hidden, block);
                }
                self.clock.enter(OUTSIDE);
                self.final_norm(hidden);
                let mut rest = &hidden[..];
                for (sequence, mean) in chunk.parts(1).zip(first.chunks_exact_mut(width)) {
                    let (rows, others) = rest.split_at(sequence.tokens() * width);
                    let ids = sequence.ids().iter();
                    block.counted.clear();
                    block.counted.extend(ids.map(|&id| id != model.pad_id));
                    mean_rows(self.isa, rows, &block.counted, mean);
                    rest = others;
                }
                self.clock.lap(Phase::Head);
            }
        }
    }

    fn final_norm(&mut self, rows: &mut [f32]) {
        if let Some(norm) = &self.model.final_norm {
            layer_norm(self.isa, rows, norm);
            self.clock.lap(Phase::Norm);
        }
    }

    /// What a norm before a block makes of `rows`, in memory that is given back by
    /// [`BlockMemory::keep`]; nothing where there is no such norm.
    fn normed(
        &mut self,
        norm: Option<&LayerNorm>,
        rows: &[f32],
        memory: &mut BlockMemory,
    ) -> Option<Aligned<f32>> {
        let norm = norm?;
        let mut normed = mem::replace(&mut memory.normed, Aligned::zeroed(0));
        normed.resize(rows.len());
        layer_norm_into(self.isa, rows, norm, &mut normed);
        self.clock.lap(Phase::Norm);
        Some(normed)
    }

    /// A layer that is not the last, over the stream of all tokens.
    fn inner_layer(
        &mut self,
        l: usize,
        chunk: Sequences<'_>,
        hidden: &mut [f32],
        block: &mut BlockMemory,
    ) {
        self.clock.enter(l);
        let (layer, mut rest) = (&self.model.layers[l], hidden);
        for part in chunk.parts(self.block_tokens) {
            let (rows, others) = rest.split_at_mut(part.tokens() * self.width);
            if let Some(heads) = &layer.heads {
                let normed = self.normed(layer.attention_norm.before.as_ref(), rows, block);
                let input = normed.as_deref().unwrap_or(rows);
                self.attention(l, heads, part, input, block);
                block.keep(normed);
            }
            self.add_blocks(l, layer, 0, rows, block);
            rest = others;
        }
    }

    /// The last layer, over the stream `first` of the classified positions; `hidden` is that of all
    /// tokens. Few rows a block are left behind attention, so those of all blocks go on together.
    fn last_layer(
        &mut self,
        chunk: Sequences<'_>,
        hidden: &[f32],
        first: &mut [f32],
        block: &mut BlockMemory,
    ) {
        let l = self.model.layers.len() - 1;
        self.clock.enter(l);
        let layer = &self.model.layers[l];
        if let Some(heads) = &layer.heads {
            let norm = layer.attention_norm.before.as_ref();
            self.first_attention(l, (heads, norm), chunk, hidden, first, block);
        }
        let together = self.block_tokens.saturating_mul(self.width);
        for (i, rows) in first.chunks_mut(together).enumerate() {
            self.add_blocks(l, layer, i * self.block_tokens, rows, block);
        }
    }

    /// The residual stream before the first layer, into `hidden`.
    fn embed(
        &mut self,
        tables: &Embeddings,
        chunk: Sequences<'_>,
        hidden: &mut [f32],
        memory: &mut BlockMemory,
    ) {
        let Some(projection) = &tables.projection else {
            self.add_tables(tables, chunk, hidden);
            self.clock.lap(Phase::Embeddings);
            self.observe(Site::EmbeddingsOutput, hidden, self.width);
            return;
        };
        let BlockMemory { narrow, bytes, .. } = memory;
        let mut rest = &mut hidden[..];
        for block in chunk.parts(self.block_tokens) {
            narrow.resize(block.tokens() * tables.plan.width);
            self.add_tables(tables, block, narrow);
            let (rows, others) = rest.split_at_mut(block.tokens() * self.width);
            let mut input = Input::new(narrow, tables.plan.width, bytes);
            let out = (Out::Floats(rows), self.width);
            self.dense(projection, &mut input, out, Phase::Embeddings);
            rest = others;
        }
        self.observe(Site::EmbeddingsOutput, hidden, self.width);
    }

    /// The sum of the embeddings of every token, normalised, into `sums`.
    fn add_tables(&self, tables: &Embeddings, tokens: Sequences<'_>, sums: &mut [f32]) {
        let rows = sums.chunks_exact_mut(tables.plan.width);
        let coordinates = tokens.coordinates(&tables.plan, self.model.pad_id);
        for (row, (word, kind, position)) in rows.zip(coordinates) {
            row.fill(0.0);
            tables.words.add_row(self.isa, word, row);
            if let Some(types) = &tables.types {
                types.add_row(self.isa, kind, row);
            }
            if let Some(positions) = &tables.positions {
                positions.add_row(self.isa, position, row);
            }
            if let Some(tasks) = &tables.tasks {
                tasks.add_row(self.isa, 0, row);
            }
        }
        layer_norm(self.isa, sums, &tables.norm);
    }

    /// What a layer does to the residual stream `rows` once it has the heads' context: their rows of
    /// `memory.context` begin with `first`.
    fn add_blocks(
        &mut self,
        l: usize,
        layer: &Layer,
        first: usize,
        rows: &mut [f32],
        memory: &mut BlockMemory,
    ) {
        match &layer.heads {
            Some(heads) => {
                let (width, count) = (heads.width(), rows.len() / self.width);
                let context = &memory.context[first * width..][..count * width];
                let mut input = Input::new(context, width, &mut memory.bytes);
                let dense = &layer.attention_output;
                let out = (Out::Added(rows), self.width);
                self.dense(dense, &mut input, out, Phase::AttentionOutput);
            }
            None => layer.attention_output.add_bias(rows),
        }
        self.norm_after(&layer.attention_norm, rows);
        if layer.output_norm.before.is_some() {
            self.observe(Site::Attended(l), rows, self.width);
        }
        match &layer.intermediate {
            Some(intermediate) => {
                let normed = self.normed(layer.output_norm.before.as_ref(), rows, memory);
                self.feed_forward(l, (layer, intermediate), normed.as_deref(), rows, memory);
                memory.keep(normed);
            }
            None => layer.output.add_bias(rows),
        }
        self.norm_after(&layer.output_norm, rows);
        self.observe(Site::Hidden(l), rows, self.width);
    }

    fn norm_after(&mut self, norm: &BlockNorm, rows: &mut [f32]) {
        if let Some(norm) = &norm.after {
            layer_norm(self.isa, rows, norm);
            self.clock.lap(Phase::Norm);
        }
    }

    /// Adds the neurons' contribution to `rows`; they see `normed` or, without it, `rows`. Where the
    /// second product takes bytes of known steps the first writes them, and the neurons are never seen
    /// as floats; but for those of a gate, which are multiplied first.
    fn feed_forward(
        &mut self,
        l: usize,
        (layer, intermediate): (&Layer, &Dense),
        normed: Option<&[f32]>,
        rows: &mut [f32],
        memory: &mut BlockMemory,
    ) {
        let BlockMemory {
            neurons,
            neuron_bytes,
            bytes,
            ..
        } = memory;
        let (activation, count) = (self.model.activation, intermediate.outputs());
        let tokens = rows.len() / self.width;
        let mut input = Input::new(normed.unwrap_or(rows), self.width, bytes);
        let direct = match &layer.gate {
            None => layer.output.direct(tokens, activation, neuron_bytes),
            Some(_) => None,
        };
        let mut activated = match direct {
            Some(out) => {
                self.dense(intermediate, &mut input, out, Phase::Intermediate);
                Input::ready(count, neuron_bytes)
            }
            None => {
                neurons.resize(tokens * count);
                let out = (Out::Activated(neurons, activation), count);
                self.dense(intermediate, &mut input, out, Phase::Intermediate);
                if let Some(gate) = &layer.gate {
                    let out = (Out::Multiplied(neurons), count);
                    self.dense(gate, &mut input, out, Phase::Intermediate);
                }
                self.observe(Site::Intermediate(l), neurons, count);
                Input::new(neurons, count, neuron_bytes)
            }
        };
        let out = (Out::Added(rows), self.width);
        self.dense(&layer.output, &mut activated, out, Phase::Output);
    }

    /// Pooler and classifier over the classified positions.
    fn head(&mut self, first: &[f32], logits: &mut [f32], memory: &mut BlockMemory) {
        self.clock.enter(OUTSIDE);
        let BlockMemory { pooled, bytes, .. } = memory;
        let classifier = &self.model.classifier;
        let pooled = match &self.model.pooler {
            None => first,
            Some(pooler) => {
                pooled.resize(first.len());
                let mut input = Input::new(first, self.width, bytes);
                let out = (Out::Floats(pooled), self.width);
                self.dense(&pooler.dense, &mut input, out, Phase::Head);
                activate_all(self.isa, pooler.activation, pooled);
                if let Some(norm) = &pooler.norm {
                    layer_norm(self.isa, pooled, norm);
                }
                &pooled[..]
            }
        };
        let mut input = Input::new(pooled, self.width, bytes);
        let out = (Out::Floats(logits), classifier.outputs());
        self.dense(classifier, &mut input, out, Phase::Head);
        self.observe(Site::Logits, logits, classifier.outputs());
    }

    /// A linear layer, whole, into `out` with rows so far apart.
    fn dense(
        &mut self,
        dense: &Dense,
        input: &mut Input<'_>,
        (mut out, stride): (Out<'_>, usize),
        phase: Phase,
    ) {
        self.observe(Site::Input(dense.name()), input.values(), input.columns());
        let split = Split {
            columns: dense.outputs(),
            unit: COLUMN_BLOCK,
        };
        let columns = self.member.part(split);
        let into = (out.from(0), stride);
        dense.forward(self.isa, input, columns, into, &mut self.clock);
        self.member.complete(out, stride, split);
        self.clock.lap(phase);
    }

    fn observe(&mut self, site: Site, values: &[f32], columns: usize) {
        if let Some(observer) = &mut self.observer {
            observer.observe(site, values, columns);
        }
    }
}

/// The rows of the classified positions.
fn gather_first(chunk: Sequences<'_>, hidden: &[f32], first: &mut [f32], width: usize) {
    for (row, start) in first.chunks_exact_mut(width).zip(chunk.starts()) {
        row.copy_from_slice(&hidden[start * width..][..width]);
    }
}
