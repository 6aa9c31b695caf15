//! The attention of a layer, a few heads at a time: their queries, keys and values are used as soon as
//! they are there, while they are in the nearest caches.

use std::ops::Range;

use act_core::Site;

use super::Pass;
use crate::attention::{Head, MASKED, Values, attend, attend_in_integers};
use crate::dense::{Dense, Input};
use crate::gemm::{Left, Out};
use crate::model::HeadProjections;
use crate::ops::norm::{LayerNorm, layer_norm_into};
use crate::ops::rotary::turn_rows;
use crate::profile::Phase;
use crate::sequences::Sequences;
use crate::team::Split;
use crate::workspace::{BlockMemory, HeadMemory};

/// Queries that are there before keys and values, one a sequence: these columns of the heads'.
struct Queries<'a> {
    values: &'a [f32],
    columns: Range<usize>,
}

impl Pass<'_, '_> {
    /// The heads' context of every token of a block, into `memory.context`.
    pub(super) fn attention(
        &mut self,
        l: usize,
        heads: &HeadProjections,
        block: Sequences<'_>,
        rows: &[f32],
        memory: &mut BlockMemory,
    ) {
        let BlockMemory {
            heads: own,
            context,
            bytes,
            ..
        } = memory;
        context.resize(block.tokens() * heads.width());
        let input = &mut Input::new(rows, self.width, bytes);
        self.block(heads, block, input, None, context, own);
        self.complete_context(l, heads, context);
    }

    /// The heads' context of the classified positions of a chunk, into `memory.context`. `hidden` is
    /// the stream of all tokens, `first` that of these positions; the norm is that before the block.
    pub(super) fn first_attention(
        &mut self,
        l: usize,
        (heads, norm): (&HeadProjections, Option<&LayerNorm>),
        chunk: Sequences<'_>,
        hidden: &[f32],
        first: &[f32],
        memory: &mut BlockMemory,
    ) {
        let mut normed = self.normed(norm, first, memory);
        let BlockMemory {
            heads: own,
            context,
            bytes,
            queries,
            ..
        } = memory;
        let width = heads.width();
        context.resize(chunk.count() * width);
        let columns = self.member.part(self.split(heads));
        queries.resize(chunk.count() * columns.len());
        let input = &mut Input::new(normed.as_deref().unwrap_or(first), self.width, bytes);
        // They stand at place 0, where nothing is turned.
        self.project(&heads.query, input, columns.clone(), queries);

        let (mut hidden, mut queries, mut context_rows) = (hidden, &queries[..], &mut context[..]);
        for part in chunk.parts(self.block_tokens) {
            let (here, rest) = hidden.split_at(part.tokens() * self.width);
            let (values, later) = queries.split_at(part.count() * columns.len());
            let (own_context, others) = context_rows.split_at_mut(part.count() * width);
            let columns = columns.clone();
            let queries_here = Some(Queries { values, columns });
            if let (Some(normed), Some(norm)) = (&mut normed, norm) {
                normed.resize(here.len());
                layer_norm_into(self.isa, here, norm, normed);
                self.clock.lap(Phase::Norm);
            }
            let input = &mut Input::new(normed.as_deref().unwrap_or(here), self.width, bytes);
            self.block(heads, part, input, queries_here, own_context, own);
            (hidden, queries, context_rows) = (rest, later, others);
        }
        memory.keep(normed);
        self.complete_context(l, heads, &mut memory.context);
    }

    /// This member's heads over a block, into their columns of `context`.
    fn block(
        &mut self,
        heads: &HeadProjections,
        block: Sequences<'_>,
        input: &mut Input<'_>,
        queries: Option<Queries<'_>>,
        context: &mut [f32],
        memory: &mut HeadMemory,
    ) {
        key_mask(block, self.model.pad_id, &mut memory.mask);
        if let Some(which) = heads.frequencies {
            self.model.reach(which, block.longest(), &mut memory.turns);
        }
        let split = self.split(heads);
        let part = self.member.part(split);
        let together = if self.observer.is_none() && heads.share_bytes() {
            split.unit
        } else {
            heads.width()
        };
        for start in part.clone().step_by(together) {
            let group = start..(start + together).min(part.end);
            let size = block.tokens() * group.len();
            if queries.is_none() {
                memory.query.resize(size);
                self.project(&heads.query, input, group.clone(), &mut memory.query);
                self.turn(heads, block, group.len(), &memory.turns, &mut memory.query);
            }
            memory.key.resize(size);
            self.project(&heads.key, input, group.clone(), &mut memory.key);
            self.turn(heads, block, group.len(), &memory.turns, &mut memory.key);
            let in_panels = self.observer.is_none()
                && !heads.in_integers
                && memory.value_panels.fit(heads.head_dim);
            if in_panels {
                self.project_panels(&heads.value, input, group.clone(), block.tokens(), memory);
            } else {
                memory.value.resize(size);
                self.project(&heads.value, input, group.clone(), &mut memory.value);
            }
            let queries = queries.as_ref();
            self.sequences(heads, block, (group, in_panels), queries, context, memory);
        }
    }

    /// Every sequence of a block by every head of a group of columns.
    fn sequences(
        &mut self,
        heads: &HeadProjections,
        block: Sequences<'_>,
        (group, in_panels): (Range<usize>, bool),
        queries: Option<&Queries<'_>>,
        context: &mut [f32],
        memory: &mut HeadMemory,
    ) {
        let HeadMemory {
            query,
            key,
            value,
            value_panels,
            mask,
            attention,
            ..
        } = memory;
        let (width, head_dim, bias) = (heads.width(), heads.head_dim, self.model.bias.as_ref());
        for column in group.clone().step_by(head_dim) {
            let columns = column - group.start..column - group.start + head_dim;
            let (mut query_row, mut key_row) = (0, 0);
            for &tokens in block.lengths() {
                let rows = |values, first, rows, columns: &Range<usize>, at| {
                    let (values, stride): (&[f32], usize) = (values, columns.len());
                    let values = &values[first * stride + at..];
                    Left {
                        values,
                        stride,
                        rows,
                    }
                };
                let head = Head {
                    queries: match queries {
                        Some(known) => {
                            let at = column - known.columns.start;
                            rows(known.values, query_row, 1, &known.columns, at)
                        }
                        None => rows(query, query_row, tokens, &group, columns.start),
                    },
                    keys: rows(key, key_row, tokens, &group, columns.start),
                    values: if in_panels {
                        let rows = key_row..key_row + tokens;
                        Values::Panels(value_panels, rows, columns.clone())
                    } else {
                        Values::Rows(rows(value, key_row, tokens, &group, columns.start))
                    },
                    head_dim,
                    window: heads.window,
                    bias: bias.map(|bias| {
                        let head = usize::from(heads.kept[column / head_dim]);
                        (&bias.buckets, bias.of_head(head))
                    }),
                    mask: mask.get(key_row..key_row + tokens).unwrap_or(&[]),
                };
                let out = (&mut context[query_row * width + column..], width);
                query_row += head.queries.rows;
                key_row += tokens;
                let attend = if heads.in_integers {
                    attend_in_integers
                } else {
                    attend
                };
                attend(self.isa, &head, attention, out, &mut self.clock);
            }
        }
    }

    /// How the heads' columns are divided among threads, and taken by each: as few heads as fill whole
    /// panels. (All of a thread's where an observer wants to see them together, or where the projections
    /// would turn their input into different bytes again and again.)
    fn split(&self, heads: &HeadProjections) -> Split {
        Split {
            columns: heads.width(),
            unit: whole_panels(heads.head_dim, self.model.kernel.width()),
        }
    }

    /// Some columns of a projection, whole panels of this member's, into `out`.
    fn project(
        &mut self,
        dense: &Dense,
        input: &mut Input<'_>,
        columns: Range<usize>,
        out: &mut [f32],
    ) {
        self.observe(Site::Input(dense.name()), input.values(), input.columns());
        let into = (Out::Floats(out), columns.len());
        dense.forward_part(self.isa, input, columns, into, &mut self.clock);
        self.clock.lap(Phase::Projections);
        self.observe(Site::Projection(dense.name()), out, dense.outputs());
    }

    /// Turns queries or keys of every token by their places, where this layer does.
    fn turn(
        &mut self,
        heads: &HeadProjections,
        block: Sequences<'_>,
        columns: usize,
        turns: &[Vec<f32>],
        values: &mut [f32],
    ) {
        let Some(which) = heads.frequencies else {
            return;
        };
        let mut rest = values;
        for &tokens in block.lengths() {
            let (rows, others) = rest.split_at_mut(tokens * columns);
            turn_rows(self.isa, rows, columns, &turns[which], heads.head_dim);
            rest = others;
        }
        self.clock.lap(Phase::Projections);
    }

    /// Some columns of a projection into the panels of `memory.value_panels`.
    fn project_panels(
        &mut self,
        dense: &Dense,
        input: &mut Input<'_>,
        columns: Range<usize>,
        rows: usize,
        memory: &mut HeadMemory,
    ) {
        let width = self.model.kernel.width();
        let panels = memory.value_panels.reshape(rows, columns.len());
        for (start, panel) in columns.step_by(width).zip(panels) {
            let into = (Out::Floats(panel), width);
            let columns = start..start + width;
            dense.forward_part(self.isa, input, columns, into, &mut self.clock);
        }
        self.clock.lap(Phase::Projections);
    }

    /// Gets the other members' columns.
    fn complete_context(&mut self, l: usize, heads: &HeadProjections, context: &mut [f32]) {
        let (width, split) = (heads.width(), self.split(heads));
        self.member.complete(Out::Floats(context), width, split);
        self.observe(Site::Heads(l), context, width);
    }
}

/// Columns of the fewest heads that end with a panel.
fn whole_panels(head_dim: usize, width: usize) -> usize {
    let heads = (1..width).find(|heads| (heads * head_dim).is_multiple_of(width));
    heads.unwrap_or(width) * head_dim
}

/// What to add to the scores of each key of a block; empty if no token is a pad.
fn key_mask(block: Sequences<'_>, pad_id: u32, mask: &mut Vec<f32>) {
    mask.clear();
    if block.ids().contains(&pad_id) {
        let scores = block
            .ids()
            .iter()
            .map(|&id| if id == pad_id { MASKED } else { 0.0 });
        mask.extend(scores);
    }
}
