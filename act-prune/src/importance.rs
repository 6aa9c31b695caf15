//! Importance: how much the loss would feel the loss of a head or of a neuron.
//!
//! One score a file; each gives a [`LayerImportance`] a layer, which is all that
//! [`select`](crate::select) sees.

mod first_order;

pub use act_nn::LayerImportance;
pub use first_order::first_order;
