//! Importance of attention heads, feed-forward neurons and units of the residual stream, from gradients of the labels' loss.
//!
//! One kind a file, one graph a batch; batches run side by side and are put together in order, so
//! that results do not depend on the number of threads. Dropout is off throughout.

mod first_order;
mod mask_gradients;
mod pass;
mod width;

pub use first_order::{LayerScores, importance};
pub use mask_gradients::{MaskGradients, mask_gradients};
pub use width::{WidthScores, width_importance};
