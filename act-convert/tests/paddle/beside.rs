//! What stands in a folder beside a program, or instead of one.

use std::fs;

use crate::archives::Workshop;

#[test]
fn what_is_there_instead_of_a_model_is_named() {
    let shop = Workshop::new();
    let refuses = |name: &str, words: &[&str]| {
        let dir = shop.path("other");
        fs::create_dir(&dir).unwrap();
        fs::write(dir.join(name), "x").unwrap();
        let mut tar = tar::Builder::new(Vec::new());
        tar.append_dir_all("published", &dir).unwrap();
        fs::write(shop.path("other.tar"), tar.into_inner().unwrap()).unwrap();
        let path = format!("other/{name}");
        for source in ["other", "other.tar", &path] {
            for word in words {
                shop.refuses(&[source], 3, word);
            }
        }
        fs::remove_dir_all(dir).unwrap();
    };
    refuses(
        "model_state.pdparams",
        &["model_state.pdparams", "paddle.jit.save"],
    );
    refuses("pytorch_model.bin", &["pytorch_model.bin", "a pickle"]);
    refuses("model.onnx", &["model.onnx", "exported from"]);
    refuses("tf_model.h5", &["tf_model.h5", "from_tf=True"]);
    refuses("weights.safetensors", &["weights.safetensors", "rename it"]);
    refuses("model.zip", &["model.zip", "unpack it"]);

    fs::create_dir_all(shop.path("training/checkpoint-20")).unwrap();
    fs::create_dir_all(shop.path("training/logs")).unwrap();
    fs::write(shop.path("training/checkpoint-20/config.json"), "{}").unwrap();
    shop.refuses(&["training"], 3, "import one, as checkpoint-20");
    fs::write(shop.path("training/model.safetensors"), "").unwrap();
    shop.refuses(&["training"], 3, "no config.json beside it");
}

#[test]
fn the_models_own_names_stand_beside_the_program() {
    let shop = Workshop::new();
    let put = |name: &str, text: &str| fs::write(shop.path("model").join(name), text).unwrap();
    put("label.txt", "bad\nso\ngood\n");
    assert_eq!(shop.imports(&["model"]).task.labels, ["bad", "so", "good"]);
    put(
        "config.json",
        r#"{"id2label": {"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"}}"#,
    );
    assert_eq!(shop.imports(&["model"]).task.labels, ["bad", "so", "good"]);
    put(
        "id2label.json",
        "\u{feff}{\"0\": \"x\", \"1\": \"y\", \"2\": \"z\"}",
    );
    shop.refuses(
        &["model"],
        3,
        "id2label.json and label.txt name the classes differently",
    );
    let labels = ["model", "--labels", "p,q,r"];
    assert_eq!(shop.imports(&labels).task.labels, ["p", "q", "r"]);
    fs::remove_file(shop.path("model/label.txt")).unwrap();
    assert_eq!(
        shop.imports(&["model", "--task", "ocnli"]).task.labels,
        ["x", "y", "z"]
    );
    put("id2label.json", r#"{"0": "x"}"#);
    shop.refuses(
        &["model"],
        3,
        "id2label.json: it names 1 classes, but the classification head has 3",
    );
}

#[test]
fn a_data_folder_gives_task_labels_and_columns() {
    let shop = Workshop::new();
    let data = |name: &str, labels: &str| {
        fs::create_dir(shop.path(name)).unwrap();
        let description = format!(
            r#"{{"task": "{name}", "labels": {labels}, "columns": {{"text": "t", "label": "l"}}}}"#
        );
        fs::write(shop.path(name).join("act-dataset.json"), description).unwrap();
        fs::write(shop.path(name).join("train.tsv"), "t\tl\nabc\tbad\n").unwrap();
    };
    data("mood", r#"["bad", "so", "good"]"#);
    data("two", r#"["bad", "good"]"#);
    let model = shop.imports(&["model", "--data", "mood"]);
    assert_eq!(model.task.name, "mood");
    assert_eq!(model.task.labels, ["bad", "so", "good"]);
    assert_eq!(model.task.columns.unwrap().text, "t");
    shop.refuses(
        &["model", "--data", "two"],
        2,
        "--data has 2 labels, but the model has 3",
    );
    shop.refuses(&["model", "--data", "nowhere"], 2, "nowhere");
    let names = r#"{"0": "good", "1": "bad", "2": "so"}"#;
    fs::write(shop.path("model/id2label.json"), names).unwrap();
    let model = shop.imports(&["model", "--data", "mood"]);
    assert_eq!(model.task.labels, ["good", "bad", "so"]);
    shop.refuses(
        &["model", "--data", "two"],
        2,
        "the labels of --data bad, good",
    );
}
