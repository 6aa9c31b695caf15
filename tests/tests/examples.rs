//! Every example of every `--help` is a command that works: each is run, in a home folder that has
//! the files it names, made tiny. Those that need a network or a stopwatch are parsed only.

use std::fs;
use std::process::{Command, Stdio};

use act_tests::{Fixture, Ran, bin};

/// Programs and their subcommands.
const PROGRAMS: [(&str, &[&str]); 8] = [
    (
        "act-data",
        &["sample", "fetch", "check", "describe", "vocab"],
    ),
    ("act-convert", &["new", "import", "export"]),
    ("act-prune", &[]),
    ("act-distill", &[]),
    ("act-quant", &[]),
    ("act-compress", &[]),
    (
        "act-eval",
        &[
            "accuracy", "bench", "predict", "inspect", "report", "summary", "gate",
        ],
    ),
    ("act-serve", &[]),
];

/// Parsed and not run: downloads, a program of Paddle, which nothing here writes, and promises of speed,
/// which tiny models cannot be held to, and a server, which does not end.
const PARSED_ONLY: [&str; 7] = [
    "--hours 8",
    "act-serve",
    "act-data fetch",
    "float32.pdmodel",
    "--target-speedup",
    "--budget",
    "--bytes",
];

/// Not run here either, since what it compares with is a goal that a tiny model may miss.
const MAY_MISS: &str = "act-eval gate";

/// What the examples expect to find, from the fixture's models and data.
const HOME: &str = r#"
mkdir -p clue build/small/afqmc build/small/tnews v1 v2
cp -r data clue/afqmc && cp -r data afqmc-data && ln -s data D
act-data sample tnews -o clue/tnews --train 100 --dev 20 -q
cp tiny.yaml afqmc.yaml && cp base.act new.act
act-prune base.act -c tiny.yaml --data data -o pruned.act
act-distill pruned.act --teacher base.act -c tiny.yaml --data data -o student.act --report student.json
act-quant student.act -c tiny.yaml --data data -o int8.act --report int8.json
cp int8.act v1 && cp int8.act v2
act-eval report base.act student.act int8.act --data data --runs 5 --seq 8 -o report.json
cp report.json build/small/afqmc
sed 's/"task": "afqmc"/"task": "tnews"/' report.json > build/small/tnews/report.json
cp data/dev.json test.json
printf '1\t花呗怎么还款\t怎么还花呗\n2\t借呗额度\t额度多少\n' > questions.tsv
act-data vocab data --task afqmc -o vocab.txt
act-convert export student.act -o afqmc/ && tar cf afqmc.tar afqmc
cp -r afqmc bert-base-chinese && cp -r afqmc model
mkdir tickets
echo '{"task": "tickets", "format": "tsv", "columns": {"text": "question", "label": "team"}, "labels": ["billing", "network"]}' > tickets/act-dataset.json
for i in 1 2 3 4 5 6; do printf 'why is bill %s so high\tbilling\nno signal %s\tnetwork\n' $i $i; done > rows
for split in train dev; do (printf 'question\tteam\n'; cat rows) > tickets/$split.tsv; done
mkdir answers && (printf 'question\tteam\n'; cat rows) > answers/train.tsv
tiny='act-convert new --layers 1 --hidden 16 --heads 2 -q'
$tiny --data tickets -o tickets.act && $tiny --data clue/tnews -o tnews.act && cp int8.act afqmc.act
"#;

/// The commands among a help's examples: indented below what they do, continued by a backslash.
fn examples(help: &str) -> Vec<String> {
    let Some((_, text)) = help.split_once("\nExamples:\n") else {
        return Vec::new();
    };
    let joined = text.replace("\\\n", " ");
    let commands = joined.lines().filter(|line| line.starts_with("    "));
    commands.map(|line| line.trim().to_string()).collect()
}

fn help(program: &str, subcommand: Option<&&str>) -> String {
    let output = Command::new(bin(program))
        .args(subcommand)
        .arg("--help")
        .output()
        .expect("the program runs");
    String::from_utf8(output.stdout).expect("help is UTF-8")
}

/// Runs a line of bash in a folder that is also the home folder.
fn at_home(fixture: &Fixture, line: &str) -> Ran {
    let path = std::env::var("PATH").unwrap_or_default();
    Command::new("bash")
        .args(["-e", "-o", "pipefail", "-c", line])
        .current_dir(fixture.path())
        .env("HOME", fixture.path())
        .env("PATH", format!("{}:{path}", bin("").display()))
        .stdin(Stdio::null())
        .output()
        .expect("bash runs")
        .into()
}

#[test]
fn every_program_shows_three_examples() {
    for (program, subcommands) in PROGRAMS {
        for subcommand in std::iter::once(None).chain(subcommands.iter().map(Some)) {
            let found = examples(&help(program, subcommand));
            let name = subcommand.unwrap_or(&"");
            assert!(found.len() >= 3, "{program} {name}: {found:?}");
            for example in found {
                assert!(example.contains(program), "{program} {name}: {example}");
            }
        }
    }
}

#[test]
fn every_example_works() {
    let fixture = Fixture::new();
    at_home(&fixture, HOME).ok();
    // Each example starts from the same files, whatever the one before it wrote.
    let kept = fixture.file("kept");
    fs::create_dir(&kept).expect("a folder");
    at_home(&fixture, "cp *.act *.json kept").ok();
    for (program, subcommands) in PROGRAMS {
        for subcommand in std::iter::once(None).chain(subcommands.iter().map(Some)) {
            for example in examples(&help(program, subcommand)) {
                works(&fixture, &example);
            }
        }
    }
}

fn works(fixture: &Fixture, example: &str) {
    at_home(fixture, "cp kept/*.act kept/*.json .").ok();
    if PARSED_ONLY.iter().any(|words| example.contains(words)) {
        // With no home and no data every stage ends at once, a wrong flag before anything else.
        let ran = at_home(
            fixture,
            &format!("cd kept && mkdir -p x && cd x && {example}"),
        );
        assert!(!ran.stderr.contains("--help"), "{example}: {}", ran.stderr);
        return;
    }
    // Five rounds show that it works; the seconds that a measurement takes do not.
    let quick =
        ["bench", "report"]
            .iter()
            .fold(example.replace(" --seconds 10", ""), |line, name| {
                let command = format!("act-eval {name} ");
                line.replace(&command, &format!("{command}--runs 5 "))
            });
    let ran = at_home(fixture, &quick);
    let missed = example.contains(MAY_MISS) && ran.code == Some(4);
    assert!(ran.code == Some(0) || missed, "{example}: {}", ran.stderr);
}
