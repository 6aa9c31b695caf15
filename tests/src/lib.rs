//! Tests across crates: pipelines, pipes, hostile files.
