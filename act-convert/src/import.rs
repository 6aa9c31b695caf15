//! What the user may say about a model that comes from elsewhere.

use std::path::PathBuf;

use act_core::Seed;

/// Choices of an import; what is left open comes from the model's own files.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// Task name.
    pub task: Option<String>,
    /// Label names; the index is the class.
    pub labels: Option<Vec<String>>,
    /// Longest sequence in tokens.
    pub max_seq_length: Option<usize>,
    /// Vocabulary to use instead of the folder's.
    pub vocab: Option<PathBuf>,
    /// Where a missing head's weights come from.
    pub seed: Seed,
}
