//! What a text is said to weigh as JSON, against what it takes.

use act_core::ErrorKind;
use act_core::json::{check_weight, weight};
use serde_json::Value;

use crate::allocation::peak_of;

/// Most bytes in use while the text is read, and after.
fn taken(text: &str) -> usize {
    let (value, peak) = peak_of(|| serde_json::from_str::<Value>(text));
    drop(value.unwrap());
    peak
}

#[test]
fn nothing_takes_more_than_its_weight() {
    let list = |part: &str| format!("[{}]", vec![part; 20_000].join(","));
    let keys = |n: usize, value: &str| {
        let entries: Vec<String> = (0..n).map(|i| format!("\"{i:06}\":{value}")).collect();
        format!("{{{}}}", entries.join(","))
    };
    let texts = [
        list("0"),
        list("\"\""),
        list("\"a longer text, with \\\" and \\\\\""),
        list("{}"),
        list("[]"),
        list("{\"\":0}"),
        list("[0]"),
        list("[\"token\",-3.5]"),
        list("[{\"a\":[{\"b\":null}]}]"),
        list(&keys(12, "true")),
        keys(30_000, "7"),
        keys(3_000, "{\"id\":1,\"content\":\"x\",\"special\":true}"),
        "\"text\"".into(),
    ];
    for text in texts {
        let (taken, weight) = (taken(&text), weight(text.as_bytes()));
        let start = &text[..text.len().min(40)];
        assert!(taken <= weight, "{start}: {taken} of {weight}");
        // A bound that refuses what is legitimate is none: text of several times the memory.
        assert!(weight < 6 * taken + 1000, "{start}: {taken} of {weight}");
    }
}

#[test]
fn what_is_no_json_weighs_something_too() {
    for text in ["", "\"", "\"\\", "]]]]", "}{", "{\"a\\", ",,,,"] {
        assert!(weight(text.as_bytes()) < 2000, "{text}");
    }
    assert!(weight("[".repeat(1000).as_bytes()) > 100_000);
}

#[test]
fn a_text_that_takes_too_much_is_refused_before_it_is_read() {
    let text = format!("[{}]", vec!["{\"\":0}"; 100_000].join(","));
    let (error, peak) = peak_of(|| check_weight(text.as_bytes(), 1 << 20).unwrap_err());
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("1 MiB"), "{error}");
    assert!(peak < 1000, "{peak}");
    check_weight(text.as_bytes(), 100 << 20).unwrap();
}
