//! The sum of embedding tables. What a table is follows from its row numbers: tokens, the other
//! input (token types), a running count (positions), or a constant (ERNIE's task).

use act_core::artifact::limits;
use act_core::{Embedding, Error, Result};

use super::Walk;
use super::mask::whole;
use crate::paddle::op::Op;

/// An embedding table.
#[derive(Debug)]
pub struct Table<'a> {
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
    pub word: Table<'a>,
    /// A row a position.
    pub position: Table<'a>,
    /// A row a segment.
    pub token_type: Table<'a>,
    /// ERNIE's, with the row that is added to every token.
    pub task_type: Option<(Table<'a>, u32)>,
}

impl<'a> Walk<'a> {
    /// True if a norm stands over the sum of the tables, and not over a layer.
    pub(super) fn sums_tables(&self, norm: &'a Op) -> Result<bool> {
        let sum = self.source(norm.input("X")?)?;
        let mut terms = self.terms(sum.variable)?.into_iter();
        Ok(terms.any(|(term, _)| self.kind(term) == Some("lookup_table_v2")))
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

    /// The tables of a sum; `tokens` is the input that the mask looks at.
    pub(super) fn embeddings(&self, sum: &'a str, tokens: &str) -> Result<Embeddings<'a>> {
        let mut found: Vec<(Embedding, Table<'a>, u32)> = Vec::new();
        for (term, factor) in self.terms(sum)? {
            let lookup = self.expect(term, &["lookup_table_v2"])?;
            lookup.reads_only(&["W", "Ids"])?;
            let table = Table {
                parameter: self.parameter(lookup, "W")?,
                zero_row: u32::try_from(lookup.int("padding_idx", -1)?).ok(),
                factor,
            };
            let (role, row) = self.role(lookup, tokens)?;
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
        let task_type = take(Embedding::TaskType);
        let mut must = |role| take(role).map(|(table, _)| table).ok_or_else(missing(role));
        Ok(Embeddings {
            word: must(Embedding::Word)?,
            position: must(Embedding::Position)?,
            token_type: must(Embedding::TokenType)?,
            task_type,
        })
    }

    /// What a lookup's row numbers say about its table; the row, if it is always the same.
    fn role(&self, lookup: &'a Op, tokens: &str) -> Result<(Embedding, u32)> {
        let mut ids = lookup.input("Ids")?;
        if let Some(row) = self.constant(ids)? {
            let row = whole(lookup, row)?;
            if row as usize >= limits::TYPES {
                return Err(lookup.refuse(format!("always reads row {row}")));
            }
            return Ok((Embedding::TaskType, row));
        }
        while let Some(cast) = self.program.writer(ids).filter(|op| op.kind() == "cast") {
            ids = self.unary(cast)?;
        }
        let op = self.expect(ids, &["feed", "elementwise_sub"])?;
        match op.kind() {
            "feed" if ids == tokens => Ok((Embedding::Word, 0)),
            "feed" => Ok((Embedding::TokenType, 0)),
            _ => self.counts_from_zero(op).map(|()| (Embedding::Position, 0)),
        }
    }

    /// Checks that a difference is 0, 1, 2, ... along each sequence: the running sum of ones, less
    /// ones.
    fn counts_from_zero(&self, difference: &'a Op) -> Result<()> {
        let [sum, ones] = self.operands(difference)?;
        let cumsum = self.expect(sum, &["cumsum"])?;
        let summed = self.constant(self.unary(cumsum)?)?;
        let plain = matches!(cumsum.int("axis", -1)?, 1 | -1)
            && !cumsum.flag("exclusive", false)?
            && !cumsum.flag("reverse", false)?
            && !cumsum.flag("flatten", false)?;
        if !plain || summed != Some(1.0) || self.constant(ones)? != Some(1.0) {
            return Err(cumsum.refuse("does not count the positions from 0"));
        }
        Ok(())
    }
}
