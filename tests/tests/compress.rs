//! act-compress: the same models as the stages one by one, whatever interrupts it, and nothing of somebody
//! else's replaced.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use act_tests::{Fixture, bash, bin};

const COMMAND: &str = "act-compress base.act --data data -c tiny.yaml -o";

/// Starts a compression by a command that is finished by `out`.
fn start(fixture: &Fixture, command: &str, out: &str) -> Child {
    let words = command.split(' ').skip(1).chain([out]);
    Command::new(bin("act-compress"))
        .args(words)
        .current_dir(fixture.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts")
}

fn kill(mut child: Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// Kills a compression again and again, each time `later` than before, `most` times or until it has made
/// `RESULT`; how often.
fn kills(fixture: &Fixture, command: &str, result: &str, later: u64, most: u64) -> u64 {
    let (out, _) = result.rsplit_once('/').expect("a file in a folder");
    for n in 0..most {
        let child = start(fixture, command, out);
        sleep(Duration::from_millis(5 + later * n));
        let done = fixture.file(result).exists();
        kill(child);
        if done {
            return n + 1;
        }
    }
    most
}

/// Compresses until int8.act is there; the report's measurements are not waited for.
fn until_int8(fixture: &Fixture, command: &str, out: &str) {
    let mut child = start(fixture, command, out);
    let deadline = Instant::now() + Duration::from_secs(120);
    while !fixture.file(out).join("int8.act").exists() {
        let ended = child.try_wait().expect("wait");
        assert!(ended.is_none(), "it ended without int8.act: {ended:?}");
        assert!(Instant::now() < deadline, "no int8.act");
        sleep(Duration::from_millis(10));
    }
    kill(child);
}

/// The bytes of the models in a folder.
fn models(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let names = ["base.act", "pruned.act", "student.act", "int8.act"];
    let read = |name: &str| fs::read(folder.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    names.map(|name| (name.to_string(), read(name))).into()
}

#[test]
fn it_makes_what_the_stages_make_whenever_it_was_killed() {
    let fixture = Fixture::new();
    let by_hand = "mkdir hand && cp base.act hand && cd hand && S='-c ../tiny.yaml --data ../data -q' && \
                   act-prune base.act $S -o pruned.act && \
                   act-distill pruned.act --teacher base.act $S -o student.act && \
                   act-quant student.act --teacher base.act $S -o int8.act";
    bash(fixture.path(), by_hand).ok();
    let expected = models(&fixture.file("hand"));

    let kills = kills(&fixture, COMMAND, "out/int8.act", 35, 60);
    assert!(kills >= 5, "killed {kills} times only");
    until_int8(&fixture, COMMAND, "out");
    for (name, bytes) in models(&fixture.file("out")) {
        assert!(
            bytes == expected[&name],
            "{name} differs after {kills} kills"
        );
    }
}

#[test]
fn what_a_change_does_not_touch_is_not_made_again() {
    let fixture = Fixture::new();
    until_int8(&fixture, COMMAND, "out");
    let written = |name: &str| {
        let found = fs::metadata(fixture.file("out").join(name)).expect("a file");
        found.modified().expect("a time")
    };
    let names = ["base.act", "pruned.act", "student.act"];
    let before = names.map(written);
    fs::remove_file(fixture.file("out/int8.act")).unwrap();
    until_int8(&fixture, COMMAND, "out");
    assert_eq!(before, names.map(written), "only int8.act was missing");
    // Another seed asks for all of them anew.
    let line = format!("{COMMAND} out --seed 7 --set QuantPost.weight_bits=3");
    bash(fixture.path(), &line).complains(2, &["weight_bits"]);
    assert_eq!(
        before,
        names.map(written),
        "a refused command changes nothing"
    );
}

#[test]
fn a_foreign_encoder_is_imported_and_fine_tuned_and_reported() {
    let fixture = Fixture::new();
    let line = "act-convert export base.act -o classifier/ -q && \
                act-compress classifier --data data --task afqmc -c tiny.yaml -o out --json -q";
    let report = bash(fixture.path(), line).ok();
    let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    let names = report["models"].as_array().expect("models").iter();
    let names: Vec<&str> = names.filter_map(|model| model["name"].as_str()).collect();
    assert_eq!(names, ["base", "pruned", "student", "int8"]);
    for name in ["imported.act", "report.html", "report.md", "report.txt"] {
        assert!(fixture.file("out").join(name).exists(), "{name}");
    }
}

#[test]
fn mistakes_are_told_before_anything_is_made() {
    let fixture = Fixture::new();
    let tell = |line: &str, code, parts: &[&str]| bash(fixture.path(), line).complains(code, parts);
    tell("act-compress no.act --data data -o out", 2, &["no.act"]);
    tell("act-compress base.act --data no -o out", 2, &["no"]);
    tell(
        "act-compress tiny.yaml --data data --task afqmc -o out2",
        3,
        &["tiny.yaml"],
    );
    tell(
        "act-compress base.act --data data -o tiny.yaml",
        2,
        &["is a file"],
    );
    tell("act-compress base.act --data data -o . ", 2, &["base.act"]);
    tell(
        "act-compress base.act --data data --task afqmc -o out",
        2,
        &["leave out --task"],
    );
    let twice = "act-compress base.act --data data --bytes 1MB --target-speedup 2 -o out";
    tell(twice, 2, &["cannot be used with"]);
    assert!(!fixture.file("out").exists());
    let mine = "mkdir mine && echo > mine/int8.act && act-compress base.act --data data -o mine";
    tell(mine, 2, &["int8.act was not made by act-compress"]);
    assert_eq!(fs::read(fixture.file("mine/int8.act")).unwrap(), b"\n");
}

/// A task of own data that a tiny model learns in seconds, with texts enough for a judge; and a model that
/// has learned it.
fn tickets(fixture: &Fixture) {
    let folder = fixture.file("tickets");
    fs::create_dir(&folder).unwrap();
    let description = r#"{"task": "tickets", "columns": {"text": "question", "label": "team"}, "labels": ["a", "b"]}"#;
    fs::write(folder.join("act-dataset.json"), description).unwrap();
    let row = |i: usize| match i % 2 {
        0 => format!("why is bill {i} of customer {} so high\ta\n", 7 * i % 13),
        _ => format!("no signal {i} at tower {} today\tb\n", 5 * i % 17),
    };
    for (split, rows) in [("train", 0..3000), ("dev", 3000..3200), ("new", 4000..4300)] {
        let text = std::iter::once("question\tteam\n".to_string()).chain(rows.map(row));
        fs::write(
            folder.join(format!("{split}.tsv")),
            text.collect::<String>(),
        )
        .unwrap();
    }
    let line = "act-convert new --layers 2 --hidden 32 --heads 4 --data tickets -q | \
                act-distill -c tiny.yaml --data tickets -q -o learned.act && act-eval accuracy learned.act --data tickets --json";
    let report: serde_json::Value = serde_json::from_str(&bash(fixture.path(), line).ok()).unwrap();
    let accuracy = report["accuracy"]["value"].as_f64().unwrap();
    assert!(
        accuracy > 0.99,
        "the fixture's model has not learned: {accuracy}"
    );
}

fn promise(fixture: &Fixture, out: &str) -> serde_json::Value {
    let text = fs::read_to_string(fixture.file(out).join("promise.json")).expect("promise.json");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn a_promise_of_accuracy_is_kept_or_refused_with_the_nearest() {
    let fixture = Fixture::new();
    tickets(&fixture);
    let command = "act-compress learned.act --data tickets -c tiny.yaml -o";
    let report = bash(
        fixture.path(),
        &format!("{command} kept --max-drop 4 --json"),
    )
    .ok();
    let kept = promise(&fixture, "kept");
    assert_eq!(
        (&kept["kept"], &kept["judge"]["examples"]),
        (&true.into(), &300.into())
    );
    assert_eq!(kept["judge"]["base_may_know_them"], true);
    assert_eq!(
        kept["choosing"], 135,
        "a twentieth of what the judge leaves"
    );
    let frontier = kept["frontier"].as_array().unwrap();
    let taken: Vec<_> = frontier.iter().filter(|t| t["taken"] == true).collect();
    assert_eq!((taken.len(), &taken[0]["what"]), (1, &"finalist".into()));
    assert!(taken[0]["most"].as_f64().unwrap() <= 4.0);
    let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!(report["promise"], kept);
    let page = fs::read_to_string(fixture.file("kept/report.md")).unwrap();
    assert!(page.contains("## Promise") && page.contains("is kept with 95 % confidence"));
    // What the judge has seen, no stage has: each says how many examples it had.
    let trained = fs::read_to_string(fixture.file("kept/int8.json")).unwrap();
    assert!(trained.contains("without 10 % for a judge"), "{trained}");

    // Again from what is there: the same files, and no stage is called.
    let before = fs::read(fixture.file("kept/int8.act")).unwrap();
    let again = bash(fixture.path(), &format!("{command} kept --max-drop 4"));
    assert!(!again.stderr.contains("act-distill "), "{}", again.stderr);
    assert_eq!(fs::read(fixture.file("kept/int8.act")).unwrap(), before);

    // Killed in the middle of tries, it goes on from what is there. (Not to the same bytes: what is pruned
    // to a speed-up depends on what was measured.)
    let promised = "act-compress --max-drop 4 learned.act --data tickets -c tiny.yaml -o";
    let kills = kills(&fixture, promised, "killed/promise.json", 150, 12);
    assert!(kills >= 5, "killed {kills} times only");
    bash(fixture.path(), &format!("{command} killed --max-drop 4")).ok();
    let killed = promise(&fixture, "killed");
    assert_eq!(
        (&killed["kept"], &killed["max_drop"]),
        (&kept["kept"], &kept["max_drop"])
    );
    models(&fixture.file("killed"));

    // Three hundred texts cannot show a hundredth of a point.
    let missed = bash(fixture.path(), &format!("{command} kept --max-drop 0.01"));
    assert_eq!(missed.code, Some(4), "{}", missed.stderr);
    assert!(
        missed.stderr.contains("ask for --max-drop"),
        "{}",
        missed.stderr
    );
    assert_eq!(promise(&fixture, "kept")["kept"], false);

    let unseen = "--max-drop 9 --judge tickets/new.tsv --hours 5 -q";
    bash(fixture.path(), &format!("{command} unseen {unseen}")).ok();
    let judge = &promise(&fixture, "unseen")["judge"];
    assert_eq!(
        (&judge["examples"], &judge["base_may_know_them"]),
        (&300.into(), &false.into())
    );
    assert_eq!(judge["name"], "tickets/new.tsv");
    let tell = |line: &str, parts: &[&str]| {
        bash(fixture.path(), &format!("{command} other {line}")).complains(2, parts);
    };
    tell(
        "--max-drop 4 --judge tickets/train.tsv",
        &["texts are in train"],
    );
    tell("--max-drop 4 --hours 0.0000001", &["give more"]);
    tell(
        "--max-drop 4 --set TrainConfig.validation_ratio=0",
        &["validation_ratio"],
    );
    tell("--hours 4", &["--max-drop"]);
    tell("--max-drop x", &["points of accuracy"]);
}
