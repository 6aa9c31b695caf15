//! Files of schema 1 as the first writer wrote them. They load for ever, and their bytes never
//! change: whoever has to touch them has broken the format.
//!
//! Made once by `cargo test --release -p act-core --test artifact -- --ignored write_golden`.

use std::path::PathBuf;

use act_core::Artifact;

use crate::{by_hand, models};

/// File, its `model_digest`.
const GOLDEN: [(&str, &str); 2] = [
    (
        "v1-f32.act",
        "e2cb05fa62ba554020c0fbd528095ce0771b45b99d8a02305f0e60d2c49a49e9",
    ),
    (
        "v1-int8.act",
        "76c05055131a19a304312ebf5acd348b58dc2507dace38042e42554d6fd1bdff",
    ),
];

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
}

#[test]
fn golden_files_load_and_write_back_identically() {
    for (name, digest) in GOLDEN {
        let bytes = std::fs::read(path(name)).unwrap();
        let read = Artifact::read(&bytes[..]).unwrap();
        let mapped = Artifact::open(path(name)).unwrap();
        for artifact in [read, mapped] {
            assert_eq!(
                artifact.model_digest().unwrap().to_string(),
                digest,
                "{name}"
            );
            assert!(
                artifact.to_bytes().unwrap() == bytes,
                "{name} is written differently"
            );
            assert!(
                by_hand::file(&artifact) == bytes,
                "{name} is not as docs/format.md says"
            );
            assert_eq!(artifact.provenance[1].data[0].examples, 34_334);
            assert!(artifact.synthetic());
        }
    }
}

#[test]
#[ignore = "makes files that must never change; refuses to replace one"]
fn write_golden() {
    for (name, int8) in [("v1-f32.act", false), ("v1-int8.act", true)] {
        let artifact = models::small(int8);
        let mut file = std::fs::File::create_new(path(name)).unwrap();
        artifact.write(&mut file).unwrap();
        println!("{name} {}", artifact.model_digest().unwrap());
    }
}
