//! Paddle programs and parameter streams, by way of the folder that they are published in.

use act_convert::paddle::pir;
use act_convert::paddle::program::Program;
use act_convert::paddle::proto::{TensorDesc, data_type};
use act_convert::paddle::walk::Walk;
use prost::Message;

use super::{checked, folder, imported};

/// The program that [`paddle_params`] gives numbers to: a small encoder, which
/// `act-tests/tests/untrusted.rs` writes anew and compares.
pub(super) const PROGRAM: &[u8] = include_bytes!("encoder.pdmodel");

/// Tokens that every BERT vocabulary has; the rows beyond are filled by the importer.
const VOCAB: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";

/// Most numbers in the stream that is made for a program.
const MAX_NUMBERS: i64 = 1 << 18;

/// A `.pdmodel`, or Paddle 3's `.json`. The parameter stream is made to fit it, so that what stands behind the walk is
/// reached whatever shapes the program declares.
pub fn paddle_program(bytes: &[u8]) -> bool {
    let program = if pir::is_pir(bytes) {
        pir::read(bytes)
    } else {
        Program::read(bytes)
    };
    let Some(program) = checked(program) else {
        return false;
    };
    if checked(Walk::encoder(&program)).is_none() {
        return false;
    }
    let mut stream = Vec::new();
    for tensor in program.parameters().values() {
        append(&mut stream, tensor);
    }
    import(bytes, &stream)
}

/// A `.pdiparams` for a fixed program.
pub fn paddle_params(bytes: &[u8]) -> bool {
    import(PROGRAM, bytes)
}

fn import(program: &[u8], params: &[u8]) -> bool {
    let dir = folder([
        ("model.pdmodel", program),
        ("model.pdiparams", params),
        ("vocab.txt", VOCAB.as_bytes()),
    ]);
    imported(dir.path())
}

/// One tensor of the stream: version, no levels, version, description, small numbers.
fn append(stream: &mut Vec<u8>, desc: &TensorDesc) {
    let count = desc.dims.iter().try_fold(1i64, |n, &d| n.checked_mul(d));
    let Some(count) = count.filter(|n| (0..MAX_NUMBERS).contains(n)) else {
        return;
    };
    let encoded = desc.encode_to_vec();
    stream.extend([0; 4 + 8 + 4]);
    stream.extend((encoded.len() as u32).to_le_bytes());
    stream.extend(encoded);
    for i in 0..count {
        let value = ((i * 31) % 17 - 8) as f32 / 16.0;
        match desc.data_type {
            data_type::FP32 => stream.extend(value.to_le_bytes()),
            // The upper half of a single-precision number is no bad half-precision one.
            data_type::FP16 => stream.extend(&value.to_le_bytes()[2..]),
            data_type::INT64 => stream.extend(i.to_le_bytes()),
            _ => stream.push(i as u8),
        }
    }
}
