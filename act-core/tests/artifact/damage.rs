//! Exhaustive: no truncation and no single changed byte goes unnoticed, by either way of reading.

use std::io::{Seek, SeekFrom, Write};

use act_core::artifact::inspect;
use act_core::{Artifact, ErrorKind};

use crate::models;

fn assert_rejected(result: act_core::Result<Artifact>, what: &str) {
    match result {
        Err(e) => assert_eq!(e.kind(), ErrorKind::Rejected, "{what}: {e}"),
        Ok(_) => panic!("{what} was accepted"),
    }
}

#[test]
fn every_truncated_stream_is_rejected() {
    for int8 in [false, true] {
        let bytes = models::small(int8).to_bytes().unwrap();
        for len in 0..bytes.len() {
            assert_rejected(Artifact::read(&bytes[..len]), &format!("{len} bytes"));
        }
    }
}

#[test]
fn every_truncated_file_is_rejected() {
    let bytes = models::small(false).to_bytes().unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().write_all(&bytes).unwrap();
    for len in (0..bytes.len()).rev() {
        file.as_file().set_len(len as u64).unwrap();
        assert_rejected(Artifact::open(file.path()), &format!("{len} bytes"));
        assert_eq!(
            inspect(file.path()).unwrap_err().kind(),
            ErrorKind::Rejected
        );
    }
}

/// Every byte with its lowest bit, its highest bit and all bits flipped.
fn changes(bytes: &[u8]) -> impl Iterator<Item = (usize, u8)> {
    let change = |(i, &b): (usize, &u8)| [(i, b ^ 0x01), (i, b ^ 0x80), (i, !b)];
    bytes.iter().enumerate().flat_map(change)
}

#[test]
fn every_changed_byte_of_a_stream_is_rejected() {
    for int8 in [false, true] {
        let good = models::small(int8).to_bytes().unwrap();
        let mut bytes = good.clone();
        for (i, bad) in changes(&good) {
            bytes[i] = bad;
            assert_rejected(Artifact::read(&bytes[..]), &format!("byte {i} = {bad}"));
            bytes[i] = good[i];
        }
        assert!(Artifact::read(&bytes[..]).is_ok());
    }
}

#[test]
fn every_changed_byte_of_a_file_is_rejected() {
    let good = models::small(false).to_bytes().unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().write_all(&good).unwrap();
    let put = |i: usize, byte: u8| {
        file.as_file().seek(SeekFrom::Start(i as u64)).unwrap();
        file.as_file().write_all(&[byte]).unwrap();
    };
    for (i, bad) in changes(&good) {
        put(i, bad);
        assert_rejected(Artifact::open(file.path()), &format!("byte {i} = {bad}"));
        if bad == !good[i] {
            put(i, good[i]);
        }
    }
    assert!(Artifact::open(file.path()).is_ok());
}

#[test]
fn surplus_bytes_are_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.act");
    let good = models::small(false).to_bytes().unwrap();
    for surplus in [&b"\0"[..], b"\n", &[0; 64], &good] {
        let bytes = [&good[..], surplus].concat();
        std::fs::write(&path, &bytes).unwrap();
        assert_rejected(Artifact::read(&bytes[..]), "a longer stream");
        assert_rejected(Artifact::open(&path), "a longer file");
        assert_eq!(inspect(&path).unwrap_err().kind(), ErrorKind::Rejected);
    }
}
