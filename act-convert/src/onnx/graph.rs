//! A graph under construction: nodes and constants with distinct names, in the order of use.
//!
//! Knows ONNX's operators only as names; what they compute together is `encoder`'s business.

use std::collections::{HashMap, HashSet};

use super::proto::{
    AttributeProto, DimensionProto, GraphProto, NodeProto, TensorProto, TensorShapeProto,
    TensorTypeProto, TypeProto, ValueInfoProto, attribute_type, data_type,
};

/// A value of the graph, by name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Value(String);

/// A dimension of an input or output.
pub enum Dim {
    /// Of this size always.
    Fixed(usize),
    /// Chosen anew by each run.
    Free(&'static str),
}

/// The constant of an operation.
pub enum Attribute {
    /// One integer.
    Int(i64),
    /// One float.
    Float(f32),
    /// Integers.
    Ints(&'static [i64]),
}

/// A graph under construction.
#[derive(Default)]
pub struct Graph {
    proto: GraphProto,
    /// How many nodes already bear a name, so that the next one gets another.
    names: HashMap<String, usize>,
    constants: HashSet<String>,
}

impl Graph {
    /// An input of the graph.
    pub fn input(&mut self, name: &str, elem_type: i32, dims: &[Dim]) -> Value {
        self.proto.input.push(value_info(name, elem_type, dims));
        Value(name.into())
    }

    /// A node with one result. `place` says where in the model it stands and names the result.
    pub fn node(&mut self, place: &str, op: &str, inputs: &[&Value]) -> Value {
        self.node_with(place, op, inputs, &[])
    }

    /// A node with attributes.
    pub fn node_with(
        &mut self,
        place: &str,
        op: &str,
        inputs: &[&Value],
        attributes: &[(&str, Attribute)],
    ) -> Value {
        let mut name = format!("{place}.{op}");
        let count = self.names.entry(name.clone()).or_default();
        *count += 1;
        if *count > 1 {
            name = format!("{name}_{count}");
        }
        self.push(&name, op, inputs, attributes);
        Value(name)
    }

    /// A node whose result is an output of the graph, under that name.
    pub fn output(&mut self, name: &str, op: &str, inputs: &[&Value], dims: &[Dim]) {
        self.push(name, op, inputs, &[]);
        let info = value_info(name, data_type::FLOAT, dims);
        self.proto.output.push(info);
    }

    fn push(&mut self, name: &str, op: &str, inputs: &[&Value], attributes: &[(&str, Attribute)]) {
        self.proto.node.push(NodeProto {
            input: inputs.iter().map(|v| v.0.clone()).collect(),
            output: vec![name.into()],
            name: Some(name.into()),
            op_type: Some(op.into()),
            attribute: attributes.iter().map(attribute).collect(),
        });
    }

    /// A constant of floats. The same name means the same numbers: they are stored once.
    pub fn floats(&mut self, name: &str, dims: &[usize], values: &[f32]) -> Value {
        self.constant(name, data_type::FLOAT, dims, values)
    }

    /// A constant of signed bytes.
    pub fn int8s(&mut self, name: &str, dims: &[usize], values: &[i8]) -> Value {
        self.constant(name, data_type::INT8, dims, values)
    }

    /// One unsigned byte without dimensions.
    pub fn uint8(&mut self, name: &str, value: u8) -> Value {
        self.constant(name, data_type::UINT8, &[], &[value])
    }

    /// A constant of 64-bit integers in one dimension, named by its numbers.
    pub fn integers(&mut self, values: &[i64]) -> Value {
        let words: Vec<String> = values.iter().map(i64::to_string).collect();
        let name = format!("integers[{}]", words.join(","));
        self.constant(&name, data_type::INT64, &[values.len()], values)
    }

    /// One integer without dimensions.
    pub fn integer(&mut self, value: i64) -> Value {
        self.constant(&format!("integer.{value}"), data_type::INT64, &[], &[value])
    }

    /// One float without dimensions, named by its value.
    pub fn float(&mut self, value: f32) -> Value {
        self.floats(&format!("float.{value:e}"), &[], &[value])
    }

    /// ONNX wants little-endian bytes, which is what all machines of act have in memory.
    fn constant<T: bytemuck::NoUninit>(
        &mut self,
        name: &str,
        data_type: i32,
        dims: &[usize],
        values: &[T],
    ) -> Value {
        if self.constants.insert(name.into()) {
            self.proto.initializer.push(TensorProto {
                dims: dims.iter().map(|&d| d as i64).collect(),
                data_type: Some(data_type),
                name: Some(name.into()),
                raw_data: Some(bytemuck::cast_slice(values).to_vec()),
            });
        }
        Value(name.into())
    }

    /// The finished graph.
    pub fn finish(mut self, name: &str) -> GraphProto {
        self.proto.name = Some(name.into());
        self.proto
    }
}

fn attribute((name, value): &(&str, Attribute)) -> AttributeProto {
    let mut proto = AttributeProto {
        name: Some((*name).into()),
        ..AttributeProto::default()
    };
    let kind = match *value {
        Attribute::Int(i) => {
            proto.i = Some(i);
            attribute_type::INT
        }
        Attribute::Float(f) => {
            proto.f = Some(f);
            attribute_type::FLOAT
        }
        Attribute::Ints(ints) => {
            proto.ints = ints.to_vec();
            attribute_type::INTS
        }
    };
    proto.r#type = Some(kind);
    proto
}

fn value_info(name: &str, elem_type: i32, dims: &[Dim]) -> ValueInfoProto {
    let dim = |d: &Dim| match d {
        Dim::Fixed(n) => DimensionProto {
            dim_value: Some(*n as i64),
            dim_param: None,
        },
        Dim::Free(name) => DimensionProto {
            dim_value: None,
            dim_param: Some((*name).into()),
        },
    };
    ValueInfoProto {
        name: Some(name.into()),
        r#type: Some(TypeProto {
            tensor_type: Some(TensorTypeProto {
                elem_type: Some(elem_type),
                shape: Some(TensorShapeProto {
                    dim: dims.iter().map(dim).collect(),
                }),
            }),
        }),
    }
}
