//! Importance and repair on a small trained model: scores against brute force, repaired models
//! against masked ones, and what is refused.

mod progress;
mod ranking;
mod refusals;
mod repair;
mod toy;
