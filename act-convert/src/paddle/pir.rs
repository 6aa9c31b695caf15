//! Paddle 3's programs, `*.json` in its new representation (PIR), as the operators of before: the walk
//! knows one language. Values are numbered; constants that used to be attributes are operators.
//!
//! Every operator stays in its place, so that errors count as the file does. One that is not known here
//! keeps its name, for the walk to refuse where the output depends on it.

mod ops;
mod value;

use std::collections::{BTreeMap, HashMap};

use act_core::{Error, Result};
use serde_json::Value as Json;

use super::op::{Op, Slots, Value, name};
use super::program::Program;
use super::proto::{TensorDesc, data_type};

/// Largest file: 48 layers have some 2 MB.
const MAX_BYTES: usize = 4 << 20;
/// Most memory of its values: small objects, which take some 40 times their text.
const MAX_MEMORY: usize = 128 << 20;
/// Newest version of the format that was tried; Paddle 3.0 wrote 1.
const TRIED: u64 = 4;
/// Most values that an operator reads or writes.
const MAX_PARTS: usize = 256;

/// True for bytes that may be such a file: no protobuf of a program begins with a brace.
pub fn is_pir(bytes: &[u8]) -> bool {
    bytes.first() == Some(&b'{')
}

/// Decodes the bytes of a `*.json`.
///
/// # Errors
/// Rejected: not such a file, too many parts, or a value read before it is written.
pub fn read(bytes: &[u8]) -> Result<Program> {
    if bytes.len() > MAX_BYTES {
        return Err(Error::rejected(format!("more than {MAX_BYTES} bytes")));
    }
    act_core::json::check_weight(bytes, MAX_MEMORY).map_err(|e| Error::rejected(e.to_string()))?;
    let file: Json = serde_json::from_slice(bytes)
        .map_err(|e| Error::rejected(format!("no Paddle program: not JSON: {e}")))?;
    if file.pointer("/base_code/magic").and_then(Json::as_str) != Some("pir") {
        return Err(Error::rejected(
            "no Paddle program: its magic is not \"pir\"",
        ));
    }
    let version = file.pointer("/base_code/version").and_then(Json::as_u64);
    if version.is_none_or(|version| version > TRIED) {
        log::warn!("the program is written in a version of its format that was not tried");
    }
    let ops = file.pointer("/program/regions/0/blocks/0/ops");
    let ops = ops.and_then(Json::as_array);
    let ops = ops.ok_or_else(|| Error::rejected("no Paddle program: it has no block"))?;
    let mut reader = Reader::default();
    let mut translated = Vec::with_capacity(ops.len());
    for (index, op) in ops.iter().enumerate() {
        let op = reader
            .op(index, op)
            .map_err(|e| e.context(format!("operator {index}")))?;
        translated.push(op);
    }
    Program::of(translated, reader.parameters)
}

/// What is known of the values so far.
#[derive(Default)]
struct Reader {
    parameters: BTreeMap<String, TensorDesc>,
    /// Names of values that are not called by their number.
    names: HashMap<u64, String>,
    /// Values that `full` makes: one number.
    numbers: HashMap<u64, f64>,
    /// Values that `full_int_array` makes.
    integers: HashMap<u64, Vec<i64>>,
    /// Values that `combine` and `stack` make of others.
    lists: HashMap<u64, Vec<String>>,
    /// Inputs of the program so far.
    feeds: i64,
}

/// One operator of the file.
struct Node {
    kind: String,
    inputs: Vec<u64>,
    outputs: Vec<u64>,
    /// For outputs that are lists, their lengths.
    parts: Vec<Option<usize>>,
    attrs: BTreeMap<String, Value>,
}

impl Reader {
    fn op(&mut self, index: usize, op: &Json) -> Result<Op> {
        if op.get("#").and_then(Json::as_str) == Some("p") {
            let none = (Slots::new(), Slots::new(), BTreeMap::new());
            self.parameter(op)?;
            return Ok(Op::new(index, "parameter".into(), none.0, none.1, none.2));
        }
        let node = Node::read(op)?;
        self.remember(&node);
        let (kind, inputs, outputs, attrs) = self.translate(&node)?;
        Ok(Op::new(index, kind, inputs, outputs, attrs))
    }

    /// A parameter: its name, element type and shape.
    fn parameter(&mut self, op: &Json) -> Result<()> {
        let broken = || Error::rejected("a parameter without name, number and shape");
        let its_name = op
            .pointer("/A/3")
            .and_then(Json::as_str)
            .ok_or_else(broken)?;
        let id = op
            .pointer("/O/%")
            .and_then(Json::as_u64)
            .ok_or_else(broken)?;
        let tensor = op.pointer("/O/TT/D").ok_or_else(broken)?;
        let dims = value::integers(tensor.get(1).unwrap_or(&Json::Null)).ok_or_else(broken)?;
        let element = tensor.pointer("/0/#").and_then(Json::as_str);
        let desc = TensorDesc {
            data_type: match element {
                Some("0.t_f32") => data_type::FP32,
                Some("0.t_i64") => data_type::INT64,
                Some("0.t_f16") => data_type::FP16,
                // The stream says it again, and is asked.
                _ => -1,
            },
            dims,
        };
        let its_name = name(its_name.to_string())?;
        if self.parameters.insert(its_name.clone(), desc).is_some() {
            return Err(Error::rejected(format!(
                "parameter {its_name:?} is declared twice"
            )));
        }
        self.names.insert(id, its_name);
        Ok(())
    }

    /// Takes down what later operators use as an attribute.
    fn remember(&mut self, node: &Node) {
        for (&id, parts) in node.outputs.iter().zip(&node.parts) {
            if let Some(parts) = parts {
                let names = (0..*parts).map(|place| part(id, place));
                self.lists.insert(id, names.collect());
            }
        }
        let Some(&out) = node.outputs.first() else {
            return;
        };
        match (node.kind.as_str(), node.attrs.get("value")) {
            ("full", Some(Value::Float(number))) => drop(self.numbers.insert(out, *number)),
            ("full", Some(Value::Int(number))) => drop(self.numbers.insert(out, *number as f64)),
            ("full_int_array", Some(Value::Ints(list))) => {
                self.integers.insert(out, list.clone());
            }
            ("combine", _) => {
                let list = node.inputs.iter().map(|&id| self.name(id)).collect();
                self.lists.insert(out, list);
            }
            ("stack", _) => {
                let list = node.inputs.first().and_then(|list| self.lists.get(list));
                if let Some(list) = list.cloned() {
                    self.lists.insert(out, list);
                }
            }
            // The parts of a list, which have the list's name and their place.
            ("builtin.split", _) => {
                if let Some(&list) = node.inputs.first() {
                    for (place, &id) in node.outputs.iter().enumerate() {
                        self.names.insert(id, part(list, place));
                    }
                }
            }
            _ => {}
        }
    }

    /// The names of a list's parts, or of a value.
    fn named(&self, id: u64) -> Vec<String> {
        let list = self.lists.get(&id);
        list.cloned().unwrap_or_else(|| vec![self.name(id)])
    }

    fn name(&self, id: u64) -> String {
        let own = self.names.get(&id);
        own.cloned().unwrap_or_else(|| format!("%{id}"))
    }
}

/// What a part of a list is called.
fn part(list: u64, place: usize) -> String {
    format!("%{list}.{place}")
}

impl Node {
    fn read(op: &Json) -> Result<Self> {
        let kind = op.get("#").and_then(Json::as_str);
        let kind = kind.ok_or_else(|| Error::rejected("an operator without a name"))?;
        // Dialects: 1 is Paddle's operators, 0 what every program has.
        let kind = match kind.split_once('.') {
            Some(("1", kind)) => kind.to_string(),
            Some(("0", "combine")) => "combine".into(),
            Some(("0", kind)) => format!("builtin.{kind}"),
            _ => kind.to_string(),
        };
        let results = list(op, "O")?;
        let mut attrs = BTreeMap::new();
        for attr in list(op, "A")? {
            if let Some(its_name) = attr.get("N").and_then(Json::as_str) {
                let value = value::of(attr.get("AT").unwrap_or(&Json::Null));
                attrs.insert(name(its_name.to_string())?, value);
            }
        }
        Ok(Self {
            kind: name(kind)?,
            inputs: list(op, "I")?.iter().map(number).collect::<Result<_>>()?,
            outputs: results.iter().map(number).collect::<Result<_>>()?,
            parts: results.iter().map(parts).collect(),
            attrs,
        })
    }
}

/// The parts of an operator under a key.
fn list<'a>(op: &'a Json, key: &str) -> Result<&'a [Json]> {
    let list = op.get(key).and_then(Json::as_array);
    let list = list.map_or(&[][..], Vec::as_slice);
    if list.len() > MAX_PARTS {
        return Err(Error::rejected(format!(
            "{} parts; {MAX_PARTS} are allowed",
            list.len()
        )));
    }
    Ok(list)
}

/// A value's number; 0 is none.
fn number(value: &Json) -> Result<u64> {
    let number = value.get("%").and_then(Json::as_u64);
    number.ok_or_else(|| Error::rejected("a value without a number"))
}

/// Of a value that is a list of tensors, how many.
fn parts(value: &Json) -> Option<usize> {
    if value.pointer("/TT/#")?.as_str()? != "0.t_vec" {
        return None;
    }
    let parts = value.pointer("/TT/D")?.as_array()?.len();
    (parts <= MAX_PARTS).then_some(parts)
}
