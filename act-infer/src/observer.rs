//! A look inside the forward pass.

use act_core::Site;

/// Sees what flows through the f32 path: calibration and teachers use it.
pub trait Observer: Send {
    /// `values` is `[rows, columns]`, row-major; called once per site and batch, in forward order.
    fn observe(&mut self, site: Site, values: &[f32], columns: usize);
}
