//! How long a plan takes on this machine, in the engine that will serve it.
//!
//! [`Setting`] says what is served and how, [`stand_in`] makes a model of any shape to time,
//! [`race`] times some of them in turn, [`Table`] knows what every block of a size costs, and
//! [`cache`] keeps the table. Time depends on shapes and not on what weights hold, so no trained
//! model is needed here.

pub mod cache;
mod curve;
mod race;
mod setting;
mod stand_in;
mod table;

pub use curve::Curve;
pub use race::{Timed, race};
pub use setting::{Precision, Setting};
pub use stand_in::{deployed_quant, stand_in};
pub use table::{Fingerprint, Shape, Table};
