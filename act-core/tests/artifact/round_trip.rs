//! What is written is what is read, by every way of reading.

use std::io::Read;

use act_core::artifact::{Header, inspect};
use act_core::testing::{FAMILIES, TinyInt8, TinyOptions, tiny_artifact};
use act_core::{Artifact, DType, LayerPlan};
use proptest::prelude::*;

use crate::{by_hand, models};

/// A pipe that gives one byte at a time and is interrupted before each.
struct Drip<'a> {
    bytes: &'a [u8],
    interrupt: bool,
}

impl Read for Drip<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.interrupt = !self.interrupt;
        if self.interrupt {
            return Err(std::io::ErrorKind::Interrupted.into());
        }
        let n = buffer.len().min(1);
        self.bytes.read(&mut buffer[..n])
    }
}

fn assert_same(name: &str, got: &Artifact, wanted: &Artifact) {
    assert_eq!(got.plan, wanted.plan, "{name}");
    assert_eq!(got.task, wanted.task, "{name}");
    assert_eq!(got.tokenizer, wanted.tokenizer, "{name}");
    assert_eq!(got.quant, wanted.quant, "{name}");
    assert_eq!(got.provenance, wanted.provenance, "{name}");
    assert_eq!(got.params.len(), wanted.params.len(), "{name}");
    for (tensor, wanted) in wanted.params.iter() {
        let got = got.params.get(tensor).unwrap();
        assert_eq!(
            (got.dtype(), got.shape()),
            (wanted.dtype(), wanted.shape()),
            "{name} {tensor}"
        );
        assert_eq!(got.bytes(), wanted.bytes(), "{name} {tensor}");
    }
}

#[test]
fn every_kind_of_model_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    for (name, artifact) in models::all() {
        let bytes = artifact.to_bytes().unwrap();
        let path = folder.path().join("model.act");
        std::fs::write(&path, &bytes).unwrap();
        let mapped = Artifact::open(&path).unwrap();
        for read in [
            Artifact::read(&bytes[..]).unwrap(),
            Artifact::read(Drip {
                bytes: &bytes,
                interrupt: false,
            })
            .unwrap(),
            mapped,
        ] {
            assert_same(name, &read, &artifact);
            assert_eq!(read.to_bytes().unwrap(), bytes, "{name}");
        }
        assert_eq!(artifact.file_len().unwrap(), bytes.len() as u64, "{name}");
    }
}

#[test]
fn a_map_outlives_the_name_of_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.act");
    let bytes = models::small(true).to_bytes().unwrap();
    std::fs::write(&path, &bytes).unwrap();
    let mapped = Artifact::open(&path).unwrap();
    // What a stage does: a new file under the old name.
    let new = folder.path().join("new");
    std::fs::write(&new, b"something else").unwrap();
    std::fs::rename(&new, &path).unwrap();
    assert_eq!(mapped.clone().to_bytes().unwrap(), bytes);
}

#[cfg(unix)]
#[test]
fn a_pipe_has_no_size_and_still_opens() {
    use std::io::Write;
    use std::os::fd::AsRawFd;
    let bytes = models::small(false).to_bytes().unwrap();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let path = format!("/dev/fd/{}", reader.as_raw_fd());
    let sender = std::thread::spawn({
        let bytes = bytes.clone();
        move || writer.write_all(&bytes)
    });
    assert_eq!(Artifact::open(path).unwrap().to_bytes().unwrap(), bytes);
    sender.join().unwrap().unwrap();
}

#[test]
fn the_header_tells_all_without_the_tensors() {
    let folder = tempfile::tempdir().unwrap();
    for (name, artifact) in models::all() {
        let bytes = artifact.to_bytes().unwrap();
        let path = folder.path().join("model.act");
        std::fs::write(&path, &bytes).unwrap();
        let header = inspect(&path).unwrap();
        assert_eq!(header.plan, artifact.plan, "{name}");
        assert_eq!(header.provenance, artifact.provenance, "{name}");
        assert_eq!(header.file_len, bytes.len() as u64, "{name}");
        assert_eq!(
            header.model_digest,
            artifact.model_digest().unwrap(),
            "{name}"
        );
        for entry in &header.tensors {
            let start = (header.data_offset + entry.offset) as usize;
            let tensor = artifact.params.get(&entry.spec.name).unwrap();
            assert_eq!(
                &bytes[start..start + entry.len as usize],
                tensor.bytes(),
                "{name}"
            );
            assert_eq!(start % 64, 0, "{name}");
        }
        // The bytes behind the header are not asked for.
        let first = &bytes[..header.data_offset as usize];
        assert_eq!(
            Header::read(first).unwrap().model_digest,
            header.model_digest
        );
    }
}

#[test]
fn int8_files_are_about_four_times_smaller() {
    let options = TinyOptions {
        hidden_size: 64,
        layers: vec![LayerPlan::full(4, 16, 256); 2],
        vocab_size: 4096,
        ..TinyOptions::default()
    };
    let float = tiny_artifact(1, &options);
    let int8 = Some(TinyInt8::default());
    let int8 = tiny_artifact(1, &TinyOptions { int8, ..options });
    let data = |a: &Artifact| a.params.iter().map(|(_, t)| t.bytes().len()).sum::<usize>() as f64;
    assert!(data(&float) / data(&int8) > 3.5);
    assert!(int8.params.iter().any(|(_, t)| t.dtype() == DType::I8));
}

#[test]
fn files_are_of_the_lowest_version_that_can_say_them() {
    for (name, artifact) in models::all() {
        let bytes = artifact.to_bytes().unwrap();
        let odd = [
            "odd parts",
            "relative positions",
            "odd words",
            "limited groups",
            "attention in integers",
        ];
        let minor = if name == "four bits" {
            2
        } else {
            u8::from(odd.contains(&name))
        };
        assert_eq!(bytes[10], minor, "{name}");
    }
}

#[test]
fn parts_that_are_stored_and_not_computed_are_named() {
    for (name, artifact) in models::all() {
        let refused = artifact.check_supported().err().map(|e| e.to_string());
        let part = match name {
            "relative positions" => Some("disentangled attention"),
            _ => None,
        };
        assert_eq!(refused.is_some(), part.is_some(), "{name}");
        for (refused, part) in refused.iter().zip(part) {
            assert!(refused.contains(part), "{name}: {refused}");
        }
    }
}

#[test]
fn the_model_digest_is_about_the_model_alone() {
    for int8 in [false, true] {
        let artifact = models::small(int8);
        let digest = artifact.model_digest().unwrap();
        let mut other = artifact.clone();
        other.provenance.clear();
        assert_eq!(other.model_digest().unwrap(), digest);
        assert_ne!(other.to_bytes().unwrap(), artifact.to_bytes().unwrap());

        type Change = fn(&mut Artifact);
        let changes: [Change; 4] = [
            |a| a.task.labels[0] = "other".into(),
            |a| a.tokenizer.word_piece_mut().unwrap().lowercase = false,
            |a| a.plan.layer_norm_eps = 1e-5,
            |a| {
                let values = vec![0.5; a.plan.num_labels];
                let name = act_core::Linear::Classifier.bias();
                a.params
                    .insert(name, act_core::Tensor::f32([values.len()], values));
            },
        ];
        for change in changes {
            let mut other = artifact.clone();
            change(&mut other);
            assert_ne!(other.model_digest().unwrap(), digest);
        }
    }
    assert_ne!(
        models::small(false).model_digest().unwrap(),
        models::small(true).model_digest().unwrap()
    );
}

fn any_layer() -> impl Strategy<Value = LayerPlan> {
    (
        1..5usize,
        proptest::collection::btree_set(0..64u16, 0..4),
        0..9usize,
    )
        .prop_map(|(head_dim, heads, intermediate_size)| LayerPlan {
            head_dim,
            kept_heads: heads.into_iter().collect(),
            intermediate_size,
            window: None,
        })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn any_shape_comes_back(
        seed: u64,
        hidden_size in 1..20usize,
        layers in proptest::collection::vec(any_layer(), 1..6),
        vocab_size in 5..200usize,
        num_labels in 1..5usize,
        family in proptest::sample::select(FAMILIES.to_vec()),
        int8: bool,
    ) {
        let options = TinyOptions {
            family,
            hidden_size,
            layers,
            vocab_size,
            num_labels,
            int8: int8.then(TinyInt8::default),
            ..TinyOptions::default()
        };
        let artifact = models::with_provenance(tiny_artifact(seed, &options));
        let bytes = artifact.to_bytes().unwrap();
        prop_assert!(bytes == by_hand::file(&artifact));
        assert_same("any", &Artifact::read(&bytes[..]).unwrap(), &artifact);
    }
}
