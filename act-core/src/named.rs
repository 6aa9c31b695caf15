//! Enums whose variants bear names in files and on command lines.

/// Declares such an enum: each name is spelt once, beside its variant, and is what serde, `Display` and
/// `FromStr` read and write. The crate at hand must depend on serde.
#[macro_export]
macro_rules! named {
    ($(#[$meta:meta])* pub enum $type:ident {
        $($(#[$of:meta])* $variant:ident = $name:literal),+ $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ::serde::Serialize, ::serde::Deserialize)]
        pub enum $type {
            $($(#[$of])* #[serde(rename = $name)] $variant,)+
        }

        impl $type {
            /// All of them, in order.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$variant),+];

            /// Its name in files and on command lines.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }

        impl ::std::fmt::Display for $type {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl ::std::str::FromStr for $type {
            type Err = $crate::Error;

            fn from_str(text: &str) -> $crate::Result<Self> {
                match text {
                    $($name => Ok(Self::$variant),)+
                    _ => Err($crate::Error::usage(format!(
                        "unknown {text:?}; known: {}", [$($name),+].join(", ")
                    ))),
                }
            }
        }
    };
}

#[cfg(test)]
mod tests {
    named! {
        /// For the test.
        pub enum Colour {
            /// Of the sky.
            Blue = "BLUE",
            /// Of grass.
            Green = "green",
        }
    }

    #[test]
    fn a_name_is_the_same_wherever_it_is_read_or_written() {
        for colour in Colour::ALL {
            assert_eq!(colour.name().parse::<Colour>().unwrap(), colour);
            let json = serde_json::to_string(&colour).unwrap();
            assert_eq!(json, format!("\"{colour}\""));
            assert_eq!(serde_json::from_str::<Colour>(&json).unwrap(), colour);
        }
        let unknown = "blue".parse::<Colour>().unwrap_err().to_string();
        assert_eq!(unknown, "unknown \"blue\"; known: BLUE, green");
    }
}
