//! The part of Paddle's `framework.proto` that an inference program needs, written as prost messages.
//!
//! Lists that a hostile file could fill with empty messages are kept as bytes and decoded one by one
//! by the reader, after counting: an empty message takes two bytes in a file and far more in memory.
//! Fields left out here are skipped, so newer files with more of them still read.

use prost::Message;

/// `ProgramDesc`: blocks of operators; the first is the main one.
#[derive(Clone, PartialEq, Message)]
pub struct ProgramDesc {
    /// Encoded [`BlockDesc`]s.
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub blocks: Vec<Vec<u8>>,
}

/// `BlockDesc`.
#[derive(Clone, PartialEq, Message)]
pub struct BlockDesc {
    /// Encoded [`VarDesc`]s.
    #[prost(bytes = "vec", repeated, tag = "3")]
    pub vars: Vec<Vec<u8>>,
    /// Encoded [`OpDesc`]s, in the order of execution.
    #[prost(bytes = "vec", repeated, tag = "4")]
    pub ops: Vec<Vec<u8>>,
}

/// `VarDesc`: a variable.
#[derive(Clone, PartialEq, Message)]
pub struct VarDesc {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its type.
    #[prost(message, optional, tag = "2")]
    pub r#type: Option<VarType>,
    /// True for what lives outside a run: the parameters.
    #[prost(bool, optional, tag = "3")]
    pub persistable: Option<bool>,
}

/// `VarType`.
#[derive(Clone, PartialEq, Message)]
pub struct VarType {
    /// One of [`data_type`].
    #[prost(int32, tag = "1")]
    pub r#type: i32,
    /// Set where `type` is [`data_type::LOD_TENSOR`].
    #[prost(message, optional, tag = "3")]
    pub lod_tensor: Option<LodTensorDesc>,
}

/// `VarType.LoDTensorDesc`.
#[derive(Clone, PartialEq, Message)]
pub struct LodTensorDesc {
    /// Type of the elements and shape.
    #[prost(message, optional, tag = "1")]
    pub tensor: Option<TensorDesc>,
}

/// `VarType.TensorDesc`.
#[derive(Clone, PartialEq, Message)]
pub struct TensorDesc {
    /// One of [`data_type`].
    #[prost(int32, tag = "1")]
    pub data_type: i32,
    /// Dimensions, outermost first; -1 is free. Unpacked as Paddle writes them, read either way.
    #[prost(int64, repeated, packed = "false", tag = "2")]
    pub dims: Vec<i64>,
}

/// `OpDesc`: an operator.
#[derive(Clone, PartialEq, Message)]
pub struct OpDesc {
    /// Encoded [`OpSlot`]s.
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub inputs: Vec<Vec<u8>>,
    /// Encoded [`OpSlot`]s.
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub outputs: Vec<Vec<u8>>,
    /// Kind: `matmul_v2` and so on.
    #[prost(string, tag = "3")]
    pub r#type: String,
    /// Encoded [`OpAttr`]s.
    #[prost(bytes = "vec", repeated, tag = "4")]
    pub attrs: Vec<Vec<u8>>,
}

/// `OpDesc.Var`: the variables in one slot of an operator.
#[derive(Clone, PartialEq, Message)]
pub struct OpSlot {
    /// The slot: `X`, `W`, `Out`.
    #[prost(string, tag = "1")]
    pub parameter: String,
    /// Names of variables.
    #[prost(string, repeated, tag = "2")]
    pub arguments: Vec<String>,
}

/// `OpDesc.Attr`: the value is in the field that `type` names. Types that no encoder needs (lists of
/// texts such as call stacks, blocks, variables) are skipped.
#[derive(Clone, PartialEq, Message)]
pub struct OpAttr {
    /// Name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// One of [`attr_type`].
    #[prost(int32, tag = "2")]
    pub r#type: i32,
    /// Value of an `INT`.
    #[prost(int32, optional, tag = "3")]
    pub i: Option<i32>,
    /// Value of a `FLOAT`.
    #[prost(float, optional, tag = "4")]
    pub f: Option<f32>,
    /// Value of a `STRING`.
    #[prost(string, optional, tag = "5")]
    pub s: Option<String>,
    /// Value of `INTS`.
    #[prost(int32, repeated, packed = "false", tag = "6")]
    pub ints: Vec<i32>,
    /// Value of a `BOOLEAN`.
    #[prost(bool, optional, tag = "10")]
    pub b: Option<bool>,
    /// Value of a `LONG`.
    #[prost(int64, optional, tag = "13")]
    pub l: Option<i64>,
    /// Value of `LONGS`.
    #[prost(int64, repeated, packed = "false", tag = "15")]
    pub longs: Vec<i64>,
    /// Value of a `FLOAT64`.
    #[prost(double, optional, tag = "19")]
    pub float64: Option<f64>,
}

/// Numbers of `VarType.Type`.
#[allow(missing_docs)]
pub mod data_type {
    pub const INT64: i32 = 3;
    pub const FP16: i32 = 4;
    pub const FP32: i32 = 5;
    pub const FP64: i32 = 6;
    pub const LOD_TENSOR: i32 = 7;
    pub const INT8: i32 = 21;
    pub const BF16: i32 = 22;
}

/// Numbers of `AttrType`.
#[allow(missing_docs)]
pub mod attr_type {
    pub const INT: i32 = 0;
    pub const FLOAT: i32 = 1;
    pub const STRING: i32 = 2;
    pub const INTS: i32 = 3;
    pub const BOOLEAN: i32 = 6;
    pub const LONG: i32 = 9;
    pub const LONGS: i32 = 11;
    pub const FLOAT64: i32 = 15;
}
