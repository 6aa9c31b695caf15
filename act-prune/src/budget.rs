//! Pruning to a promise: a [`PruningTarget`] that is measured, and a search for the network that keeps
//! most importance and meets it.
//!
//! [`blocks`] says what may be chosen, [`cost`] what a plan costs in the target's own unit,
//! [`allocation`] finds by [`search`] what loses least within a limit, and [`promise`] measures it
//! and searches again until what was promised is kept, or refuses. Which heads and neurons stay is
//! not decided here, only how many.

pub mod allocation;
pub mod blocks;
pub mod cost;
pub mod operations;
pub mod promise;
pub mod search;
pub mod target;

pub use allocation::{Allocation, Allotted};
pub use cost::Cost;
pub use operations::Operations;
pub use promise::{KeptPromise, Yardstick, is_refusal, keep_promise};
pub use target::PruningTarget;
