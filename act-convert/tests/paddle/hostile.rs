//! Bytes of strangers: whatever they are, an error of the right kind and no panic.

use std::collections::BTreeMap;

use act_convert::paddle::params::ParamStream;
use act_convert::paddle::proto::{OpAttr, TensorDesc};
use act_convert::paddle::{self, program::Program};
use act_core::testing::{TinyOptions, tiny_artifact};
use act_core::{Error, ErrorKind};
use proptest::prelude::*;
use prost::Message;

use crate::attributes::{attr_float, attr_int, attr_ints};
use crate::writer::{Manner, Writer};

/// A small model's two files.
fn files() -> (Vec<u8>, Vec<u8>) {
    let artifact = tiny_artifact(3, &TinyOptions::default());
    let writer = Writer::write(&artifact, Manner::default());
    (writer.model(), writer.params())
}

fn rejected(model: &[u8], params: &[u8]) -> Error {
    let error = paddle::read(model, params).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert!(!error.to_string().contains('\n'));
    error
}

#[test]
fn every_truncation_is_an_error() {
    let (model, params) = files();
    (0..model.len()).for_each(|end| drop(rejected(&model[..end], &params)));
    let program = Program::read(&model).unwrap();
    for end in 0..params.len() {
        let error = ParamStream::read(&params[..end], program.parameters()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected);
    }
}

#[test]
fn the_stream_ends_with_the_last_tensor() {
    let (model, mut params) = files();
    params.push(0);
    let error = rejected(&model, &params).to_string();
    assert!(
        error.contains("1 bytes follow the last parameter"),
        "{error}"
    );
}

/// One tensor of the stream, its lengths as given.
fn tensor(levels: u64, level: u64, desc_len: u32, desc: &TensorDesc, data: usize) -> Vec<u8> {
    let mut bytes = vec![0; 4];
    bytes.extend(levels.to_le_bytes());
    if levels > 0 {
        bytes.extend(level.to_le_bytes());
    }
    bytes.extend([0; 4]);
    bytes.extend(desc_len.to_le_bytes());
    bytes.extend(desc.encode_to_vec());
    bytes.resize(bytes.len() + data, 0);
    bytes
}

#[test]
fn huge_lengths_cost_nothing() {
    let read = |dims: &[i64], levels, level, desc_len: Option<u32>, data| {
        let desc = TensorDesc {
            data_type: 5,
            dims: dims.to_vec(),
        };
        let len = desc_len.unwrap_or(desc.encoded_len() as u32);
        let bytes = tensor(levels, level, len, &desc, data);
        let declared = BTreeMap::from([("w".to_string(), desc)]);
        ParamStream::read(&bytes, &declared).map(drop)
    };
    assert!(read(&[2, 3], 0, 0, None, 24).is_ok());
    assert!(read(&[], 0, 0, None, 4).is_ok());
    let half = 1 << 62;
    for dims in [
        &[i64::MAX][..],
        &[half, 2],
        &[half, half, half],
        &[-1, 4],
        &[1 << 40],
        &[0, half],
    ] {
        assert!(read(dims, 0, 0, None, 24).is_err(), "{dims:?}");
    }
    assert!(read(&[1; 9], 0, 0, None, 4).is_err());
    assert!(read(&[6], 1 << 63, 0, None, 24).is_err());
    assert!(read(&[6], 1, 1 << 63, None, 24).is_err());
    assert!(read(&[6], 1, u64::MAX, None, 24).is_err());
    assert!(read(&[6], 0, 0, Some(u32::MAX), 24).is_err());
}

#[test]
fn varints_that_claim_2_to_the_63_are_damage() {
    let huge = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01];
    for tag in [0x0a, 0x12, 0x22] {
        let bytes = [&[tag][..], &huge, &[0; 8]].concat();
        assert!(rejected(&bytes, &[]).to_string().contains("damaged"));
    }
    // Wire types 6 and 7 do not exist; groups (3) that never end.
    for bytes in [&[0x0e][..], &[0x0f], &[0x0b; 300], &[]] {
        rejected(bytes, &[]);
    }
}

#[test]
fn a_crowd_of_empty_messages_is_counted_before_it_is_built() {
    for field in [0x1a, 0x22] {
        let ops: Vec<u8> = [field, 0].repeat(1 << 20);
        let mut model = vec![0x0a];
        prost::encoding::encode_varint(ops.len() as u64, &mut model);
        model.extend(ops);
        let error = rejected(&model, &[]).to_string();
        assert!(error.contains("32768 are allowed"), "{error}");
    }
    assert!(
        rejected(&vec![0; (16 << 20) + 1], &[])
            .to_string()
            .contains("more than")
    );
}

/// The refusal of a program of these operators alone.
fn graph(build: impl FnOnce(&mut Writer<'_>)) -> String {
    let artifact = tiny_artifact(3, &TinyOptions::default());
    let mut writer = Writer::write(&artifact, Manner::default());
    build(&mut writer);
    Program::read(&writer.model()).err().unwrap().to_string()
}

#[test]
fn edges_must_lead_back_to_what_stands_before() {
    let missing = graph(|w| drop(w.op("relu", &[("X", "nobody")], "Out", &[])));
    assert!(
        missing.contains("reads \"nobody\", which no operator"),
        "{missing}"
    );
    let cyclic = graph(|w| {
        let first = w.op("relu", &[("X", "later")], "Out", &[]);
        w.op("relu", &[("X", &first)], "later", &[]);
    });
    assert!(cyclic.contains("reads \"later\""), "{cyclic}");
    let twice = graph(|w| w.ops.push(w.ops[0].clone()));
    assert!(twice.contains("a second time"), "{twice}");
    let long = "x".repeat(2000);
    assert!(graph(|w| drop(w.op(&long, &[], "Out", &[]))).contains("a name of 2000 bytes"));
}

#[test]
fn hostile_numbers_in_attributes_are_refused() {
    let artifact = tiny_artifact(3, &TinyOptions::default());
    let mut numbers = vec![i32::MIN, -1, 0, 1, i32::MAX];
    numbers.extend([2, 1 << 16, (1 << 30) + 1]);
    let kinds = [
        "reshape2",
        "slice",
        "split",
        "softmax",
        "layer_norm",
        "fill_constant",
        "scale",
    ];
    for kind in kinds {
        for &n in &numbers {
            let manner = Manner {
                fused: true,
                ..Manner::default()
            };
            let mut writer = Writer::write(&artifact, manner);
            let op = writer.ops.iter_mut().find(|op| op.r#type == kind).unwrap();
            let ints = |name| attr_ints(name, &[0, 0, n, n]);
            let attrs = [
                ints("shape"),
                ints("starts"),
                ints("sections"),
                attr_int("num", n),
                attr_int("axis", n),
                attr_float("value", n as f32),
                attr_float("scale", f32::NAN),
            ];
            op.attrs = attrs.iter().map(Message::encode_to_vec).collect();
            let (model, params) = (writer.model(), writer.params());
            // An axis of -1, for one, is right for a softmax.
            if let Err(error) = paddle::read(&model, &params) {
                assert_eq!(error.kind(), ErrorKind::Rejected, "{kind} {n}");
            }
        }
    }
}

#[test]
fn heads_whose_product_overflows_are_refused() {
    let artifact = tiny_artifact(3, &TinyOptions::default());
    let mut writer = Writer::write(&artifact, Manner::default());
    for op in writer.ops.iter_mut().filter(|op| op.r#type == "reshape2") {
        let longs = |values: &[i64]| OpAttr {
            name: "shape".into(),
            r#type: 11,
            longs: values.to_vec(),
            ..OpAttr::default()
        };
        let shape = OpAttr::decode(&op.attrs[0][..]).unwrap().ints;
        let hostile = match shape.len() {
            4 => longs(&[0, 0, 64, i64::MAX / 2]),
            _ => longs(&[0, 0, -1]),
        };
        op.attrs = vec![hostile.encode_to_vec()];
    }
    let error = rejected(&writer.model(), &writer.params()).to_string();
    assert!(error.contains("joins heads"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn damaged_bytes_never_panic(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        in_params in any::<bool>(),
    ) {
        let (mut model, mut params) = files();
        let bytes = if in_params { &mut params } else { &mut model };
        for (place, value) in flips {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        if let Err(error) = paddle::read(&model, &params) {
            prop_assert_eq!(error.kind(), ErrorKind::Rejected);
        }
    }

    #[test]
    fn noise_is_no_program(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        rejected(&bytes, &bytes);
    }
}
