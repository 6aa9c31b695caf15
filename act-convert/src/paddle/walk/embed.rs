//! The sum of embedding tables. What a table is follows from its row numbers: tokens, the other
//! input (token types), a running count (positions), or a constant (ERNIE's task).

mod positions;

use act_core::artifact::limits;
use act_core::{Embedding, Error, Result};

use super::constant::whole;
use super::{Dense, Mask, Scaled, Walk};
use crate::paddle::op::Op;

/// An embedding table.
#[derive(Debug)]
pub struct EmbeddingTable<'a> {
    /// Its parameter, `[rows, hidden]`.
    pub parameter: &'a str,
    /// This row counts as zeros, whatever is stored.
    pub zero_row: Option<u32>,
    /// What its rows are multiplied by.
    pub factor: f32,
}

/// The tables of an encoder.
#[derive(Debug)]
pub struct Embeddings<'a> {
    /// A row a token.
    pub word: EmbeddingTable<'a>,
    /// A row a position.
    pub position: EmbeddingTable<'a>,
    /// Rows before that of the first position; where there are any, pads are not counted.
    pub position_offset: u32,
    /// A row a segment, if the encoder tells segments.
    pub token_type: Option<EmbeddingTable<'a>>,
    /// The row that every token gets, where the program does not ask for token types.
    pub token_type_row: Option<u32>,
    /// ERNIE's, with the row that is added to every token.
    pub task_type: Option<(EmbeddingTable<'a>, u32)>,
}

impl<'a> Walk<'a> {
    /// True if a norm stands over the sum of the tables, and not over a layer.
    pub(super) fn sums_tables(&self, norm: &'a Op) -> Result<bool> {
        let sum = self.source(norm.input("X")?)?;
        let mut terms = self.terms(sum.variable)?.into_iter();
        Ok(terms.any(|(term, _)| self.kind(term) == Some("lookup_table_v2")))
    }

    /// The projection of the normed tables with this result, if it is one, and the norm.
    pub(super) fn projected_tables(
        &self,
        result: Scaled<'a>,
    ) -> Result<Option<(Dense<'a>, Scaled<'a>)>> {
        if !matches!(
            self.kind(result.variable),
            Some("elementwise_add" | "matmul_v2" | "matmul" | "mul")
        ) {
            return Ok(None);
        }
        let Ok((mut dense, input)) = self.dense(result) else {
            return Ok(None);
        };
        let normed = self.source(input)?;
        let norm = self.program.writer(normed.variable);
        let Some(norm) = norm.filter(|op| op.kind() == "layer_norm") else {
            return Ok(None);
        };
        if !self.sums_tables(norm)? {
            return Ok(None);
        }
        dense.input_factor = normed.factor;
        let factor = 1.0;
        Ok(Some((dense, Scaled { factor, ..normed })))
    }

    /// The terms of nested additions with their factors; a sum of more than 8 is taken apart no
    /// further.
    fn terms(&self, sum: &'a str) -> Result<Vec<(&'a str, f32)>> {
        let (mut open, mut terms) = (vec![(sum, 1.0)], Vec::new());
        while let Some((variable, factor)) = open.pop() {
            let at = self.source(variable)?;
            let factor = factor * at.factor;
            match self.program.writer(at.variable) {
                Some(add) if add.kind() == "elementwise_add" && terms.len() + open.len() < 8 => {
                    open.extend(self.operands(add)?.map(|term| (term, factor)));
                }
                _ => terms.push((at.variable, factor)),
            }
        }
        Ok(terms)
    }

    /// The tables of a sum, in a program with this mask.
    pub(super) fn embeddings(&self, sum: &'a str, mask: Mask<'a>) -> Result<Embeddings<'a>> {
        let terms = self.terms(sum)?;
        let tokens = match mask {
            Mask::Pad { tokens, .. } => tokens,
            Mask::Given(_) => self.first_input(&terms)?,
        };
        let mut found: Vec<(Embedding, EmbeddingTable<'a>, u32)> = Vec::new();
        for (term, factor) in terms {
            let lookup = self.expect(term, &["lookup_table_v2", "slice"])?;
            if lookup.kind() == "slice" {
                found.push((Embedding::Position, self.first_rows(lookup, factor)?, 0));
                continue;
            }
            lookup.reads_only(&["W", "Ids"])?;
            let table = EmbeddingTable {
                parameter: self.parameter(lookup, "W")?,
                zero_row: u32::try_from(lookup.int("padding_idx", -1)?).ok(),
                factor,
            };
            let (role, row) = self.role(lookup, tokens, mask)?;
            if found.iter().any(|(other, ..)| *other == role) {
                return Err(lookup.refuse(format!("is a second table of {role}")));
            }
            found.push((role, table, row));
        }
        let mut take = |role: Embedding| {
            let place = found.iter().position(|(other, ..)| *other == role)?;
            let (_, table, row) = found.swap_remove(place);
            Some((table, row))
        };
        let missing = |role| move || Error::rejected(format!("the program has no table of {role}"));
        let mut task_type = take(Embedding::TaskType);
        let (token_type, token_type_row) = match take(Embedding::TokenType) {
            Some((table, _)) => (Some(table), None),
            // A single constant row without token types: theirs, which nobody asks for.
            None => task_type.take().unzip(),
        };
        let mut must = |role| take(role).ok_or_else(missing(role));
        let (position, position_offset) = must(Embedding::Position)?;
        Ok(Embeddings {
            word: must(Embedding::Word)?.0,
            position,
            position_offset,
            token_type,
            token_type_row,
            task_type,
        })
    }

    /// The first of the program's inputs that a table is read with: the tokens, by custom.
    fn first_input(&self, terms: &[(&'a str, f32)]) -> Result<&'a str> {
        let mut first = None;
        for (term, _) in terms {
            let lookup = self.program.writer(term);
            let Some(lookup) = lookup.filter(|op| op.kind() == "lookup_table_v2") else {
                continue;
            };
            let ids = self.cast_ids(lookup.input("Ids")?)?;
            if let Some(feed) = self.program.writer(ids).filter(|op| op.kind() == "feed") {
                let place = feed.int("col", 0)?;
                if first.is_none_or(|(other, _)| place < other) {
                    first = Some((place, ids));
                }
            }
        }
        let none = || Error::rejected("the program reads no table with an input");
        first.map(|(_, ids)| ids).ok_or_else(none)
    }

    /// As many rows of a table as the sequence is long, from the first: positions.
    fn first_rows(&self, slice: &'a Op, factor: f32) -> Result<EmbeddingTable<'a>> {
        slice.reads_only(&["Input", "EndsTensorList"])?;
        slice.expect_ints("axes", &[0])?;
        slice.expect_ints("starts", &[0])?;
        slice.expect_ints("decrease_axis", &[])?;
        if self.length(slice.input("EndsTensorList")?)? != Some(1) {
            return Err(slice.refuse("does not take as many rows as the sequence has tokens"));
        }
        Ok(EmbeddingTable {
            parameter: self.parameter(slice, "Input")?,
            zero_row: None,
            factor,
        })
    }

    /// What a lookup's row numbers say about its table; the row, if it is always the same, or that
    /// of the first position.
    fn role(&self, lookup: &'a Op, tokens: &str, mask: Mask<'a>) -> Result<(Embedding, u32)> {
        let mut ids = lookup.input("Ids")?;
        if let Some(row) = self.constant(ids)? {
            let row = whole(lookup, row)?;
            if row as usize >= limits::TYPES {
                return Err(lookup.refuse(format!("always reads row {row}")));
            }
            return Ok((Embedding::TaskType, row));
        }
        // One row of positions serves every sequence of the batch.
        const REPEATS: [&str; 5] = [
            "cast",
            "unsqueeze2",
            "unsqueeze",
            "expand_v2",
            "expand_as_v2",
        ];
        let mut repeated = None;
        while let Some(op) = self
            .program
            .writer(ids)
            .filter(|op| REPEATS.contains(&op.kind()))
        {
            if op.kind() != "cast" {
                repeated = Some(op);
            }
            if op.kind().starts_with("unsqueeze") {
                op.expect_ints("axes", &[0])?;
            }
            ids = op.input("X")?;
        }
        let kinds = [
            "feed",
            "elementwise_sub",
            "range",
            "scale",
            "elementwise_add",
        ];
        let op = self.expect(ids, &kinds)?;
        if let Some(repeated) = repeated.filter(|_| op.kind() != "range") {
            return Err(repeated.refuse("reshapes the rows' numbers"));
        }
        match op.kind() {
            "range" => self
                .ranges_over_tokens(op)
                .map(|()| (Embedding::Position, 0)),
            "feed" if ids == tokens => Ok((Embedding::Word, 0)),
            "feed" => Ok((Embedding::TokenType, 0)),
            "scale" | "elementwise_add" => self
                .counts_without_pads(op, mask)
                .map(|first| (Embedding::Position, first)),
            _ => self.counts_from_zero(op).map(|()| (Embedding::Position, 0)),
        }
    }
}
