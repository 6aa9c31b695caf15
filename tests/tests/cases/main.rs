//! Inputs that once gave wrong answers with exit code 0, and what is right. Each file is a kind; what
//! needs the collection in `../shared/cases` beside the checkout says that it is skipped without it.

mod checkpoints;
mod configuration;
mod data;
mod families;
mod metrics;
mod tokenizers;

use std::path::PathBuf;

use act_tests::{skipped, workspace};

/// A folder of the collection, `models/utf8_bom`; `None`, said loudly, where there is no collection.
fn case(name: &str) -> Option<PathBuf> {
    let path = workspace().join("../shared/cases").join(name);
    if !path.is_dir() {
        skipped(&format!("{} not found", path.display()));
        return None;
    }
    Some(path)
}
