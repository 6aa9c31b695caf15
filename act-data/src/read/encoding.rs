//! What bytes are that are no UTF-8 text, with the command that makes them one.

use std::path::Path;

/// What a file is whose first bytes are these, if it is plainly no UTF-8 text.
pub(super) fn no_text(first: &[u8], path: &Path) -> Option<String> {
    let utf16 = |order| {
        let command = iconv(&format!("UTF-16{order}"), path);
        Some(format!("UTF-16, where UTF-8 is read: {command}"))
    };
    match first {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => utf16(""),
        [0x1f, 0x8b, ..] => Some("packed with gzip: call it .gz, or gunzip it".into()),
        [b'P', b'K', 3, 4, ..] => {
            Some("a zip archive, or an Excel sheet: unpack it, or save the sheet as CSV".into())
        }
        [b'P', b'A', b'R', b'1', ..] => Some(
            "Parquet, which is not read: pandas writes JSON lines of it, to_json(.., orient=\"records\", \
             lines=True)"
                .into(),
        ),
        // Without a mark, every other byte of Western text is zero.
        [0, a, 0, b, ..] if *a > 0 && *b > 0 => utf16("BE"),
        [a, 0, b, 0, ..] if *a > 0 && *b > 0 => utf16("LE"),
        _ => None,
    }
}

/// What to do about a line that is not UTF-8.
pub(super) fn convert(line: &[u8], path: &Path) -> String {
    if is_chinese(line) {
        format!("it looks like GBK: {}", iconv("GB18030", path))
    } else {
        let command = iconv("ENCODING", path);
        format!("if the file has another encoding: {command}")
    }
}

fn iconv(from: &str, path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    match name.strip_suffix(".gz") {
        Some(_) => format!("zcat {name} | iconv -f {from} -t UTF-8 | gzip > NEW.gz"),
        None => format!("iconv -f {from} -t UTF-8 {name} > NEW"),
    }
}

/// Whether bytes beyond ASCII are pairs of GB 2312's common ideographs for the most part, as in no other
/// encoding's ordinary text.
fn is_chinese(bytes: &[u8]) -> bool {
    let (mut common, mut pairs, mut at) = (0, 0, 0);
    while at < bytes.len() {
        if bytes[at] < 0x80 {
            at += 1;
            continue;
        }
        let next = bytes.get(at + 1).copied().unwrap_or_default();
        match (bytes[at], next) {
            (0x81..=0xfe, 0x40..=0x7e | 0x80..=0xfe) => pairs += 1,
            (0x81..=0xfe, 0x30..=0x39) => pairs += 1,
            _ => return false,
        }
        common += usize::from((0xb0..=0xf7).contains(&bytes[at]) && next >= 0xa1);
        at += 2;
    }
    common >= 2 && 2 * common > pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "今天很好,1" in GBK.
    const GBK: &[u8] = b"\xbd\xf1\xcc\xec\xba\xdc\xba\xc3,1";

    #[test]
    fn gbk_is_told_from_latin_1() {
        assert!(is_chinese(GBK));
        assert!(!is_chinese(b"caf\xe9 cr\xe8me, d\xe9j\xe0 vu"));
        assert!(!is_chinese(b"plain \xff"));
        let command = convert(GBK, Path::new("d/train.csv"));
        assert!(
            command.ends_with("iconv -f GB18030 -t UTF-8 train.csv > NEW"),
            "{command}"
        );
        let packed = convert(GBK, Path::new("train.csv.gz"));
        assert!(packed.ends_with("zcat train.csv.gz | iconv -f GB18030 -t UTF-8 | gzip > NEW.gz"));
    }

    #[test]
    fn files_that_are_no_text_are_named_by_their_first_bytes() {
        for (bytes, what) in [
            (&b"\xff\xfea\0\n\0"[..], "iconv -f UTF-16 -t UTF-8 f"),
            (b"\xfe\xff\0a\0\n", "iconv -f UTF-16 -t UTF-8 f"),
            (b"t\0e\0x\0t\0", "iconv -f UTF-16LE"),
            (b"\0t\0e\0x\0t", "iconv -f UTF-16BE"),
            (b"\x1f\x8b\x08", "gzip"),
            (b"PK\x03\x04", "Excel"),
            (b"PAR1", "Parquet"),
        ] {
            let found = no_text(bytes, Path::new("f")).unwrap();
            assert!(found.contains(what), "{found}");
        }
        for text in [&b""[..], b"text\tlabel\n", b"\xef\xbb\xbfa", GBK] {
            assert_eq!(no_text(text, Path::new("f")), None);
        }
    }
}
