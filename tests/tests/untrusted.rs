//! What fuzzing once found, and the seeds that it begins with, through the entry points that the
//! fuzz targets call. A file under `fuzz/regressions/<target>/` is a whole input, made smaller.

use std::fs;
use std::path::Path;

use act_tests::allocation::{Counting, peak_of};
use act_tests::untrusted::ENTRIES;

#[allow(dead_code)]
#[path = "../../act-convert/tests/paddle/attributes.rs"]
mod attributes;
#[path = "../examples/seeds/made.rs"]
mod made;
#[allow(dead_code)]
#[path = "../../act-convert/tests/paddle/writer.rs"]
mod writer;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn the_peak_of_memory_is_counted() {
    let (kept, peak) = peak_of(|| {
        drop(vec![0u8; 1000]);
        vec![0u8; 10]
    });
    assert_eq!((kept.len(), peak), (10, 1000));
}

#[test]
fn what_fuzzing_found_stays_mended() {
    let mut replayed = 0;
    for (target, entry) in ENTRIES {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fuzz/regressions")
            .join(target);
        for file in fs::read_dir(folder).into_iter().flatten() {
            let path = file.unwrap().path();
            println!("{}", path.display());
            entry(&fs::read(path).unwrap());
            replayed += 1;
        }
    }
    assert!(replayed > 0, "no regression was found on disk");
}

/// A seed that its parser refuses would start the fuzzer in front of a closed door.
#[test]
fn seeds_are_accepted_and_may_be_cut() {
    let seeds = made::all();
    for (target, entry) in ENTRIES {
        let own: Vec<_> = seeds.iter().filter(|seed| seed.target == target).collect();
        assert!(!own.is_empty(), "{target} has no seed");
        for made::Seed { name, bytes, .. } in own {
            assert!(entry(bytes), "{target} refuses {name}");
            for end in [bytes.len() - 1, bytes.len() / 2, 1, 0] {
                entry(&bytes[..end]);
            }
        }
    }
}

#[test]
fn the_program_of_the_parameter_target_is_the_writers() {
    let encoder = made::encoder();
    let written = writer::Writer::write(&encoder, writer::Manner::default()).model();
    assert!(written == include_bytes!("../src/untrusted/encoder.pdmodel"));
}

/// The fuzzer is a project of its own, which only `make fuzz` builds.
#[test]
fn the_lock_file_of_the_fuzzer_is_that_of_its_crates() {
    let ran = std::process::Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--offline", "--format-version", "1"])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz"))
        .output()
        .expect("cargo runs");
    let told = String::from_utf8_lossy(&ran.stderr);
    // Crates that are not here are no matter; a lock file that cargo would have to change is.
    assert!(!told.contains("lock file"), "{told}");
}
