//! `act-eval inspect`, and what every subcommand shows of itself.

use act_core::Artifact;

use super::{Workplace, text_of};

#[test]
fn inspect_shows_shapes_bytes_and_lineage() {
    let here = Workplace::new();
    let text = here.stdout("inspect int8.act --quant");
    for part in [
        "task            afqmc [synthetic sample]",
        "labels          2: 0, 1",
        "reads           two texts: sentence1, sentence2",
        "└─ act-distill",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    assert!(text.contains("layer.0.attention.query"), "{text}");
    let json = here.json("inspect int8.act --json");
    let artifact = Artifact::open(here.path("int8.act")).unwrap();
    assert_eq!(
        json["model"]["digest"],
        artifact.model_digest().unwrap().to_string()
    );
    assert_eq!(json["model"]["bytes"], artifact.file_len().unwrap());
    assert_eq!(
        json["tensors"].as_array().unwrap().len(),
        artifact.params.len()
    );
    assert!(
        json["tensors"]
            .as_array()
            .unwrap()
            .iter()
            .all(|t| t["part"].is_string())
    );
    let bytes = std::fs::read(here.path("int8.act")).unwrap();
    assert_eq!(text_of(here.run_with("inspect --quant", &bytes)), text);
}

#[test]
fn a_head_that_was_never_trained_is_shown_where_it_is_recorded() {
    let here = Workplace::new();
    let mut model = Artifact::open(here.path("int8.act")).unwrap();
    assert!(!here.stdout("inspect int8.act").contains("\nhead "));
    for (trained, words) in [(false, "never trained"), (true, "trained")] {
        model.task.head_trained = Some(trained);
        let file = std::fs::File::create(here.path("head.act")).unwrap();
        model.write(file).unwrap();
        let text = here.stdout("inspect head.act");
        assert!(
            text.contains(&format!("\nhead            {words}\n")),
            "{text}"
        );
        assert_eq!(
            here.json("inspect head.act --json")["head_trained"],
            trained
        );
    }
}

#[test]
fn help_shows_only_the_flags_that_matter() {
    let here = Workplace::new();
    let shown = |subcommand: &str, flag: &str| {
        let help = here.stdout(&format!("{subcommand} --help"));
        help.contains(&format!("  {flag}"))
    };
    for subcommand in ["summary", "inspect", "gate", "predict"] {
        assert!(!shown(subcommand, "--data"), "{subcommand}");
        assert!(!shown(subcommand, "--strict"), "{subcommand}");
    }
    assert!(shown("predict", "--threads") && !shown("gate", "--threads"));
    assert!(shown("report", "--data") && !shown("report", "--device"));
    assert!(!shown("accuracy", "--seed") && shown("bench", "--seed"));
    assert!(
        here.stdout("report --help")
            .contains("Threads to measure with")
    );
}
