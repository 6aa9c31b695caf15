//! How much of the sizes that every layer shares is to stay.

/// What is to stay; `None` leaves it as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Size {
    /// Encoder layers.
    pub layers: Option<usize>,
    /// Units of the residual stream.
    pub hidden: Option<usize>,
}

impl Size {
    /// True if nothing is to change.
    pub fn is_whole(&self) -> bool {
        *self == Size::default()
    }
}
