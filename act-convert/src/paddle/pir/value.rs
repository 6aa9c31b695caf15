//! Attributes as JSON: `{"#": type, "D": value}`, lists of those inside.

use serde_json::Value as Json;

use crate::paddle::op::Value;

/// An attribute of any type; what the walk never asks for is [`Value::Other`].
pub(super) fn of(attr: &Json) -> Value {
    match attr.get("D") {
        Some(Json::Bool(flag)) => Value::Flag(*flag),
        Some(Json::String(text)) => Value::Text(text.clone()),
        Some(Json::Number(number)) => match number.as_i64() {
            Some(integer) => Value::Int(integer),
            None => number.as_f64().map_or(Value::Other, Value::Float),
        },
        Some(list @ Json::Array(_)) => integers(list).map_or(Value::Other, Value::Ints),
        _ => Value::Other,
    }
}

/// A list of integers, each plain or an attribute of its own.
pub(super) fn integers(list: &Json) -> Option<Vec<i64>> {
    let integer = |value: &Json| value.get("D").unwrap_or(value).as_i64();
    list.as_array()?.iter().map(integer).collect()
}

/// The number of an element type (`VarType.Type`) by its name.
pub(super) fn element(name: &str) -> i64 {
    match name {
        "bool" => 0,
        "int16" => 1,
        "int32" => 2,
        "int64" => 3,
        "float16" => 4,
        "float32" => 5,
        "float64" => 6,
        "uint8" => 20,
        "int8" => 21,
        "bfloat16" => 22,
        _ => -1,
    }
}
