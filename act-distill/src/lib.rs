//! Training of a float classifier: against labels, against a teacher, or against both.
//!
//! [`distill`](distill()) is the whole of it: a slice of train is held out ([`training_data`]), the
//! teacher answers once for every example, act-train's session does the rest, and what comes out is
//! compared with what went in ([`judged`], [`harm`]). Without a teacher this is plain fine-tuning. Dev is never
//! read.

pub mod cli;
pub mod harm;
pub mod judged;
pub mod options;
pub mod origin;
pub mod outcome;
pub mod record;
pub mod training_data;

mod distill;
mod prior;

pub use distill::distill;
pub use options::Options;
pub use outcome::Distilled;
