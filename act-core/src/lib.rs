//! What flows between the stages: artifact, plan, names, tensors, quantisation, tokenizer, task and
//! metrics, provenance, errors. Knows no command line, no YAML and no burn.

pub mod arithmetic;
pub mod artifact;
pub mod batch;
pub mod device;
pub mod error;
pub mod json;
pub mod metrics;
mod named;
pub mod names;
pub mod params;
pub mod plan;
pub mod progress;
pub mod provenance;
pub mod quant;
pub mod seed;
pub mod target;
pub mod task;
pub mod task_info;
pub mod tensor;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod tokenizer;

pub use artifact::Artifact;
pub use batch::{Batch, Encoding};
pub use device::Device;
pub use error::{Error, ErrorKind, Result};
pub use names::{Embedding, Linear, Norm, Site};
pub use params::Params;
pub use plan::{Activation, Block, Embeddings, Family, Head, LayerPlan, Plan};
pub use progress::{Progress, Silent};
pub use seed::Seed;
pub use target::{ProblemKind, Target};
pub use task::BuiltIn;
pub use task_info::{Columns, Problem, TaskInfo};
pub use tensor::{DType, Tensor};
pub use tokenizer::{Tokenizer, TokenizerSpec, WordPieceSpec};
