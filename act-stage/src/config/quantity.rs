//! Quantities with a unit, as people write them: `8ms`, `20MB`. Each keeps what was written, which is
//! what provenance records.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use act_core::error::{Error, Result};

/// A time above 0: `800us`, `8ms` or `1.5s`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct Time {
    written: String,
    milliseconds: f64,
}

impl Time {
    /// In milliseconds.
    pub fn milliseconds(&self) -> f64 {
        self.milliseconds
    }
}

/// A number of bytes: `800kB`, `20MB` or `1GB` (powers of 1000), `19MiB` (powers of 1024), `1000000`, or
/// `0`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct Size {
    written: String,
    bytes: u64,
}

impl Size {
    /// In bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl FromStr for Time {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let units = [("us", 1e-3), ("ms", 1.0), ("s", 1e3)];
        let refused = || refused(text, "a time, such as 800us, 8ms or 1.5s");
        Ok(Self {
            milliseconds: parse(text, &units).ok_or_else(refused)?,
            written: text.into(),
        })
    }
}

impl FromStr for Size {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        const K: f64 = 1024.0;
        let units = [
            ("KiB", K),
            ("MiB", K * K),
            ("GiB", K * K * K),
            ("kB", 1e3),
            ("KB", 1e3),
            ("MB", 1e6),
            ("GB", 1e9),
            ("B", 1.0),
            ("", 1.0),
        ];
        let bytes = match text.trim() {
            "0" => Some(0.0),
            _ => parse(text, &units).filter(|b| (1.0..1e15).contains(b)),
        };
        let bytes = bytes.ok_or_else(|| refused(text, "a size, such as 800kB, 20MB or 19MiB"))?;
        Ok(Self {
            bytes: bytes as u64,
            written: text.into(),
        })
    }
}

/// The number before the first unit that ends the text.
fn parse(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let text = text.trim();
    let (number, factor) = units
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)))?;
    let value = number.trim_end().parse::<f64>().ok()? * factor;
    (value.is_finite() && value > 0.0).then_some(value)
}

fn refused(text: &str, wanted: &str) -> Error {
    Error::usage(format!("{text:?} is not {wanted}"))
}

macro_rules! as_text {
    ($($type:ident),+) => {$(
        impl TryFrom<String> for $type {
            type Error = Error;
            fn try_from(text: String) -> Result<Self> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(quantity: $type) -> Self {
                quantity.written
            }
        }
    )+};
}

as_text!(Time, Size);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_count() {
        let milliseconds = |text: &str| text.parse::<Time>().unwrap().milliseconds();
        assert_eq!(milliseconds("8ms"), 8.0);
        assert_eq!(milliseconds(" 1.5 s "), 1500.0);
        assert_eq!(milliseconds("250us"), 0.25);
        let bytes = |text: &str| text.parse::<Size>().unwrap().bytes();
        assert_eq!(bytes("20MB"), 20_000_000);
        assert_eq!(bytes("1.5 MiB"), 1_572_864);
        assert_eq!(bytes("800kB"), 800_000);
        assert_eq!(bytes("12345"), 12_345);
        assert_eq!(bytes("0"), 0);
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        for text in ["", "8", "ms", "-8ms", "0ms", "nan ms", "inf s", "8 hours"] {
            let error = text.parse::<Time>().unwrap_err();
            assert_eq!(error.kind(), act_core::ErrorKind::Usage, "{text}");
        }
        for text in ["", "MB", "-1MB", "0.5B", "20 megabytes", "1e300GB"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }
}
