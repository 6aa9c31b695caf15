//! Pruning to a promise: a [`Target`] that is measured, and a search for the network that keeps
//! most importance and meets it.
//!
//! [`blocks`] says what may be chosen, [`cost`] what a plan costs in the target's own unit,
//! [`search`] finds the best choice, and [`promise`] measures it and searches again until what was
//! promised is kept, or refuses. Which heads and neurons stay is not decided here, only how many.

pub mod blocks;
pub mod cost;
pub mod promise;
pub mod search;
pub mod target;

pub use cost::Cost;
pub use promise::{Kept, Yardstick, keep_promise};
pub use target::{Step, Target};
