//! `.pdmodel`: the tree of messages is changed at one place and written again, so that all lengths
//! around it are right. Read without the code under test but for its varints.

use prost::bytes::Buf;
use prost::encoding::{decode_varint, encode_varint};

use crate::{Chance, changed};

/// Messages of Paddle's `framework.proto` that hold messages.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Program,
    Block,
    Variable,
    Type,
    LodTensor,
    Tensor,
    Operator,
    Slot,
    Attribute,
}

impl Kind {
    /// What a field holds; `None` for what is no message.
    fn of_field(self, field: u64) -> Option<Self> {
        Some(match (self, field) {
            (Kind::Program, 1) => Kind::Block,
            (Kind::Block, 3) => Kind::Variable,
            (Kind::Block, 4) => Kind::Operator,
            (Kind::Variable, 2) => Kind::Type,
            (Kind::Type, 3) => Kind::LodTensor,
            (Kind::LodTensor, 1) => Kind::Tensor,
            (Kind::Operator, 1 | 2) => Kind::Slot,
            (Kind::Operator, 4) => Kind::Attribute,
            _ => return None,
        })
    }
}

/// A field's value.
#[derive(Clone)]
enum Value {
    Varint(u64),
    Fixed(Vec<u8>),
    Bytes(Vec<u8>),
    Message(Vec<Field>),
}

#[derive(Clone)]
struct Field {
    number: u64,
    value: Value,
}

/// Changes one field of one message.
pub fn mutate(bytes: &[u8], chance: &mut Chance) -> Option<Vec<u8>> {
    let mut tree = parse(Kind::Program, bytes)?;
    let mut texts = Vec::new();
    collect(&tree, &mut texts);
    change(&mut tree, &texts, chance);
    Some(write(&tree))
}

fn parse(kind: Kind, mut bytes: &[u8]) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let tag = decode_varint(&mut bytes).ok()?;
        let number = tag >> 3;
        let value = match tag & 7 {
            0 => Value::Varint(decode_varint(&mut bytes).ok()?),
            1 => Value::Fixed(take(&mut bytes, 8)?),
            5 => Value::Fixed(take(&mut bytes, 4)?),
            2 => {
                let len = usize::try_from(decode_varint(&mut bytes).ok()?).ok()?;
                let content = take(&mut bytes, len)?;
                let message = kind.of_field(number);
                match message.and_then(|kind| parse(kind, &content)) {
                    Some(fields) => Value::Message(fields),
                    None => Value::Bytes(content),
                }
            }
            _ => return None,
        };
        fields.push(Field { number, value });
    }
    Some(fields)
}

fn take(bytes: &mut &[u8], len: usize) -> Option<Vec<u8>> {
    let taken = bytes.get(..len)?.to_vec();
    bytes.advance(len);
    Some(taken)
}

fn write(fields: &[Field]) -> Vec<u8> {
    let mut out = Vec::new();
    for Field { number, value } in fields {
        let wire = match value {
            Value::Varint(_) => 0,
            Value::Fixed(bytes) if bytes.len() == 8 => 1,
            Value::Fixed(_) => 5,
            Value::Bytes(_) | Value::Message(..) => 2,
        };
        encode_varint(number << 3 | wire, &mut out);
        match value {
            Value::Varint(number) => encode_varint(*number, &mut out),
            Value::Fixed(bytes) => out.extend(bytes),
            Value::Bytes(bytes) => append(bytes, &mut out),
            Value::Message(fields) => append(&write(fields), &mut out),
        }
    }
    out
}

fn append(bytes: &[u8], out: &mut Vec<u8>) {
    encode_varint(bytes.len() as u64, out);
    out.extend(bytes);
}

/// Every text of the program: names of variables, of operators, of attributes.
fn collect(fields: &[Field], texts: &mut Vec<Vec<u8>>) {
    for field in fields {
        match &field.value {
            Value::Bytes(text) => texts.push(text.clone()),
            Value::Message(fields) => collect(fields, texts),
            Value::Varint(_) | Value::Fixed(_) => {}
        }
    }
}

/// Goes down to some message and changes there a field, or the list of fields.
fn change(fields: &mut Vec<Field>, texts: &[Vec<u8>], chance: &mut Chance) {
    if fields.is_empty() {
        return;
    }
    let index = chance.below(fields.len());
    let other = chance.below(fields.len());
    let descend = matches!(fields[index].value, Value::Message(..)) && chance.below(8) > 0;
    if !descend && chance.below(3) == 0 {
        match chance.below(3) {
            0 => drop(fields.remove(index)),
            1 => fields.insert(other, fields[index].clone()),
            _ => fields.swap(index, other),
        }
        return;
    }
    match &mut fields[index].value {
        Value::Message(inner) => change(inner, texts, chance),
        Value::Varint(number) => *number = varint(*number, chance),
        Value::Fixed(bytes) => {
            let len = bytes.len();
            *bytes = changed(bytes);
            bytes.resize(len, 0);
        }
        // The name of something else is how edges move.
        Value::Bytes(text) => match chance.below(4) {
            0 => *text = changed(text),
            _ => *text = texts[chance.below(texts.len())].clone(),
        },
    }
}

fn varint(number: u64, chance: &mut Chance) -> u64 {
    match chance.below(6) {
        0 => number.wrapping_add(1),
        1 => number.wrapping_sub(1),
        2 => chance.below(8) as u64,
        3 => 1 << chance.below(64),
        4 => number.wrapping_neg(),
        _ => chance.next(),
    }
}
