//! What users type or download as text: configurations, data sets, lines to classify.

use std::path::Path;
use std::sync::OnceLock;

use act_core::{Artifact, Batch, Columns};
use act_data::{Dataset, Rows, Shape, Split};
use act_eval::model::Model;
use act_eval::predict::input::{LineFormat, Reader};
use act_eval::{gate, promised, summary};
use act_stage::LogArgs;
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

/// A data folder: its `act-dataset.json`, a zero byte, and its training split. What begins with `{` or
/// `[` is JSON, and with 1f packed; else it is between commas or without a header if the description says
/// `csv` or `txt`, or between tabs.
pub fn data(bytes: &[u8]) -> bool {
    let mut parts = bytes.splitn(2, |&b| b == 0);
    let [description, lines] = [0; 2].map(|_| parts.next().unwrap_or_default());
    let says = |word: &str| description.windows(3).any(|there| there == word.as_bytes());
    let name = match lines.first() {
        Some(b'{' | b'[') => "train.json",
        Some(0x1f) => "train.csv.gz",
        _ if says("csv") => "train.csv",
        _ if says("txt") => "train.txt",
        _ => "train.tsv",
    };
    let described = (!description.is_empty()).then_some(("act-dataset.json", description));
    let dir = folder(described.into_iter().chain([(name, lines)]));
    let task = description.is_empty().then_some("afqmc");
    let Some(set) = checked(Dataset::open(dir.path(), task, Split::Train, None)) else {
        return false;
    };
    assert_eq!(set.record.examples, set.examples.len() as u64);
    let targets = set.examples.iter().map(|e| e.target.as_ref());
    for target in targets.map(|target| target.expect("a training example has a label")) {
        let classes = target.classes();
        assert!(
            classes
                .iter()
                .all(|&class| (class as usize) < set.labels.len())
        );
        assert!(classes.is_sorted());
    }
    let targets = checked(set.targets()).expect("a training example has a label");
    assert!(targets.iter().all(|target| target.kind() == set.problem));
    // Dev is held out, or there are too few to hold any out.
    if let Some(dev) = checked(Dataset::open(dir.path(), task, Split::Dev, None)) {
        assert_eq!(dev.labels, set.labels);
    }
    true
}

/// A report of `act-eval report`, as `act-eval gate` and `summary` read it.
pub fn report(bytes: &[u8]) -> bool {
    let dir = folder([("report.json", bytes)]);
    let path = dir.path().join("report.json");
    let Some(read) = checked(summary::read(&path)) else {
        return false;
    };
    let least = gate::Args {
        from: path,
        model: None,
        max_drop: Some(1.0),
        max_drop_f1: None,
        max_drop_of: Vec::new(),
        max_class_drop: None,
        class_examples: 10,
        min_speedup: None,
        log: LogArgs {
            quiet: false,
            verbose: 0,
        },
    };
    let more = gate::Args {
        max_drop_f1: Some(1.0),
        max_class_drop: Some(1.0),
        min_speedup: Some(1.0),
        ..least.clone()
    };
    for args in [least, more] {
        if let Some(outcome) = checked(gate::judge(&args, &read)) {
            assert!(!outcome.text().is_empty());
        }
    }
    let reports = [read];
    assert!(!summary::text(&reports).is_empty());
    let json = summary::json(&reports).expect("what is read can be written");
    assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok());
    let page = checked(summary::page(&reports));
    assert!(page.is_none_or(|page| page.ends_with("</html>")));
    true
}

/// A `promise.json`, as `act-eval report --promise` reads it.
pub fn promise(bytes: &[u8]) -> bool {
    let dir = folder([("promise.json", bytes)]);
    let Some(promise) = checked(promised::read(&dir.path().join("promise.json"))) else {
        return false;
    };
    let tried = promise.frontier.len();
    assert!(
        promised::sentences(&promise)
            .iter()
            .all(|said| !said.is_empty())
    );
    assert!(promised::frontier(&promise).to_string().lines().count() > tried);
    true
}

/// A training file for `act-data describe`; stages read what it proposes to read.
pub fn describe(bytes: &[u8]) -> bool {
    let name = match bytes.first() {
        Some(b'{' | b'[') => "train.json",
        _ => "train.tsv",
    };
    let dir = folder([(name, bytes)]);
    let Some(found) = checked(act_data::describe::describe(dir.path(), Some("own"))) else {
        return false;
    };
    assert!(!found.to_string().is_empty());
    let description = found.json().expect("a description can be written");
    if checked(found.verdict()).is_none() {
        return false;
    }
    let described = folder([(name, bytes), ("act-dataset.json", description.as_bytes())]);
    let train = Dataset::open(described.path(), None, Split::Train, None);
    let train = train.expect("what is proposed is read").examples.len();
    assert_eq!(train, found.splits[0].examples);
    true
}

/// A table: between commas with quotes, tabs without, or semicolons with, as the first byte says. Rows that
/// are read are read again from the same cells in quotes.
pub fn table(bytes: &[u8]) -> bool {
    let Some((first, text)) = bytes.split_first() else {
        return false;
    };
    let (delimiter, quotes) = [(b',', true), (b'\t', false), (b';', true)][*first as usize % 3];
    let shape = |quotes| Shape::Table {
        delimiter,
        quotes: Some(quotes),
        ragged: true,
    };
    let read = |bytes: &[u8], quotes: bool| -> Option<Vec<Vec<String>>> {
        let source = std::io::Cursor::new(bytes.to_vec());
        let mut rows = checked(Rows::of(source, Path::new("table"), shape(quotes)))?;
        checked(rows.numbered(&[]))?;
        let mut table = Vec::new();
        while let Some(row) = checked(rows.next_row())? {
            let row = checked(row)?;
            let cells = (1..).map_while(|n| row.text(&n.to_string()).ok());
            table.push(cells.map(str::to_string).collect());
        }
        Some(table)
    };
    let Some(table) = read(text, quotes) else {
        return false;
    };
    let cell = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
    let row = |row: &Vec<String>| {
        let cells: Vec<String> = row.iter().map(cell).collect();
        cells.join(&char::from(delimiter).to_string()) + "\n"
    };
    let written: String = table.iter().map(row).collect();
    assert_eq!(read(written.as_bytes(), true), Some(table));
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
