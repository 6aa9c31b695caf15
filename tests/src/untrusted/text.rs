//! What users type or download as text: configurations, data sets, lines to classify.

use std::sync::OnceLock;

use act_core::{Artifact, Batch, Columns};
use act_data::{Dataset, Split};
use act_eval::model::Model;
use act_eval::predict::input::{LineFormat, Reader};
use act_stage::config::{Config, Section};

use super::{checked, folder};

/// A configuration as a file, and its lines as `--set` overrides. What a stage would record of it
/// must load as the same configuration.
pub fn config(bytes: &[u8]) -> bool {
    let dir = folder([("task.yaml", bytes)]);
    let config = checked(Config::load(Some(&dir.path().join("task.yaml")), &[]));
    if let Some(config) = &config {
        let recorded = config.yaml_of(&Section::ALL).expect("it can be written");
        let dir = folder([("again.yaml", recorded.as_bytes())]);
        let again = Config::load(Some(&dir.path().join("again.yaml")), &[]);
        let again = again.expect("what is recorded can be read");
        assert_eq!(again.yaml_of(&Section::ALL).expect("and written"), recorded);
    }
    let text = String::from_utf8_lossy(bytes);
    let flags: Vec<String> = text.lines().take(4).map(str::to_string).collect();
    checked(Config::load(None, &flags));
    config.is_some()
}

/// A data folder: its `act-dataset.json`, a zero byte, and the lines of its training split. Lines
/// that begin with `{` are JSON, others tab-separated.
pub fn data(bytes: &[u8]) -> bool {
    let mut parts = bytes.splitn(2, |&b| b == 0);
    let [description, lines] = [0; 2].map(|_| parts.next().unwrap_or_default());
    let name = match lines.first() {
        Some(b'{') => "train.json",
        _ => "train.tsv",
    };
    let described = (!description.is_empty()).then_some(("act-dataset.json", description));
    let dir = folder(described.into_iter().chain([(name, lines)]));
    let task = description.is_empty().then_some("afqmc");
    let Some(set) = checked(Dataset::open(dir.path(), task, Split::Train, None)) else {
        return false;
    };
    assert_eq!(set.record.examples, set.examples.len() as u64);
    let labels = set.label_ids().expect("a training example has a label");
    assert!(labels.iter().all(|&l| (l as usize) < set.labels.len()));
    true
}

/// Lines for `act-eval predict`, for a model of one text, of two, and of nobody knows what; what its
/// reader accepts, the engine runs. True if one of them accepts all lines.
pub fn predict(bytes: &[u8]) -> bool {
    static MODELS: OnceLock<[Model; 3]> = OnceLock::new();
    let models = MODELS.get_or_init(|| {
        let columns = |pair: Option<&str>| Columns {
            text: "text".into(),
            pair: pair.map(Into::into),
            label: None,
        };
        [None, Some(columns(None)), Some(columns(Some("other")))].map(|columns| {
            let golden = include_bytes!("../../../act-core/tests/golden/v1-int8.act");
            let mut artifact = Artifact::read(&golden[..]).expect("the golden file loads");
            artifact.task.columns = columns;
            Model::new(artifact, "golden", 1).expect("and runs")
        })
    });
    let text = String::from_utf8_lossy(bytes);
    let accepted = models.iter().map(|model| {
        let mut reader = Reader::new(model, LineFormat::Auto).expect("the format fits any model");
        let read = text.lines().take(8).map(|line| checked(reader.read(line)));
        let read: Vec<_> = read.collect();
        for question in read.iter().flatten().flatten() {
            let logits = model.engine.forward(&Batch::new([&question.encoding]));
            assert_eq!(logits.expect("it runs").len(), 1);
        }
        read.iter().all(Option::is_some)
    });
    accepted.collect::<Vec<bool>>().contains(&true)
}
