//! Dependencies point one way: the deployable engine links no burn and no clap, act-core no burn.

use std::process::Command;

use act_tests::workspace;

fn tree(package: &str) -> String {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "-p",
            package,
            "-e",
            "normal",
            "--prefix",
            "none",
        ])
        .current_dir(workspace())
        .output()
        .expect("cargo tree runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn has(tree: &str, package: &str) -> bool {
    tree.lines()
        .any(|l| l.split_whitespace().next() == Some(package))
}

#[test]
fn the_engine_links_neither_burn_nor_clap() {
    let tree = tree("act-infer");
    assert!(has(&tree, "act-core"), "the tree is read right");
    assert!(!tree.lines().any(|l| l.starts_with("burn")), "{tree}");
    assert!(!has(&tree, "clap"), "{tree}");
}

#[test]
fn only_act_nn_and_the_training_stages_link_burn() {
    for package in ["act-core", "act-data", "act-convert", "act-eval"] {
        assert!(
            !tree(package).lines().any(|l| l.starts_with("burn")),
            "{package} links burn"
        );
    }
    assert!(tree("act-nn").lines().any(|l| l.starts_with("burn ")));
}

#[test]
fn the_trainable_encoder_knows_neither_engine_nor_configuration() {
    let tree = tree("act-nn");
    for package in ["act-infer", "act-stage", "act-data", "clap", "serde_yaml"] {
        assert!(!has(&tree, package), "act-nn links {package}");
    }
}

#[test]
fn stages_do_not_depend_on_each_other() {
    let stages = ["act-prune", "act-distill", "act-quant", "act-eval"];
    for stage in stages {
        let tree = tree(stage);
        for other in stages.iter().filter(|o| **o != stage) {
            assert!(!has(&tree, other), "{stage} depends on {other}");
        }
    }
}
