//! Files of each schema as their first writers wrote them. They load for ever, and their bytes
//! never change: whoever has to touch them has broken the format.
//!
//! Made once by `cargo test --release -p act-core --test artifact -- --ignored write_golden`.

use std::path::PathBuf;

use act_core::Artifact;

use crate::{by_hand, models};

/// File, its `model_digest`.
const GOLDEN: [(&str, &str); 5] = [
    (
        "v1-f32.act",
        "e2cb05fa62ba554020c0fbd528095ce0771b45b99d8a02305f0e60d2c49a49e9",
    ),
    (
        "v1-int8.act",
        "76c05055131a19a304312ebf5acd348b58dc2507dace38042e42554d6fd1bdff",
    ),
    (
        "v2-f32.act",
        "3f052ae2a688bb4ac1e9ba0fcaaa1e5507927c8d92594ef93fe2bf1377c3461c",
    ),
    (
        "v2-int8.act",
        "2f960f300b366f6f5d9f9600eb95ed920bf2df01230b65b3ac8419535051d43e",
    ),
    (
        "v2-int4.act",
        "d1388fe4705744c90cd32ff0a9326e47ee938ce5163e29849cf279f71c2abf9c",
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
#[ignore = "makes files that must never change; replaces none"]
fn write_golden() {
    for (name, artifact) in [
        ("v1-f32.act", models::small(false)),
        ("v1-int8.act", models::small(true)),
        ("v2-f32.act", models::odd()),
        ("v2-int8.act", models::limited()),
        ("v2-int4.act", models::four_bits()),
    ] {
        println!("{name} {}", artifact.model_digest().unwrap());
        if let Ok(mut file) = std::fs::File::create_new(path(name)) {
            artifact.write(&mut file).unwrap();
        }
    }
}
