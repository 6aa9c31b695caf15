//! The artifact against its specification, against damage, and against malice.

mod allocation;
mod by_hand;
mod damage;
mod golden;
mod hostile;
mod json_weight;
mod memory;
mod models;
mod refusals;
mod round_trip;
