//! Shapes that a program computes: lengths taken from a value's `shape`, constants, and what a
//! reshape makes of them.

use act_core::Result;

use super::Walk;
use super::constant::whole;
use crate::paddle::op::Op;

impl<'a> Walk<'a> {
    /// The shape that a reshape is given: a size, 0 for the input's own at that place, or -1 for
    /// what is left.
    pub(super) fn target(&self, reshape: &'a Op) -> Result<Vec<i64>> {
        reshape.reads_only(&["X", "ShapeTensor"])?;
        let computed = reshape.inputs("ShapeTensor");
        if computed.is_empty() {
            return Ok(reshape.ints("shape")?.to_vec());
        }
        let size = |(place, variable): (usize, &'a String)| match self.constant(variable)? {
            Some(-1.0) => Ok(-1),
            Some(size) => Ok(i64::from(whole(reshape, size)?)),
            None if self.length(variable)? == Some(place as i64) => Ok(0),
            None => Err(reshape.refuse(format!("computes size {place} of its shape"))),
        };
        computed.iter().enumerate().map(size).collect()
    }

    /// The place whose length in some value's shape a variable holds.
    pub(super) fn length(&self, variable: &'a str) -> Result<Option<i64>> {
        let mut at = variable;
        while let Some(cast) = self.program.writer(at).filter(|op| op.kind() == "cast") {
            at = self.unary(cast)?;
        }
        let Some(slice) = self.program.writer(at).filter(|op| op.kind() == "slice") else {
            return Ok(None);
        };
        slice.reads_only(&["Input"])?;
        let of_shape = self.kind(slice.input("Input")?) == Some("shape");
        match (
            slice.ints("axes")?,
            slice.ints("starts")?,
            slice.ints("ends")?,
        ) {
            ([0], &[start], &[end]) if of_shape && end == start + 1 => Ok(Some(start)),
            _ => Ok(None),
        }
    }
}
