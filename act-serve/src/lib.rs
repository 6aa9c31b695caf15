//! Classifiers over HTTP/1.1, by the engine that users embed ([`act_infer`]).
//!
//! From the outside in: [`server`] accepts connections and ends, [`pace`] bounds how slow they may be,
//! [`routes`] says what may be asked, [`read`] takes a body in, [`desk`] makes token ids of texts and
//! JSON of answers off the thread that all connections share, [`question`], [`tei`] and [`answer`] are
//! the JSON, [`models`] holds what is loaded and reloads it, [`batch`] asks the engine, [`metrics`]
//! counts, [`failure`] is what a client is told.

pub mod answer;
pub mod args;
pub mod batch;
pub mod desk;
pub mod failure;
pub mod limits;
pub mod metrics;
pub mod models;
pub mod pace;
pub mod question;
pub mod read;
pub mod routes;
pub mod server;
pub mod signals;
pub mod tei;

pub use args::Cli;
pub use server::run;
