//! Casts from one type to another, which are passed over where no number is lost by it.

use act_core::Result;

use super::Walk;
use crate::paddle::op::Op;
use crate::paddle::proto::data_type;

impl<'a> Walk<'a> {
    /// Goes back through casts of token ids, as far as they keep every id.
    pub(super) fn cast_ids(&self, mut variable: &'a str) -> Result<&'a str> {
        while let Some(cast) = self.cast(variable) {
            // int32, int64, float32, float64: exact for every row of a table.
            if !matches!(cast.int("out_dtype", 5)?, 2 | 3 | 5 | 6) {
                return Err(cast.refuse("casts token ids to a type that does not hold them"));
            }
            variable = self.unary(cast)?;
        }
        Ok(variable)
    }

    /// Goes back through casts of numbers from one floating type to another: here all are single precision.
    pub(super) fn uncast(&self, mut variable: &'a str) -> Result<&'a str> {
        while let Some(cast) = self
            .cast(variable)
            .filter(|op| matches!(op.casts_to_float(), Ok(true)))
        {
            variable = self.unary(cast)?;
        }
        Ok(variable)
    }

    /// The cast that writes a variable.
    fn cast(&self, variable: &str) -> Option<&'a Op> {
        let writer = self.program.writer(variable);
        writer.filter(|op| op.kind() == "cast")
    }
}

impl Op {
    /// True for a cast to a floating type.
    pub(super) fn casts_to_float(&self) -> Result<bool> {
        use data_type::{BF16, FP16, FP32, FP64};
        let types = [FP16, FP32, FP64, BF16].map(i64::from);
        Ok(types.contains(&self.int("out_dtype", FP32.into())?))
    }
}
