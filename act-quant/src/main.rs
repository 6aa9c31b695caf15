//! Placeholder; the stage comes with the following commits.
fn main() {}
