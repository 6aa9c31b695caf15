//! What each operator of the new representation was called before, with its slots and attributes.

use std::collections::BTreeMap;

use act_core::{Error, Result};

use super::{Node, Reader, value};
use crate::paddle::op::{Slots, Value};

type Parts = (String, Slots, Slots, BTreeMap<String, Value>);

/// New name, old name, old slots of the inputs, old slots of the outputs. Attributes are renamed by
/// [`renamed`]; operators whose inputs became attributes are in [`Reader::translate`].
const OPS: [(&str, &str, &[&str], &[&str]); 38] = [
    ("data", "feed", &[], &["Out"]),
    ("fetch", "fetch", &["X"], &[]),
    ("add", "elementwise_add", &["X", "Y"], &["Out"]),
    ("subtract", "elementwise_sub", &["X", "Y"], &["Out"]),
    ("multiply", "elementwise_mul", &["X", "Y"], &["Out"]),
    ("divide", "elementwise_div", &["X", "Y"], &["Out"]),
    ("matmul", "matmul_v2", &["X", "Y"], &["Out"]),
    ("cast", "cast", &["X"], &["Out"]),
    ("assign", "assign", &["X"], &["Out"]),
    ("scale", "scale", &["X", "ScaleTensor"], &["Out"]),
    (
        "dropout",
        "dropout",
        &["X", "Seed", "Prob"],
        &["Out", "Mask"],
    ),
    ("embedding", "lookup_table_v2", &["Ids", "W"], &["Out"]),
    (
        "layer_norm",
        "layer_norm",
        &["X", "Scale", "Bias"],
        &["Y", "Mean", "Variance"],
    ),
    (
        "reshape",
        "reshape2",
        &["X", "ShapeTensor"],
        &["Out", "XShape"],
    ),
    ("transpose", "transpose2", &["X"], &["Out"]),
    ("softmax", "softmax", &["X"], &["Out"]),
    ("tanh", "tanh", &["X"], &["Out"]),
    ("relu", "relu", &["X"], &["Out"]),
    ("gelu", "gelu", &["X"], &["Out"]),
    ("erf", "erf", &["X"], &["Out"]),
    (
        "slice",
        "slice",
        &["Input", "StartsTensorList", "EndsTensorList"],
        &["Out"],
    ),
    (
        "unsqueeze",
        "unsqueeze2",
        &["X", "AxesTensor"],
        &["Out", "XShape"],
    ),
    (
        "squeeze",
        "squeeze2",
        &["X", "AxesTensor"],
        &["Out", "XShape"],
    ),
    ("equal", "equal", &["X", "Y"], &["Out"]),
    ("not_equal", "not_equal", &["X", "Y"], &["Out"]),
    ("where", "where", &["Condition", "X", "Y"], &["Out"]),
    ("full", "fill_constant", &[], &["Out"]),
    (
        "full_like",
        "fill_any_like",
        &["X", "ValueTensor"],
        &["Out"],
    ),
    (
        "full_with_tensor",
        "fill_constant",
        &["ValueTensor", "ShapeTensor"],
        &["Out"],
    ),
    ("shape", "shape", &["Input"], &["Out"]),
    ("shape64", "shape", &["Input"], &["Out"]),
    ("cumsum", "cumsum", &["X", "AxisTensor"], &["Out"]),
    ("arange", "range", &["Start", "End", "Step"], &["Out"]),
    ("expand", "expand_v2", &["X", "Shape"], &["Out"]),
    ("expand_as", "expand_as_v2", &["X", "Y"], &["Out"]),
    (
        "flatten",
        "flatten_contiguous_range",
        &["X"],
        &["Out", "XShape"],
    ),
    ("unbind", "unbind", &["X"], &["Out"]),
    ("split_with_num", "split", &["X", "AxisTensor"], &["Out"]),
];

/// Inputs that were attributes where they are constants: operator, place, attribute.
const CONSTANTS: [(&str, usize, &str); 15] = [
    ("scale", 1, "scale"),
    ("dropout", 2, "dropout_prob"),
    ("reshape", 1, "shape"),
    ("slice", 1, "starts"),
    ("slice", 2, "ends"),
    ("unsqueeze", 1, "axes"),
    ("squeeze", 1, "axes"),
    ("full_like", 1, "value"),
    ("full_with_tensor", 0, "value"),
    ("cumsum", 1, "axis"),
    ("expand", 1, "shape"),
    ("split", 1, "sections"),
    ("split", 2, "axis"),
    ("split_with_num", 1, "axis"),
    ("unbind", 1, "axis"),
];

/// Attributes that hold lists, although the constant may be one number, and the other way round.
const LISTS: [&str; 5] = ["shape", "starts", "ends", "axes", "sections"];

/// Slots of numbers that may come in a list.
const SIZES: [&str; 4] = ["ShapeTensor", "Shape", "StartsTensorList", "EndsTensorList"];

impl Reader {
    /// An operator as it was before; under its own name, with its inputs in one slot, where it is not
    /// known.
    pub(super) fn translate(&mut self, node: &Node) -> Result<Parts> {
        let known = OPS.iter().find(|(kind, ..)| *kind == node.kind);
        let split = (
            "split",
            "split",
            &["X", "Sections", "AxisTensor"][..],
            &["Out"][..],
        );
        let known = known.or((node.kind == "split").then_some(&split));
        let Some(&(_, kind, slots, results)) = known else {
            return Ok(self.unknown(node));
        };
        let mut attrs: BTreeMap<String, Value> = BTreeMap::new();
        for (name, value) in &node.attrs {
            let (name, value) = renamed(&node.kind, name, value);
            attrs.insert(name.into(), value);
        }
        let mut inputs = Slots::new();
        for (place, &id) in node.inputs.iter().enumerate() {
            // 0 is an input that is not given, such as a dropout's seed.
            if id == 0 {
                continue;
            }
            let slot = slots.get(place).copied();
            let slot =
                slot.ok_or_else(|| Error::rejected(format!("{kind} has inputs too many")))?;
            if let Some((attr, value)) = self.constant_of(&node.kind, place, id) {
                attrs.insert(attr.into(), value);
                continue;
            }
            // A list of numbers serves where a size is asked for; nowhere else is it its parts.
            let names = match self.lists.get(&id) {
                Some(list) if SIZES.contains(&slot) => list.clone(),
                _ => vec![self.name(id)],
            };
            inputs.insert(slot.into(), names);
        }
        if node.kind == "expand" && !attrs.contains_key("shape") {
            let sizes = inputs.get("Shape").map_or(0, Vec::len);
            attrs.insert("shape".into(), Value::Ints(vec![-1; sizes]));
        }
        if node.kind == "data" {
            attrs.insert("col".into(), Value::Int(self.feeds));
            self.feeds += 1;
        }
        let outputs = self.results(node, results);
        Ok((kind.into(), inputs, outputs, attrs))
    }

    /// What an input was as an attribute, if it is a constant.
    fn constant_of(&self, kind: &str, place: usize, id: u64) -> Option<(&'static str, Value)> {
        let wanted = |(its, at, _): &&(&str, usize, &str)| *its == kind && *at == place;
        let attr = CONSTANTS.iter().find(wanted)?.2;
        let list = self.integers.get(&id);
        let value = match (LISTS.contains(&attr), list, self.numbers.get(&id)) {
            (true, Some(list), _) => Value::Ints(list.clone()),
            (false, Some(list), _) if list.len() == 1 => Value::Int(list[0]),
            (false, None, Some(number)) if attr == "axis" => Value::Int(*number as i64),
            (false, None, Some(number)) => Value::Float(*number),
            _ => return None,
        };
        Some((attr, value))
    }

    /// An operator under its own name, for the walk to refuse.
    fn unknown(&self, node: &Node) -> Parts {
        let given = node.inputs.iter().filter(|&&id| id != 0);
        let inputs = given.flat_map(|&id| self.named(id)).collect();
        let outputs = match node.kind.as_str() {
            // The parts are written by what is in the list, or made it.
            "combine" | "builtin.split" => Slots::new(),
            _ => self.results(node, &["Out"]),
        };
        let inputs = Slots::from([("X".into(), inputs)]);
        (node.kind.clone(), inputs, outputs, BTreeMap::new())
    }

    /// Names of what an operator writes; a list's parts have names of their own.
    fn results(&self, node: &Node, slots: &[&str]) -> Slots {
        let results = node.outputs.iter().zip(&node.parts);
        let named = results.map(|(&id, parts)| match parts {
            Some(_) => self.named(id),
            None => vec![self.name(id)],
        });
        let slots = slots.iter().map(|slot| slot.to_string());
        slots.zip(named).collect()
    }
}

/// An attribute as it was called and written before.
fn renamed<'a>(kind: &str, name: &'a str, value: &Value) -> (&'a str, Value) {
    let name = match (kind, name) {
        ("matmul", "transpose_x") => "trans_x",
        ("matmul", "transpose_y") => "trans_y",
        ("transpose", "perm") => "axis",
        ("cast", "dtype") => "out_dtype",
        ("dropout", "mode") => "dropout_implementation",
        (_, name) => name,
    };
    let value = match (name, value) {
        ("out_dtype", Value::Text(element)) => Value::Int(value::element(element)),
        ("dropout_implementation", Value::Text(mode)) if mode == "downscale_in_infer" => {
            Value::Text("downgrade_in_infer".into())
        }
        _ => value.clone(),
    };
    (name, value)
}
