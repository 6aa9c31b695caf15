//! Which outputs of a linear layer are meant: a fused layer holds those of several.

use std::ops::Range;

/// Some of the outputs of a linear layer: `count` ranges of `width`, `step` apart.
#[derive(Debug, Clone, PartialEq)]
pub struct MatrixColumns {
    /// First column.
    pub start: usize,
    /// Columns side by side.
    pub width: usize,
    /// From the start of a range to the next one's.
    pub step: usize,
    /// Number of ranges.
    pub count: usize,
}

impl MatrixColumns {
    /// Columns side by side.
    pub fn range(range: Range<usize>) -> Self {
        Self {
            start: range.start,
            width: range.len(),
            step: range.len(),
            count: 1,
        }
    }

    /// Their number, if it is one.
    pub fn total(&self) -> Option<usize> {
        self.width.checked_mul(self.count)
    }

    /// After the last.
    pub fn end(&self) -> Option<usize> {
        let last = self.count.checked_sub(1)?.checked_mul(self.step)?;
        self.start.checked_add(last)?.checked_add(self.width)
    }

    /// Their numbers, in the order of the layer that they make.
    pub fn iter(&self) -> impl Iterator<Item = usize> + Clone + use<> {
        let Self {
            start, width, step, ..
        } = *self;
        (0..self.count).flat_map(move |i| start + i * step..start + i * step + width)
    }
}
