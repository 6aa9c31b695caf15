//! C programs against the header and both libraries: compiled with every warning, linked, run.

use std::path::{Path, PathBuf};
use std::process::Command;

use act_core::testing::{TinyInt8, TinyOptions, tiny_artifact};
use act_core::{Artifact, Columns, Problem, ProblemKind};

/// Builds the libraries, which tests do not link, and says where they are.
fn libraries() -> PathBuf {
    let built = Command::new(env!("CARGO"))
        .args("build --release --locked --lib --quiet".split(' '))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .expect("cargo runs");
    assert!(built.success());
    // target/release/deps/program-1234 is this.
    let own = std::env::current_exe().expect("a path");
    own.ancestors()
        .nth(2)
        .expect("target/release")
        .to_path_buf()
}

/// The name of a C compiler, if there is one.
fn compiler() -> Option<String> {
    let name = std::env::var("CC").unwrap_or("cc".into());
    let there = Command::new(&name).arg("--version").output();
    there.is_ok_and(|o| o.status.success()).then_some(name)
}

/// A program of this source with the library as `link` says.
fn compile(cc: &str, source: &str, link: &[&str], to: &Path) {
    let crate_ = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(cc)
        .args("-std=c11 -Wall -Wextra -Wpedantic -Werror -O1 -o".split(' '))
        .arg(to)
        .arg(crate_.join(source))
        .arg("-I")
        .arg(crate_.join("include"))
        .args(link)
        .args("-lpthread -ldl -lm".split(' '))
        .output()
        .expect("the compiler runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{source}: {told}");
}

fn model(folder: &Path, name: &str, change: impl FnOnce(&mut Artifact)) -> PathBuf {
    model_of(folder, name, TinyOptions::default().num_labels, change)
}

fn model_of(
    folder: &Path,
    name: &str,
    num_labels: usize,
    change: impl FnOnce(&mut Artifact),
) -> PathBuf {
    let options = TinyOptions {
        int8: Some(TinyInt8::default()),
        num_labels,
        ..TinyOptions::default()
    };
    let mut artifact = tiny_artifact(1, &options);
    change(&mut artifact);
    let path = folder.join(name);
    std::fs::write(&path, artifact.to_bytes().expect("bytes")).expect("written");
    path
}

#[test]
fn c_programs_get_the_answers_of_the_engine_from_either_library() {
    let Some(cc) = compiler() else {
        eprintln!("SKIPPED: there is no C compiler (cc, or the one that CC names)");
        return;
    };
    let libraries = libraries();
    let folder = tempfile::tempdir().expect("a folder");
    let single = model(folder.path(), "single.act", |a| {
        a.task.columns = Some(Columns {
            text: "text".into(),
            pair: None,
            label: None,
        });
    });
    let pairs = model(folder.path(), "pairs.act", |a| a.task.name = "afqmc".into());
    let labels = TinyOptions::default().num_labels;
    let several = model(folder.path(), "several.act", |a| {
        a.task.problem = Problem::new(ProblemKind::MultiLabel, labels);
    });
    let score = model_of(folder.path(), "score.act", 1, |a| {
        a.task.problem = Problem::new(ProblemKind::Regression, 1);
    });
    let damaged = folder.path().join("damaged.act");
    let mut bytes = std::fs::read(&single).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&damaged, bytes).expect("written");

    let shared = format!("-Wl,-rpath,{}", libraries.display());
    let search = format!("-L{}", libraries.display());
    let static_ = libraries.join("libact.a").display().to_string();
    for link in [&[&*search, "-lact", &shared][..], &[&static_]] {
        let program = folder.path().join("exercise");
        compile(&cc, "tests/exercise.c", link, &program);
        let output = Command::new(&program)
            .args([&single, &pairs, &damaged, &several, &score])
            .output()
            .expect("it runs");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{link:?}: {:?} {told}",
            output.status
        );
        // What the program prints is the answer to one text, in numbers that lose nothing.
        let engine = act_infer::Engine::open(&single).expect("opens");
        let answer = &engine.classify(&["花呗怎么还款"]).expect("answers")[0];
        let logits: Vec<String> = answer
            .logits
            .iter()
            .map(|x| format!("{:08x}", x.to_bits()))
            .collect();
        let printed = String::from_utf8_lossy(&output.stdout);
        assert_eq!(
            printed.trim(),
            format!("{} {}", answer.label, logits.join(" "))
        );

        let program = folder.path().join("classify");
        compile(&cc, "examples/classify.c", link, &program);
        let output = Command::new(&program)
            .arg(&single)
            .arg("花呗怎么还款")
            .output()
            .expect("it runs");
        let printed = String::from_utf8_lossy(&output.stdout);
        let expected = format!(
            "{}\t{:.3}",
            answer.label, answer.probabilities[answer.class]
        );
        assert!(output.status.success(), "{output:?}");
        assert_eq!(printed.trim(), expected);
    }
}

/// The example in Go, by cgo, against the shared library.
#[test]
fn a_go_program_gets_the_labels_of_the_engine() {
    let there = Command::new("go").arg("version").output();
    if compiler().is_none() || !there.is_ok_and(|o| o.status.success()) {
        eprintln!("SKIPPED: there is no Go compiler, or no C compiler for it");
        return;
    }
    let libraries = libraries();
    let folder = tempfile::tempdir().expect("a folder");
    let single = model(folder.path(), "single.act", |a| {
        a.task.columns = Some(Columns {
            text: "text".into(),
            pair: None,
            label: None,
        });
    });
    let program = folder.path().join("classify");
    let library = libraries.display();
    let built = Command::new("go")
        .args(["build", "-o"])
        .arg(&program)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/go"))
        .env("CGO_LDFLAGS", format!("-L{library} -Wl,-rpath,{library}"))
        .env("GOCACHE", folder.path().join("cache"))
        .env("GOFLAGS", "-buildvcs=false")
        .output()
        .expect("go runs");
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
    let texts = ["花呗怎么还款", "abc 可以 提前还吗"];
    let input = folder.path().join("texts.txt");
    std::fs::write(&input, texts.join("\n")).expect("written");
    let run = |model: &Path| {
        let input = std::fs::File::open(&input).expect("opens");
        let mut program = Command::new(&program);
        program.arg(model).stdin(input).output().expect("it runs")
    };
    let output = run(&single);
    assert!(output.status.success(), "{output:?}");
    let engine = act_infer::Engine::open(&single).expect("opens");
    let answers = engine.classify(&texts).expect("answers");
    let labels: Vec<&str> = answers.iter().map(|a| &*a.label).collect();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        labels.join("\n")
    );
    let refused = run(Path::new("nowhere.act"));
    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(
        !refused.status.success() && told.contains("nowhere.act"),
        "{told}"
    );
}
