//! How long a plan takes on this machine, in the engine that will serve it.
//!
//! [`LatencySetting`] says what is served and how, [`stand_in`] makes a model of any shape to time,
//! [`race`] times some of them in turn, [`LatencyTable`] knows what every block of a size costs, and
//! [`cache`] keeps the table. Time depends on shapes and not on what weights hold, so no trained
//! model is needed here.

pub mod cache;
mod curve;
mod fingerprint;
mod race;
mod setting;
mod stand_in;
mod table;

pub use curve::CostCurve;
pub use fingerprint::{EncoderShape, Fingerprint};
pub use race::{Timed, race};
pub use setting::{LatencySetting, Precision, Serving};
pub use stand_in::{deployed_quant, stand_in};
pub use table::LatencyTable;
