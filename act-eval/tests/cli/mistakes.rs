//! Mistakes: one line, the right exit code.

use act_core::testing::{TinyOptions, tiny_artifact};

use super::{Workplace, refusal};

#[test]
fn mistakes_end_with_one_line_and_the_right_code() {
    let here = Workplace::new();
    std::fs::write(here.path("text.act"), "not a model").unwrap();
    for (arguments, code, message) in [
        ("accuracy missing.act --data afqmc", 2, "missing.act"),
        ("accuracy text.act --data afqmc", 3, "text.act"),
        ("accuracy base.act", 2, "--data"),
        ("accuracy base.act --data nowhere", 2, "nowhere"),
        ("accuracy base.act --data afqmc --split test", 2, "test"),
        ("predict -", 2, "standard input"),
        ("report base.act base.act --data afqmc", 2, "NAME=FILE"),
        ("report base.act --data afqmc -o nowhere/r.md", 2, "nowhere"),
        ("gate --from base.act --max-drop 1", 2, "base.act"),
        ("inspect text.act", 3, "text.act"),
    ] {
        let (got, line) = refusal(here.run(arguments));
        assert_eq!(got, code, "{arguments}: {line}");
        assert!(
            line.starts_with("act-eval: ") && line.contains(message),
            "{arguments}: {line}"
        );
    }
}

#[test]
fn models_with_other_labels_cannot_be_compared() {
    let here = Workplace::new();
    here.save("other.act", tiny_artifact(1, &TinyOptions::default()));
    let (code, line) = refusal(here.run("report base.act other.act --data afqmc"));
    assert_eq!(code, 2);
    assert!(line.contains("different labels"), "{line}");
}
