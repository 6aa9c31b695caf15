//! One operator: its slots, its attributes with Paddle's defaults, and how it is named in errors.

use std::collections::BTreeMap;

use act_core::{Error, Result};

use super::proto::{OpAttr, attr_type};

/// Longest name of a variable, kind, slot or attribute in bytes.
const MAX_NAME: usize = 1024;

/// Variables by slot.
pub type Slots = BTreeMap<String, Vec<String>>;

/// An attribute's value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `INT` or `LONG`.
    Int(i64),
    /// `FLOAT` or `FLOAT64`.
    Float(f64),
    /// `BOOLEAN`.
    Flag(bool),
    /// `STRING`.
    Text(String),
    /// `INTS` or `LONGS`.
    Ints(Vec<i64>),
    /// A type that is not read.
    Other,
}

impl Value {
    /// Takes the field that the type names.
    pub(super) fn of(attr: OpAttr) -> Self {
        let value = match attr.r#type {
            attr_type::INT => attr.i.map(|i| Value::Int(i.into())),
            attr_type::LONG => attr.l.map(Value::Int),
            attr_type::FLOAT => attr.f.map(|f| Value::Float(f.into())),
            attr_type::FLOAT64 => attr.float64.map(Value::Float),
            attr_type::BOOLEAN => attr.b.map(Value::Flag),
            attr_type::STRING => attr.s.map(Value::Text),
            attr_type::INTS => Some(Value::Ints(attr.ints.into_iter().map(i64::from).collect())),
            attr_type::LONGS => Some(Value::Ints(attr.longs)),
            _ => None,
        };
        value.unwrap_or(Value::Other)
    }
}

/// An operator of a program.
#[derive(Debug, Clone)]
pub struct Op {
    index: usize,
    kind: String,
    inputs: Slots,
    outputs: Slots,
    attrs: BTreeMap<String, Value>,
}

impl Op {
    /// The operator at place `index` of its block.
    pub(super) fn new(
        index: usize,
        kind: String,
        inputs: Slots,
        outputs: Slots,
        attrs: BTreeMap<String, Value>,
    ) -> Self {
        Self {
            index,
            kind,
            inputs,
            outputs,
            attrs,
        }
    }

    /// Place in the block.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Kind, `matmul_v2` and so on.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// All variables it reads.
    pub fn all_inputs(&self) -> impl Iterator<Item = &str> {
        self.inputs.values().flatten().map(String::as_str)
    }

    /// All variables it writes.
    pub fn all_outputs(&self) -> impl Iterator<Item = &str> {
        self.outputs.values().flatten().map(String::as_str)
    }

    /// The one variable in an input slot.
    pub fn input(&self, slot: &str) -> Result<&str> {
        one(&self.inputs, slot).ok_or_else(|| self.refuse(format!("needs one input {slot}")))
    }

    /// The variables in an input slot, in order.
    pub fn inputs(&self, slot: &str) -> &[String] {
        self.inputs.get(slot).map_or(&[], Vec::as_slice)
    }

    /// The variables in an output slot, in order.
    pub fn outputs(&self, slot: &str) -> &[String] {
        self.outputs.get(slot).map_or(&[], Vec::as_slice)
    }

    /// Checks that it reads nothing but what is in `slots`: inputs that replace an attribute or add
    /// a term must not be passed over.
    pub fn reads_only(&self, slots: &[&str]) -> Result<()> {
        let other = |(slot, names): &(&String, &Vec<String>)| {
            !names.is_empty() && !slots.contains(&slot.as_str())
        };
        match self.inputs.iter().find(other) {
            None => Ok(()),
            Some((slot, _)) => {
                Err(self.refuse(format!("has the input {slot:?}, which is not known")))
            }
        }
    }

    /// An integer attribute.
    pub fn int(&self, name: &str, default: i64) -> Result<i64> {
        match self.attrs.get(name) {
            None => Ok(default),
            Some(Value::Int(value)) => Ok(*value),
            Some(_) => Err(self.wrong_type(name)),
        }
    }

    /// A number. It may be infinite, as a mask's is, but a comparison with it says something.
    pub fn float(&self, name: &str, default: f64) -> Result<f64> {
        match self.attrs.get(name) {
            None => Ok(default),
            Some(Value::Float(value)) if value.is_nan() => {
                Err(self.refuse(format!("has no number as {name}")))
            }
            Some(Value::Float(value)) => Ok(*value),
            Some(Value::Int(value)) => Ok(*value as f64),
            Some(_) => Err(self.wrong_type(name)),
        }
    }

    /// A truth value.
    pub fn flag(&self, name: &str, default: bool) -> Result<bool> {
        match self.attrs.get(name) {
            None => Ok(default),
            Some(Value::Flag(value)) => Ok(*value),
            Some(_) => Err(self.wrong_type(name)),
        }
    }

    /// A text.
    pub fn text<'a>(&'a self, name: &str, default: &'a str) -> Result<&'a str> {
        match self.attrs.get(name) {
            None => Ok(default),
            Some(Value::Text(value)) => Ok(value),
            Some(_) => Err(self.wrong_type(name)),
        }
    }

    /// A list of integers; empty where it is absent.
    pub fn ints(&self, name: &str) -> Result<&[i64]> {
        match self.attrs.get(name) {
            None => Ok(&[]),
            Some(Value::Ints(values)) => Ok(values),
            Some(_) => Err(self.wrong_type(name)),
        }
    }

    /// Checks a list of integers.
    pub fn expect_ints(&self, name: &str, expected: &[i64]) -> Result<()> {
        let found = self.ints(name)?;
        if found == expected {
            return Ok(());
        }
        Err(self.refuse(format!("has {name} {found:?}; {expected:?} was expected")))
    }

    fn wrong_type(&self, name: &str) -> Error {
        self.refuse(format!(
            "has the attribute {name} in a type that is not read"
        ))
    }

    /// The error that this operator does not fit.
    pub fn refuse(&self, why: impl AsRef<str>) -> Error {
        let (index, kind) = (self.index, self.kind.escape_debug());
        Error::rejected(format!("operator {index} ({kind}) {}", why.as_ref()))
    }
}

fn one<'a>(slots: &'a Slots, slot: &str) -> Option<&'a str> {
    match slots.get(slot)?.as_slice() {
        [name] => Some(name),
        _ => None,
    }
}

/// A name of bearable length.
pub(super) fn name(text: String) -> Result<String> {
    if text.len() <= MAX_NAME {
        return Ok(text);
    }
    let length = text.len();
    Err(Error::rejected(format!(
        "a name of {length} bytes; {MAX_NAME} are allowed"
    )))
}
