//! Which flags each program has. A flag is there if it has an effect; any other is a mistake that the
//! program tells before it does anything.

use std::collections::BTreeSet;

use act_tests::run;

/// Each program, or program and subcommand, with all its flags but `--help` and `--version`.
const TABLE: &[(&str, &str)] = &[
    ("act-data sample", "output train dev seed quiet verbose"),
    ("act-data fetch", "output digest quiet verbose"),
    (
        "act-data check",
        "task vocab max-seq-length model json quiet verbose",
    ),
    ("act-data describe", "task write json quiet verbose"),
    ("act-data vocab", "task output min-count quiet verbose"),
    (
        "act-convert new",
        "layers hidden heads intermediate task vocab max-seq-length family activation output config \
         set set-any data seed report quiet verbose",
    ),
    (
        "act-convert import",
        "task labels data max-seq-length vocab output config set set-any seed report quiet verbose",
    ),
    (
        "act-convert export",
        "output onnx activations tensorrt report quiet verbose",
    ),
    (
        "act-prune",
        "target-speedup budget params bytes family precision latency-table output config set set-any data \
         device seed threads report quiet verbose",
    ),
    (
        "act-distill",
        "teacher unless-trained micro-batch checkpoint checkpoint-every metrics output config set set-any data device seed \
         threads report strict quiet verbose",
    ),
    (
        "act-quant",
        "bits deploy judge mode teacher checkpoint checkpoint-every metrics output config set set-any data device \
         seed threads report quiet verbose",
    ),
    (
        "act-compress",
        "target-speedup bytes max-drop hours judge task labels output config set data device seed threads json quiet verbose",
    ),
    (
        "act-eval accuracy",
        "batch-size per-class json threads split data report quiet verbose",
    ),
    (
        "act-eval bench",
        "compare scaling json batch seq seconds runs threads seed split data report quiet verbose",
    ),
    (
        "act-eval predict",
        "format submission labels-only top batch-size threads quiet verbose",
    ),
    ("act-eval inspect", "quant time json quiet verbose"),
    (
        "act-eval report",
        "output training promise json batch seq seconds runs threads seed split data report quiet verbose",
    ),
    ("act-eval summary", "json output quiet verbose"),
    (
        "act-eval gate",
        "from model max-drop max-drop-f1 max-drop-of max-class-drop class-examples min-speedup quiet verbose",
    ),
    (
        "act-serve",
        "listen batch-size max-wait max-queue max-texts max-text max-body max-connections client-timeout \
         idle-timeout drain threads quiet verbose",
    ),
];

/// Flags that several programs share, each with a value that is none where it may have one.
const SHARED: &[&[&str]] = &[
    &["--config", "/nonexistent.yaml"],
    &["--set", "Nonsense.key=1"],
    &["--data", "/nonexistent"],
    &["--device", "moon"],
    &["--seed", "1"],
    &["--threads", "1"],
    &["--report", "/nonexistent/r.json"],
    &["--strict"],
    &["--checkpoint", "/nonexistent"],
];

fn help(command: &str) -> String {
    let (program, subcommand) = command.split_once(' ').unwrap_or((command, ""));
    let subcommand = (!subcommand.is_empty()).then_some(subcommand);
    let text = run(program, subcommand.into_iter().chain(["--help"])).ok();
    // The examples behind it show flags, too.
    text.split("\nExamples:").next().unwrap_or("").to_string()
}

/// The long flags that a help explains.
fn flags(help: &str) -> BTreeSet<&str> {
    let explained = help.lines().filter_map(|line| {
        let (short, long) = line.split_once("--")?;
        let short = short.trim();
        let begins = short.is_empty() || (short.starts_with('-') && short.ends_with(','));
        let end = long.find(|c: char| c != '-' && !c.is_ascii_lowercase() && !c.is_ascii_digit());
        begins.then(|| &long[..end.unwrap_or(long.len())])
    });
    explained
        .filter(|flag| !["help", "version"].contains(flag))
        .collect()
}

/// The subcommands that a help lists.
fn subcommands(help: &str) -> BTreeSet<&str> {
    let (_, list) = help.split_once("Commands:\n").unwrap_or_default();
    let names = list.lines().take_while(|line| line.starts_with("  "));
    names
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect()
}

#[test]
fn every_program_has_the_flags_of_the_table_and_no_other() {
    let mut programs = BTreeSet::new();
    for (command, expected) in TABLE {
        let expected: BTreeSet<&str> = expected.split_whitespace().collect();
        assert_eq!(flags(&help(command)), expected, "{command}");
        programs.extend(command.split_whitespace().next());
    }
    for program in programs {
        let of_this = |(command, _): &(&'static str, _)| command.strip_prefix(program);
        let expected: BTreeSet<&str> = (TABLE.iter().filter_map(of_this))
            .filter_map(|rest| rest.strip_prefix(' '))
            .collect();
        assert_eq!(subcommands(&help(program)), expected, "{program}");
    }
}

#[test]
fn a_flag_without_effect_is_a_mistake_of_one_line() {
    for (command, has) in TABLE {
        let (program, subcommand) = command.split_once(' ').unwrap_or((command, ""));
        let subcommand = (!subcommand.is_empty()).then_some(subcommand);
        for flag in SHARED {
            let name = flag[0].trim_start_matches("--");
            if has.split_whitespace().any(|has| has == name) {
                continue;
            }
            let ran = run(program, subcommand.iter().chain(*flag));
            assert_eq!(ran.code, Some(2), "{command} {flag:?}: {}", ran.stderr);
            let begin = format!("{program}: unexpected argument '{}' found", flag[0]);
            assert!(
                ran.stderr.starts_with(&begin) && ran.stderr.lines().count() == 1,
                "{command} {flag:?}: {}",
                ran.stderr
            );
        }
    }
}

#[test]
fn a_flag_that_another_leaves_without_effect_is_a_mistake() {
    for (line, says) in [
        (
            "act-eval bench x.act --runs 3 --seconds 2",
            "'--runs <N>' cannot be used with",
        ),
        (
            "act-eval report x.act --data d --seconds 2 --runs 3 -o r.md",
            "cannot be used with",
        ),
        (
            "act-eval bench x.act --compare y.act --scaling",
            "cannot be used with",
        ),
        (
            "act-eval bench x.act --split train",
            "arguments were not provided: --data <DIR>",
        ),
        (
            "act-prune x.act --data d --budget 8ms --params 0.5",
            "cannot be used with",
        ),
        (
            "act-prune x.act --data d --precision f32",
            "--precision has no effect",
        ),
        (
            "act-prune x.act --data d --bytes 9MB --latency-table t",
            "--latency-table has no effect",
        ),
        ("act-distill x.act --data d -q -v", "cannot be used with"),
    ] {
        let words: Vec<&str> = line.split_whitespace().collect();
        run(words[0], &words[1..]).complains(2, &[says]);
    }
}

#[test]
fn nothing_is_written_for_a_flag_without_effect() {
    let folder = tempfile::tempdir().unwrap();
    let made = folder.path().join("d");
    let made = made.to_str().unwrap();
    let ran = run(
        "act-data",
        ["sample", "afqmc", "-o", made, "--device", "moon"],
    );
    ran.complains(2, &["--device"]);
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}
