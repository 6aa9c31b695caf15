//! The map of characters that a SentencePiece model brings along, `precompiled_charsmap`: a double
//! array (Aoe 1989, in the bits of Darts-clone) from beginnings of texts to places in a text of
//! replacements, each of which ends with a zero byte. The crate that runs it looks where it is sent
//! without asking; so every place that any text can send it to is visited here first.

/// Why a map is refused.
type Wrong = &'static str;

/// Checks a map in base64.
///
/// # Errors
/// What is wrong with it.
pub fn check(text: &str) -> Result<(), Wrong> {
    let bytes = base64(text).ok_or("is no base64")?;
    let (size, rest) = bytes.split_first_chunk().ok_or("is empty")?;
    let size = u32::from_le_bytes(*size) as usize;
    let (units, replacements) = rest
        .split_at_checked(size)
        .ok_or("is shorter than it says")?;
    let (units, []) = units.as_chunks::<4>() else {
        return Err("has a part of a unit");
    };
    let units: Vec<u32> = units.iter().map(|unit| u32::from_le_bytes(*unit)).collect();
    let replacements = std::str::from_utf8(replacements).map_err(|_| "is not UTF-8")?;
    walk(&units, replacements)
}

/// Visits every state that the array can come to.
fn walk(units: &[u32], replacements: &str) -> Result<(), Wrong> {
    const OUTSIDE: Wrong = "leads outside its array";
    let root = offset(*units.first().ok_or("has no unit")?);
    let mut seen = vec![false; units.len()];
    let mut waiting = vec![root];
    while let Some(base) = waiting.pop() {
        // A zero byte ends the search before it.
        for byte in 1..=255usize {
            let unit = *units.get(base ^ byte).ok_or(OUTSIDE)?;
            if unit & ((1 << 31) | 0xff) != byte as u32 {
                continue;
            }
            let next = base ^ byte ^ offset(unit);
            if unit & (1 << 8) != 0 {
                let value = units.get(next).ok_or(OUTSIDE)? & ((1 << 31) - 1);
                if !replacements.is_char_boundary(value as usize) {
                    return Err("leads outside its replacements");
                }
            }
            match seen.get_mut(next) {
                Some(seen) if *seen => {}
                Some(seen) => {
                    *seen = true;
                    waiting.push(next);
                }
                None => return Err(OUTSIDE),
            }
        }
    }
    Ok(())
}

/// From a unit's place to its followers'.
fn offset(unit: u32) -> usize {
    ((unit >> 10) as usize) << ((unit & (1 << 9)) >> 6)
}

/// RFC 4648, section 4, in its one spelling; nothing for anything else.
fn base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    let (groups, []) = digits.as_chunks::<4>() else {
        return None;
    };
    let mut bytes = Vec::with_capacity(groups.len() * 3);
    for (i, group) in groups.iter().enumerate() {
        let pads = group.iter().rev().take_while(|&&c| c == b'=').count();
        if pads > 2 || (pads > 0 && i + 1 < groups.len()) {
            return None;
        }
        let mut bits = 0;
        for &c in &group[..4 - pads] {
            bits = (bits << 6) | digit(c)?;
        }
        bits <<= 6 * pads;
        let [_, group @ ..] = bits.to_be_bytes();
        let (kept, left) = group.split_at(3 - pads);
        if left.iter().any(|&byte| byte != 0) {
            return None;
        }
        bytes.extend(kept);
    }
    Some(bytes)
}

fn digit(c: u8) -> Option<u32> {
    let value = match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(value.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;
    use tokenizers::{NormalizedString, Normalizer, NormalizerWrapper};

    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    fn spelt(bytes: &[u8]) -> String {
        let mut text = String::new();
        for group in bytes.chunks(3) {
            let mut bits = 0u32;
            for i in 0..3 {
                bits = (bits << 8) | u32::from(*group.get(i).unwrap_or(&0));
            }
            for i in 0..4 {
                let digit = DIGITS[(bits >> (18 - 6 * i)) as usize & 63];
                text.push(if i > group.len() { '=' } else { digit.into() });
            }
        }
        text
    }

    fn map(units: &[u32], replacements: &str) -> String {
        let size = 4 * units.len() as u32;
        let units = units.iter().flat_map(|unit| unit.to_le_bytes());
        let bytes: Vec<u8> = size
            .to_le_bytes()
            .into_iter()
            .chain(units)
            .chain(replacements.bytes())
            .collect();
        spelt(&bytes)
    }

    /// `a` becomes `xy`: from the root, whose followers are at 0, unit 97 leads to the value at 256.
    fn letter() -> Vec<u32> {
        let mut units = vec![0; 512];
        units[97] = 97 | (1 << 8) | ((97 ^ 256) << 10);
        units[256] = (1 << 31) | 1;
        units
    }

    fn normalised(map: &str, text: &str) -> String {
        let step = json!({"type": "Precompiled", "precompiled_charsmap": map});
        let step: NormalizerWrapper = serde_json::from_value(step).unwrap();
        let mut text = NormalizedString::from(text);
        step.normalize(&mut text).unwrap();
        text.get().to_string()
    }

    #[test]
    fn a_good_map_is_run() {
        let map = map(&letter(), "?xy\0z");
        assert_eq!(check(&map), Ok(()));
        assert_eq!(normalised(&map, "banana"), "bxynxynxy");
    }

    #[test]
    fn what_would_send_the_crate_elsewhere_is_refused() {
        let units = letter();
        let with = |place: usize, unit: u32| {
            let mut units = units.clone();
            units[place] = unit;
            map(&units, "?xy\0z")
        };
        assert_eq!(
            check(&map(&units[..257], "?xy\0z")),
            Err("leads outside its array")
        );
        assert_eq!(check(&with(0, (1 << 10) | (1 << 9))), Ok(()));
        assert_eq!(
            check(&with(0, (2 << 10) | (1 << 9))),
            Err("leads outside its array")
        );
        assert_eq!(
            check(&with(97, 97 | (1 << 8) | (999 << 10))),
            Err("leads outside its array")
        );
        assert_eq!(check(&with(256, 6)), Err("leads outside its replacements"));
        assert_eq!(check(&map(&units, "?é")), Ok(()));
        assert_eq!(
            check(&map(&units, "é")),
            Err("leads outside its replacements")
        );
        for wrong in [
            "",
            "AAAA",
            "A",
            "AAA*",
            "=AAA",
            "AAAAAA==AAAA",
            "/////wAA",
            "AQAAAAA=",
        ] {
            assert!(check(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_let_pass_is_run_without_panic(
            spoilt in proptest::collection::vec((0..512usize, any::<u32>()), 0..4),
            text in "[a-cé ]{0,12}",
        ) {
            let mut units = letter();
            spoilt.into_iter().for_each(|(place, unit)| units[place] = unit);
            let map = map(&units, "?xy\0zé\0");
            if check(&map).is_ok() {
                normalised(&map, &text);
            }
        }

        #[test]
        fn base64_is_read_back(bytes: Vec<u8>) {
            prop_assert_eq!(base64(&spelt(&bytes)), Some(bytes));
        }
    }
}
