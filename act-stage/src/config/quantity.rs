//! Quantities with a unit, as people write them: `8ms`, `20MB`.

use act_core::error::{Error, Result};

/// Milliseconds of `800us`, `8ms` or `1.5s`.
///
/// # Errors
/// Usage: no number above 0, or no such unit.
pub fn milliseconds(text: &str) -> Result<f64> {
    let units = [("us", 1e-3), ("ms", 1.0), ("s", 1e3)];
    parse(text, &units).ok_or_else(|| refused(text, "a time, such as 800us, 8ms or 1.5s"))
}

/// Bytes of `800kB`, `20MB` or `1GB` (powers of 1000), `19MiB` (powers of 1024), or `1000000`.
///
/// # Errors
/// Usage: no number above 0, or no such unit.
pub fn bytes(text: &str) -> Result<u64> {
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
    let bytes = parse(text, &units).filter(|b| (1.0..1e15).contains(b));
    let bytes = bytes.ok_or_else(|| refused(text, "a size, such as 800kB, 20MB or 19MiB"))?;
    Ok(bytes as u64)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_count() {
        assert_eq!(milliseconds("8ms").unwrap(), 8.0);
        assert_eq!(milliseconds(" 1.5 s ").unwrap(), 1500.0);
        assert_eq!(milliseconds("250us").unwrap(), 0.25);
        assert_eq!(bytes("20MB").unwrap(), 20_000_000);
        assert_eq!(bytes("1.5 MiB").unwrap(), 1_572_864);
        assert_eq!(bytes("800kB").unwrap(), 800_000);
        assert_eq!(bytes("12345").unwrap(), 12_345);
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        for text in ["", "8", "ms", "-8ms", "0ms", "nan ms", "inf s", "8 hours"] {
            let error = milliseconds(text).unwrap_err();
            assert_eq!(error.kind(), act_core::ErrorKind::Usage, "{text}");
        }
        for text in ["", "MB", "-1MB", "0", "0.5B", "20 megabytes", "1e300GB"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }
}
