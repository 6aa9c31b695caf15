//! The commands that documents and scripts show have flags that the programs take.

use std::collections::BTreeMap;
use std::fs;

use act_tests::{files, run};

const PROGRAMS: [&str; 8] = [
    "act-data",
    "act-convert",
    "act-prune",
    "act-distill",
    "act-quant",
    "act-eval",
    "act-compress",
    "act-serve",
];

/// The blocks of a page that are lines of a shell, or the whole of a script.
fn shell(name: &str, text: &str) -> String {
    if !name.ends_with(".md") {
        return text.to_string();
    }
    let blocks = text.split("\n```sh\n").skip(1);
    blocks
        .filter_map(|block| block.split("\n```").next())
        .map(|block| format!("{block}\n"))
        .collect()
}

/// The simple commands of a shell's text, each as its words; roughly, as quotes are not read.
fn commands(text: &str) -> Vec<Vec<&str>> {
    let lines = text
        .lines()
        .map(|line| line.split(" #").next().unwrap_or(""));
    let simple = lines.flat_map(|line| line.split(['|', ';', '&', '(', ')']));
    simple
        .map(|command| command.split_whitespace().collect::<Vec<_>>())
        .collect()
}

/// Program and subcommand of a simple command, and the long flags behind them.
fn call<'a>(words: &[&'a str]) -> Option<(String, Vec<&'a str>)> {
    let bare = |word: &'a str| word.rsplit('/').next().unwrap_or(word).trim_matches('"');
    let at = words
        .iter()
        .position(|word| PROGRAMS.contains(&bare(word)))?;
    if words[..at].contains(&"cargo") {
        return None; // It names the crate.
    }
    let mut call = bare(words[at]).to_string();
    let rest = &words[at + 1..];
    let next = rest.first().copied().unwrap_or("");
    let is_name = !next.is_empty() && next.chars().all(|c| c.is_ascii_lowercase());
    if is_name && ["act-data", "act-convert", "act-eval"].contains(&call.as_str()) {
        call = format!("{call} {next}");
    }
    let flags = rest.iter().filter(|word| word.starts_with("--"));
    Some((call, flags.filter_map(|f| f.split('=').next()).collect()))
}

#[test]
fn every_flag_of_a_shown_command_is_one_that_the_program_has() {
    let mut helps: BTreeMap<String, String> = BTreeMap::new();
    let mut seen = 0;
    for path in files(&[".md", ".sh"]) {
        let name = path.display().to_string();
        let text = fs::read_to_string(&path).expect("a page");
        // Continued lines are one.
        let text = shell(&name, &text).replace("\\\n", " ");
        for (call, flags) in commands(&text).iter().filter_map(|words| call(words)) {
            let help = helps.entry(call.clone()).or_insert_with(|| {
                let words = call.split_whitespace().collect::<Vec<_>>();
                let help = run(words[0], words[1..].iter().chain(&["--help"])).ok();
                help.split("\nExamples:").next().unwrap_or("").to_string()
            });
            for flag in flags {
                let has = help.split([' ', '\n', ',']).any(|word| word == flag);
                assert!(has, "{name}: {call} has no {flag}");
                seen += 1;
            }
        }
    }
    assert!(seen > 100, "only {seen} flags were found");
}
