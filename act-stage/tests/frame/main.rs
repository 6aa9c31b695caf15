//! The frame of the stages, tried from outside through a stage that does nothing else.
#![cfg(unix)]

mod artifacts;
mod configuration;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

fn probe(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_act-probe"));
    command.args(args).stdin(Stdio::null());
    command
}

fn act(what: &str) -> Output {
    probe(&["--act", what]).output().unwrap()
}

/// Runs it with `input` on standard input.
fn piped(args: &[&str], input: &[u8]) -> Output {
    let mut command = probe(args);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A stage that refuses early closes the pipe.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[track_caller]
fn assert_line(output: &Output, code: i32, line: &str) {
    let found = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{found}");
    assert_eq!(found.lines().count(), 1, "{found}");
    assert!(
        found.starts_with(line),
        "\nfound    {found}\nexpected {line}"
    );
}

#[test]
fn exit_codes_tell_whose_move_it_is() {
    assert_eq!(act("done").status.code(), Some(0));
    assert_eq!(act("missed").status.code(), Some(0));
    assert_eq!(
        probe(&["--act", "missed", "--strict"])
            .status()
            .unwrap()
            .code(),
        Some(4)
    );
    assert_eq!(act("gate").status.code(), Some(4));
    assert_line(&act("failed"), 1, "act-probe: diverged\n");
    assert_line(&act("usage"), 2, "act-probe: no such thing\n");
    assert_line(&act("rejected"), 3, "act-probe: x.act: bad magic\n");
    for args in [&["--no-such-flag"][..], &["--seed", "x"], &["-q", "-v"]] {
        assert_eq!(
            probe(args).output().unwrap().status.code(),
            Some(2),
            "{args:?}"
        );
    }
}

#[test]
fn a_panic_is_one_line_and_a_failure() {
    let output = act("panic");
    assert_line(&output, 1, "act-probe: internal error at ");
    assert!(stderr(&output).contains("index 7\\nout of bounds"));
    let output = act("panic-thread");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("in a thread"));
}

#[test]
fn hostile_text_cannot_forge_a_line_or_move_the_cursor() {
    assert_line(
        &act("hostile"),
        1,
        "act-probe: a\\nact-probe: forged\\u{1b}[2J\\u{202e}z\n",
    );
}

#[test]
fn help_is_quick_and_goes_to_stdout() {
    let started = Instant::now();
    let output = probe(&["--help"]).output().unwrap();
    let took = started.elapsed();
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).contains("Example: act-probe"));
    // The goal is 20 ms; the rest is room for a busy machine.
    assert!(took < Duration::from_millis(200), "{took:?}");
}

#[test]
fn levels_and_the_synthetic_mark() {
    let log = |flags: &[&str]| {
        let args = [&["--act", "log", "--threads", "3"], flags].concat();
        stderr(&probe(&args).output().unwrap())
    };
    assert_eq!(
        log(&[]),
        "act-probe: warning: careful\nact-probe: threads 3\nact-probe: warning: a foreign warning\n\
         act-probe: accuracy 0.9 [synthetic sample]\n"
    );
    assert_eq!(
        log(&["-q"]),
        "act-probe: warning: careful\nact-probe: warning: a foreign warning\n"
    );
    assert!(log(&["-v"]).contains("act-probe: debug: detail\n"));
    assert!(!log(&["-v"]).contains("trace"));
    let all = log(&["-vv"]);
    assert!(all.contains("act-probe: trace: all\n"));
    let lines = all.lines().count();
    assert!(
        !all.contains("a user's text") && !all.contains("note"),
        "{all}"
    );
    assert_eq!(lines, log(&["-v"]).lines().count() + 1, "{all}");
}

#[test]
fn data_folders_are_checked() {
    assert_line(&act("data"), 2, "act-probe: no data: give --data DIR");
    let data = |dir: &str| probe(&["--act", "data", "--data", dir]).output().unwrap();
    assert_eq!(data("/").status.code(), Some(0));
    assert_line(&data("/nowhere"), 2, "act-probe: /nowhere: No such file");
    assert_line(
        &data("/dev/null"),
        2,
        "act-probe: --data /dev/null: is a file",
    );
}

#[test]
fn outputs_that_cannot_be_written_are_refused_before_the_work() {
    let dir = tempfile::tempdir().unwrap();
    let check = |path: &str| probe(&["--act", "check", "-o", path]).output().unwrap();
    assert_line(
        &check("/nowhere/x.act"),
        2,
        "act-probe: /nowhere/x.act: the folder /nowhere does not exist",
    );
    assert_line(&check(dir.path().to_str().unwrap()), 2, "act-probe: ");
    assert_line(&check(".."), 2, "act-probe: ..: is a directory");
    assert_line(
        &check("/dev/null/x"),
        2,
        "act-probe: /dev/null/x: the folder",
    );
    assert_eq!(check("/dev/null").status.code(), Some(0));
    let output = probe(&["--act", "done", "--report", "/nowhere/r.json"])
        .output()
        .unwrap();
    assert_line(
        &output,
        2,
        "act-probe: --report: /nowhere/r.json: the folder",
    );
    let output = probe(&["--act", "check", "--report", "-"])
        .output()
        .unwrap();
    assert_line(
        &output,
        2,
        "act-probe: --report -: standard output carries the artifact",
    );
}

#[test]
fn files_respect_the_umask_and_links_and_leave_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let (real, link) = (dir.path().join("real"), dir.path().join("link"));
    fs::write(&real, "old").unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let script = format!(
        "umask 027; exec '{}' --act file -o '{}'",
        env!("CARGO_BIN_EXE_act-probe"),
        link.display()
    );
    assert!(
        Command::new("sh")
            .args(["-c", &script])
            .status()
            .unwrap()
            .success()
    );
    assert!(link.is_symlink());
    assert_eq!(fs::read(&real).unwrap().len(), 3_000_000);
    assert_eq!(
        fs::metadata(&real).unwrap().permissions().mode() & 0o777,
        0o640
    );
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
}

#[test]
fn a_full_disk_fails_and_keeps_the_old_file() {
    let output = probe(&["--act", "file", "-o", "/dev/full"])
        .output()
        .unwrap();
    assert_line(&output, 1, "act-probe: /dev/full: ");
    // A file-size limit breaks the write in the middle, as a full disk does.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out");
    fs::write(&path, "old").unwrap();
    let probe = env!("CARGO_BIN_EXE_act-probe");
    let script = format!(
        "trap '' XFSZ; ulimit -f 100; exec '{probe}' --act file -o '{}'",
        path.display()
    );
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    assert_line(&output, 1, "act-probe: ");
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(
        fs::read_dir(dir.path()).unwrap().count(),
        1,
        "no temporary file is left"
    );
}

#[test]
fn a_listing_ends_quietly_when_its_reader_goes() {
    for what in ["listing", "println"] {
        let mut command = probe(&["--act", what]);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = [0; 1];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{what}: {}", stderr(&output));
        assert_eq!(stderr(&output), "", "{what}");
    }
}

/// Starts it and waits for its first line on standard error.
fn started(args: &[&str]) -> (Child, BufReader<std::process::ChildStderr>) {
    let mut child = probe(args).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    assert_eq!(line, "act-probe: working\n");
    (child, stderr)
}

fn kill(signal: &str, child: &Child) {
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args([signal, &id])
            .status()
            .unwrap()
            .success()
    );
}

#[test]
fn interrupts_end_work_between_steps_with_130() {
    for signal in ["-INT", "-TERM", "-HUP"] {
        let (mut child, mut errors) = started(&["--act", "work"]);
        kill(signal, &child);
        assert_eq!(child.wait().unwrap().code(), Some(130), "{signal}");
        let mut rest = String::new();
        errors.read_to_string(&mut rest).unwrap();
        assert!(rest.ends_with("act-probe: interrupted\n"), "{rest}");
    }
}

#[test]
fn a_second_interrupt_ends_it_at_once() {
    let (mut child, mut errors) = started(&["--act", "stubborn"]);
    kill("-INT", &child);
    let mut line = String::new();
    errors.read_line(&mut line).unwrap();
    assert!(line.contains("interrupt again to stop at once"), "{line}");
    assert!(
        child.try_wait().unwrap().is_none(),
        "the first one only asks"
    );
    kill("-INT", &child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn what_goes_in_no_steps_ends_at_the_first_interrupt() {
    let (mut child, mut errors) = started(&["--act", "waiting"]);
    kill("-TERM", &child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let mut rest = String::new();
    errors.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "act-probe: interrupted\n");
}

#[test]
fn manual_page_and_completions_know_every_option() {
    let share = tempfile::tempdir().unwrap();
    let share = share.path();
    let made = probe(&["--generate", share.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", stderr(&made));

    let read = |path: &str| fs::read_to_string(share.join(path)).expect(path);
    let page = read("man/man1/act-probe.1");
    assert!(
        page.contains("EXIT STATUS") && page.contains("\\fB130\\fR"),
        "{page}"
    );
    let bash = read("bash-completion/completions/act-probe");
    let zsh = read("zsh/site-functions/_act-probe");
    let fish = read("fish/vendor_completions.d/act-probe.fish");
    let help = probe(&["--help"]).output().unwrap().stdout;
    let help = String::from_utf8(help).unwrap();
    let options = help
        .split_whitespace()
        .filter_map(|word| word.strip_prefix("--"))
        .filter(|word| word.chars().all(|c| c.is_ascii_lowercase()));
    let mut seen = 0;
    for option in options {
        assert!(page.contains(&format!("\\-\\-{option}")), "man: {option}");
        assert!(bash.contains(&format!("--{option}")), "bash: {option}");
        assert!(zsh.contains(&format!("--{option}")), "zsh: {option}");
        assert!(fish.contains(&format!("-l {option}")), "fish: {option}");
        seen += 1;
    }
    assert!(seen > 10, "{help}");
}

#[test]
fn completions_offer_every_key_that_the_schema_of_configurations_has() {
    let share = tempfile::tempdir().unwrap();
    let made = probe(&["--generate", share.path().to_str().unwrap()])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", stderr(&made));
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/config.schema.json");
    let schema: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(schema).unwrap()).unwrap();
    let mut keys = Vec::new();
    for (section, types) in schema["$defs"].as_object().unwrap() {
        if schema["properties"][section].is_null() {
            continue; // Of a key below.
        }
        let own = types["properties"].as_object().into_iter().flatten();
        let acting = own.filter(|(_, of)| of["deprecated"] != true);
        keys.extend(acting.map(|(key, _)| format!("{section}.{key}")));
    }
    assert!(keys.len() > 80, "{keys:?}");

    let read = |path: &str| fs::read_to_string(share.path().join(path)).expect(path);
    let fish = read("fish/vendor_completions.d/act-probe.fish");
    let zsh = read("zsh/site-functions/_act-probe");
    let bash = share.path().join("bash-completion/completions/act-probe");
    let ask = "compopt() { :; }; . \"$0\"; COMP_WORDS=(act-probe --set \"$1\"); COMP_CWORD=2; \
               _act__probe act-probe \"$1\" --set; echo \"${COMPREPLY[*]}\"";
    let ask = |start: &str| {
        let mut shell = Command::new("bash");
        let told = shell.args(["-c", ask]).arg(&bash).arg(start).output();
        let told = String::from_utf8(told.expect("bash runs").stdout).unwrap();
        told.split_whitespace()
            .map(String::from)
            .collect::<Vec<_>>()
    };
    let bash = ask("");
    for key in keys {
        // Of a key that has keys itself, these.
        if bash.iter().any(|of| of.starts_with(&format!("{key}."))) {
            continue;
        }
        let offered = format!("{key}=");
        assert!(bash.contains(&offered), "bash: {key}");
        assert!(zsh.contains(&offered), "zsh: {key}");
        assert!(fish.contains(&offered), "fish: {key}");
    }
    assert_eq!(ask("Prune.pruned_r"), ["Prune.pruned_ratio="]);
}

#[test]
fn generating_into_a_file_is_an_error_of_one_line() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let found = probe(&["--generate", path]).output().unwrap();
    assert_line(&found, 2, &format!("act-probe: {path}/man/man1: "));
}
