//! The deployable encoder: padding-free f32 and int8 inference of text classifiers on CPUs.
//!
//! An [`Engine`] loads an [`Artifact`](act_core::Artifact), float or int8, and classifies texts or
//! ragged batches of token ids. Nothing is padded and nothing is computed that the answer does not
//! need. Answers do not depend on the number of threads, on what else is in a batch, or on the
//! [`Kernels`] that compute them. The crate knows no training framework and no command line.
//!
//! ```
//! # fn main() -> act_core::Result<()> {
//! # let artifact = act_core::testing::tiny_artifact(1, &Default::default());
//! use act_infer::Engine;
//!
//! // From a file: `Engine::open("int8.act")?`.
//! let engine = Engine::new(artifact)?.with_threads(2);
//! for answer in engine.classify_pairs(&[("花呗怎么还款", "花呗可以提前还款吗")])? {
//!     println!("{}: {:.3}", answer.label, answer.probabilities[answer.class]);
//! }
//! # Ok(())
//! # }
//! ```

mod aligned;
mod attention;
mod classify;
mod costs;
mod dense;
mod encode;
mod encoder;
mod engine;
#[doc(hidden)] // Open for the benchmark only.
pub mod gemm;
mod meeting;
mod model;
mod observer;
mod ops;
mod pool;
pub mod profile;
mod sequences;
mod session;
mod team;
mod teams;
mod workspace;

// What the surface speaks of, so that `act-infer` is all that a server needs.
pub use act_core::{Artifact, Batch, Encoding, Error, ErrorKind, Problem, ProblemKind, Result};
pub use classify::Classification;
pub use encode::Encoded;
pub use engine::{Engine, Stream};
pub use gemm::{COLUMN_BLOCK, Kernels};
pub use observer::Observer;
