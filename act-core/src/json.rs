//! What JSON costs in memory, told before any of it is built.
//!
//! `{"":0},` has 7 bytes as text, and some 700 as a [`serde_json::Value`]: an object is a node with
//! room for eleven entries. So a bound on a file's bytes is none on memory, and every text that a
//! stranger wrote is weighed first. The weight is found by one look over the bytes, and holds for
//! values and for types, which take less.

use crate::error::{Error, Result};

/// A node of a map's tree: eleven keys of 24 bytes, eleven values of 32, and what the allocator adds.
const OBJECT: usize = 720;
/// The least room of a list: four values.
const LIST: usize = 160;
/// An entry more: nodes may be little more than half full.
const ENTRY: usize = 136;
/// A value more: lists grow by doubling, and the old one is there meanwhile.
const VALUE: usize = 96;
/// A text's own memory, beside its bytes.
const TEXT: usize = 32;

/// Upper bound of the bytes of memory that `text` takes as a [`serde_json::Value`].
///
/// Counted up to the end, also where it is no JSON; readers stop there, and take no more.
#[must_use]
pub fn weight(text: &[u8]) -> usize {
    let mut weight = 0;
    // Whether what is open is an object, the innermost lowest; readers refuse more than 128 levels.
    let mut objects = 0_u128;
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        at += 1;
        match byte {
            b'"' => {
                let end = text_end(text, at);
                weight += TEXT + (end - at);
                at = end + 1;
            }
            b'{' => {
                objects = objects << 1 | 1;
                weight += if text.get(at) == Some(&b'}') {
                    0
                } else {
                    OBJECT
                };
            }
            b'[' => {
                objects <<= 1;
                weight += if text.get(at) == Some(&b']') { 0 } else { LIST };
            }
            b'}' | b']' => objects >>= 1,
            b',' => weight += if objects & 1 == 1 { ENTRY } else { VALUE },
            _ => {}
        }
    }
    weight
}

/// Where the quote is that ends the text from `at` on.
fn text_end(text: &[u8], mut at: usize) -> usize {
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => break,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    at.min(text.len())
}

/// Refuses a text that takes more than `most` bytes of memory.
///
/// # Errors
/// Usage; of a model's file the caller makes it [`Error::rejected`].
pub fn check_weight(text: &[u8], most: usize) -> Result<()> {
    let weight = weight(text);
    if weight <= most {
        return Ok(());
    }
    let [weight, most] = [weight, most].map(|bytes| bytes.div_ceil(1 << 20));
    Err(Error::usage(format!(
        "its JSON would take {weight} MiB of memory, and such a text may take {most} MiB"
    )))
}
