//! The shared vocabulary of act: what flows between the stages and the frame they stand in.
//!
//! Knows no burn. The feature `cli` adds the frame of the stage binaries (module `cli`).

pub mod artifact;
pub mod batch;
#[cfg(feature = "cli")]
pub mod cli;
pub mod config;
pub mod error;
pub mod metrics;
pub mod names;
pub mod params;
pub mod plan;
pub mod provenance;
pub mod quant;
pub mod report;
pub mod seed;
pub mod tensor;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod timing;
pub mod tokenizer;

pub use artifact::{Artifact, TaskInfo};
pub use batch::{Batch, Encoding};
pub use error::{Error, ErrorKind, Result};
pub use names::{Embedding, Linear, Norm, Site};
pub use params::Params;
pub use plan::{Activation, Family, LayerPlan, Plan};
pub use seed::Seed;
pub use tensor::{DType, Tensor};
pub use tokenizer::{Tokenizer, TokenizerSpec};
