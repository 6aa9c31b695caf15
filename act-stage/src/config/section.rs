//! How a section is written down: each key with its type and default in one place.

use serde::Serialize;

/// Declares a section. A key without a default has its type's; one that holds nothing is not recorded.
macro_rules! section {
    ($(#[$meta:meta])* pub struct $name:ident {
        $($(#[$of:meta])* pub $key:ident: $type:ty $(= $default:expr)?,)+
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(test, derive(schemars::JsonSchema))]
        #[serde(default)]
        pub struct $name {
            $($(#[$of])* #[serde(skip_serializing_if = "super::section::absent")] pub $key: $type,)+
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($key: section!(@ $($default)?),)+ }
            }
        }
    };
    (@) => { Default::default() };
    (@ $default:expr) => { $default };
}

pub(super) use section;

/// True of `None`, and of nothing else that a key may hold.
pub(super) fn absent(value: &impl Serialize) -> bool {
    serde_json::to_value(value).is_ok_and(|value| value.is_null())
}
