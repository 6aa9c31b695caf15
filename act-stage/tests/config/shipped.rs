//! The files under `configs/`: all of them load, and the recipes are the reference's.

use std::path::{Path, PathBuf};

use act_stage::config::{Config, LearningRate};

#[test]
fn every_shipped_configuration_loads() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
    let files: Vec<PathBuf> = std::fs::read_dir(&root)
        .unwrap()
        .flat_map(|model| std::fs::read_dir(model.unwrap().path()).unwrap())
        .map(|file| file.unwrap().path())
        .collect();
    for model in ["pp-minilm", "ernie-3.0-medium", "sample"] {
        for task in [
            "afqmc",
            "tnews",
            "iflytek",
            "ocnli",
            "cmnli",
            "cluewsc2020",
            "csl",
        ] {
            let path = root.join(model).join(format!("{task}.yaml"));
            let config = Config::load(Some(&path), &[]).unwrap();
            assert_eq!(
                config.global.task_name.as_deref(),
                Some(task),
                "{}",
                path.display()
            );
            assert_eq!(config.prune.pruned_ratio, Some(0.25));
        }
    }
    assert_eq!(
        files.len(),
        37,
        "three models of seven tasks, the sample's base, nine of GLUE, MiniLM on MRPC and SST-2, own data by four"
    );
    for file in files {
        Config::load(Some(&file), &[]).unwrap();
    }
}

/// Epochs, steps between evaluations and learning rate of the reference's files for both models, in
/// their state before one of each was overwritten; batch 16, length 128, AdamW, decay 0.01 in all.
#[test]
fn the_recipes_train_as_the_reference_does() {
    let reference = [
        ("afqmc", 6, 1070, 2e-5),
        ("tnews", 6, 1110, 2e-5),
        ("iflytek", 12, 750, 2e-5),
        ("cmnli", 6, 2000, 3e-5),
        ("ocnli", 20, 1050, 3e-5),
        ("cluewsc2020", 100, 70, 1e-5),
        ("csl", 16, 1000, 1e-5),
    ];
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
    for model in ["pp-minilm", "ernie-3.0-medium"] {
        for (task, epochs, eval_iter, rate) in reference {
            let path = root.join(model).join(format!("{task}.yaml"));
            let config = Config::load(Some(&path), &[]).unwrap();
            let (global, train) = (&config.global, &config.train);
            let name = path.display();
            assert_eq!(train.epochs, epochs, "{name}");
            assert_eq!(train.eval_iter, Some(eval_iter), "{name}");
            assert_eq!(train.learning_rate, LearningRate::Peak(rate), "{name}");
            assert_eq!(train.optimizer_builder.weight_decay, Some(0.01), "{name}");
            let sizes = (global.batch_size, global.max_seq_length);
            assert_eq!(sizes, (Some(16), Some(128)), "{name}");
        }
    }
}
