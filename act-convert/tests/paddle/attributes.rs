//! Attributes of operators, one a type.

use act_convert::paddle::proto::{OpAttr, attr_type};

pub fn attr_int(name: &str, value: i32) -> OpAttr {
    OpAttr {
        i: Some(value),
        ..attr(name, attr_type::INT)
    }
}

pub fn attr_float(name: &str, value: f32) -> OpAttr {
    OpAttr {
        f: Some(value),
        ..attr(name, attr_type::FLOAT)
    }
}

pub fn attr_flag(name: &str, value: bool) -> OpAttr {
    OpAttr {
        b: Some(value),
        ..attr(name, attr_type::BOOLEAN)
    }
}

pub fn attr_text(name: &str, value: &str) -> OpAttr {
    OpAttr {
        s: Some(value.into()),
        ..attr(name, attr_type::STRING)
    }
}

pub fn attr_ints(name: &str, values: &[i32]) -> OpAttr {
    OpAttr {
        ints: values.to_vec(),
        ..attr(name, attr_type::INTS)
    }
}

fn attr(name: &str, kind: i32) -> OpAttr {
    OpAttr {
        name: name.into(),
        r#type: kind,
        ..OpAttr::default()
    }
}
