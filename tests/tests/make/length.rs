//! The length of texts that a recipe gives reaches the model, and a change of it redoes the model.

use std::fs;

use crate::workshop::{Workshop, change, setting};

/// A workshop in a checkout of its own, whose recipes may be changed.
fn workshop() -> Workshop {
    Workshop::in_a_checkout("act")
}

/// Changes the length in a recipe of the checkout.
fn lengthen(workshop: &Workshop, recipe: &str, to: &str) {
    let path = workshop.path("act/configs").join(recipe);
    let text = fs::read_to_string(&path).expect("the recipe");
    assert!(text.contains("max_seq_length: 128"), "{text}");
    change(&path, &text.replace("max_seq_length: 128", to));
}

#[test]
fn a_task_takes_its_length_from_its_own_recipe() {
    let workshop = workshop();
    let made = workshop.make(&["afqmc"]);
    assert!(made.has(&["act-convert new", "-c configs/sample/afqmc.yaml"]));
    assert!(made.has(&["act-distill -c configs/sample/base.yaml"]));
    workshop.write("model/config.json");
    let base = setting("BASE", &workshop.path("model"));
    workshop.write("clue/tnews/train.json");
    let data = setting("DATA", &workshop.path("clue"));
    let made = workshop.make(&["tnews", &base, &data]);
    assert!(made.has(&["act-convert import", "-c configs/pp-minilm/tnews.yaml"]));
}

#[test]
fn another_length_makes_the_model_anew_and_another_key_does_not() {
    let workshop = workshop();
    workshop.make(&["afqmc"]).stages();
    lengthen(&workshop, "sample/afqmc.yaml", "max_seq_length: 64");
    let made = workshop.make(&["afqmc"]);
    assert!(made.has(&["act-convert new"]), "{:?}", made.said);
    assert_eq!(made.stages().len(), 6);
    let recipe = workshop.path("act/configs/sample/afqmc.yaml");
    let text = fs::read_to_string(&recipe).expect("the recipe");
    change(&recipe, &text.replace("epochs: 10", "epochs: 11"));
    let made = workshop.make(&["afqmc"]);
    assert!(
        !made.has(&["act-convert"]) && made.has(&["act-prune"]),
        "{:?}",
        made.said
    );
}

#[test]
fn a_recipe_of_another_task_changes_nothing_here() {
    let workshop = workshop();
    workshop.make(&["afqmc"]).stages();
    lengthen(&workshop, "sample/tnews.yaml", "max_seq_length: 32");
    assert!(workshop.make(&["afqmc"]).said.is_empty());
}

#[test]
fn an_imported_model_is_imported_anew_with_another_length() {
    let workshop = workshop();
    workshop.write("model/config.json");
    let base = setting("BASE", &workshop.path("model"));
    workshop.write("clue/tnews/train.json");
    let data = setting("DATA", &workshop.path("clue"));
    workshop.make(&["tnews", &base, &data]).stages();
    assert!(workshop.make(&["tnews", &base, &data]).said.is_empty());
    lengthen(
        &workshop,
        "pp-minilm/tnews.yaml",
        "max_seq_length: 512 # all of it, it's long",
    );
    let made = workshop.make(&["tnews", &base, &data]);
    assert!(made.has(&["act-convert import"]), "{:?}", made.said);
}
