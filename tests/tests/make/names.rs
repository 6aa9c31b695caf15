//! Names that make or the shell would take apart, and what can be set.

use std::fs;

use act_core::BuiltIn;
use act_tests::workspace;

use crate::workshop::{Workshop, setting};

#[test]
fn a_name_that_make_would_take_apart_is_refused() {
    let workshop = Workshop::new();
    for name in ["DATA", "BASE", "BUILD"] {
        for folder in [
            "my folder",
            "a  b",
            "afqmc new",
            " leading",
            "o'hara",
            "a:b",
            "50%",
            "a$b",
            "a#b",
            "a(1)",
        ] {
            let words = setting(name, &workshop.path(folder));
            let made = workshop.make(&["afqmc", &words]);
            made.refuses(&[&words, "rename the folder, or link to it"]);
        }
    }
    assert!(!workshop.path("build").exists(), "something was built");
}

#[test]
fn other_names_are_taken_as_they_are() {
    let workshop = Workshop::new();
    let train = workshop.write("数据/afqmc_v1.0-a,b+c@d=e/train.json");
    workshop.write("数据/afqmc_v1.0-a,b+c@d=e/train.json (copy)");
    let data = train.parent().expect("a folder");
    let made = workshop.make(&["afqmc", &setting("DATA", data)]);
    assert!(made.has(&["act-distill", &data.display().to_string()]));
    assert_eq!(made.ran.code, Some(0), "{}", made.ran.stderr);
}

#[test]
fn a_checkout_may_have_a_blank_in_its_path() {
    let workshop = Workshop::in_a_checkout("my checkout");
    let made = workshop.make(&["afqmc", "BUILD=build"]);
    assert_eq!(made.stages().len(), 7);
    assert!(
        workshop
            .path("my checkout/build/sample/afqmc/report.md")
            .exists()
    );
}

#[test]
fn what_is_installed_anywhere_is_removed_again() {
    let workshop = Workshop::new();
    let prefix = workshop.path("my programs");
    let words = setting("PREFIX", &prefix);
    workshop.make(&["install", &words]).stages();
    let program = prefix.join("bin/act-quant");
    let page = prefix.join("share/man/man1/act-quant.1");
    assert!(program.exists() && page.exists());
    workshop.make(&["uninstall", &words]).stages();
    for folder in ["bin", "share/man/man1"] {
        let left = fs::read_dir(prefix.join(folder))
            .expect("the folder")
            .count();
        assert_eq!(left, 0, "in {folder}");
    }
}

/// Who installs may be root, who has no compiler.
#[test]
fn nothing_is_built_to_be_installed() {
    let workshop = Workshop::new();
    let prefix = setting("PREFIX", &workshop.path("programs"));
    let nowhere = setting("CARGO_TARGET_DIR", &workshop.path("nowhere"));
    let made = workshop
        .make(&["install", &prefix, &nowhere, "CARGO=false"])
        .ran;
    assert_eq!(made.code, Some(2), "{}", made.stderr);
    assert!(
        made.stderr.contains("run make build first"),
        "{}",
        made.stderr
    );
    assert!(!workshop.path("programs").exists());
    let built = workshop.make(&["install", &prefix, "CARGO=false"]).ran;
    assert_eq!(built.code, Some(0), "{}", built.stderr);
}

#[test]
fn a_file_that_is_made_is_a_line_and_its_command_too_with_v() {
    let workshop = Workshop::new();
    let printed = |words: &[&str]| String::from_utf8(workshop.make(words).ran.stdout).unwrap();
    let said = workshop.make(&["afqmc"]).ran.stderr;
    assert!(said.contains("afqmc/pruned.act\n"), "{said}");
    assert!(!printed(&["afqmc", "SEED=7"]).contains("act-prune"));
    assert!(printed(&["afqmc", "SEED=8", "V=1"]).contains("act-prune /"));
}

#[test]
fn only_what_fetches_is_built_with_tls() {
    let workshop = Workshop::new();
    let with_tls = |words: &[&str]| {
        let printed = String::from_utf8(workshop.make(words).ran.stdout).unwrap();
        assert!(printed.contains(" build --release"), "{printed}");
        printed.contains("--features act-data/tls")
    };
    assert!(with_tls(&["-n", "fetch-tnews"]));
    assert!(with_tls(&["-n", "build", "TLS=1"]));
    assert!(!with_tls(&["-n", "build"]));
    assert!(!with_tls(&["-n", "afqmc"]));
}

#[test]
fn help_explains_whatever_can_be_set() {
    let text = fs::read_to_string(workspace().join("Makefile")).expect("the Makefile");
    let help = Workshop::new().make(&["help"]).ran.ok();
    let settable = text.lines().filter_map(|line| line.split_once(" ?="));
    let mut count = 0;
    for (name, _) in settable {
        assert!(
            help.contains(&format!("  {name} ")),
            "{name} is not in:\n{help}"
        );
        count += 1;
    }
    assert!(count > 15, "{count}");
    let tasks = format!("Tasks: {} own\n", BuiltIn::ALL.map(BuiltIn::name).join(" "));
    assert!(help.starts_with(&tasks), "not {tasks}:\n{help}");
    for target in ["sst2", "clue", "pp-minilm-tnews", "fetch-TASK", "fuzz"] {
        assert!(help.contains(target), "{target} is not in:\n{help}");
    }
}
