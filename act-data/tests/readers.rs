//! Every task's reader on small files, and every way a file can be wrong.

use std::fs;
use std::path::Path;

use act_core::{ErrorKind, Seed, Tokenizer, WordPieceSpec};
use act_data::{Dataset, Split, Target, vocabulary};
use tempfile::{TempDir, tempdir};

fn folder(files: &[(&str, &str)]) -> TempDir {
    let dir = tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

fn train(task: &str, text: &str) -> Dataset {
    // With a dev file nothing is held out of train.
    let dir = folder(&[("train.json", text), ("dev.json", "")]);
    Dataset::open(dir.path(), Some(task), Split::Train, None).unwrap()
}

/// The message of a data error, without the folder's name.
fn error(files: &[(&str, &str)], task: Option<&str>, split: Split) -> String {
    let dir = folder(files);
    message(dir.path(), Dataset::open(dir.path(), task, split, None))
}

fn message(dir: &Path, result: act_core::Result<Dataset>) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    let text = error.to_string();
    assert!(!text.contains('\n'), "{text}");
    text.replace(dir.to_str().unwrap(), "DIR")
}

fn flat(data: &Dataset) -> Vec<(&str, Option<&str>, Option<&str>)> {
    let name = |l: u32| data.labels[l as usize].as_str();
    let flat = data.examples.iter();
    flat.map(|e| (e.text.as_str(), e.pair.as_deref(), e.class().map(name)))
        .collect()
}

#[test]
fn sentence_tasks() {
    let data = train(
        "tnews",
        "{\"label\": \"104\", \"label_desc\": \"news_finance\", \"sentence\": \"股市\", \"keywords\": \"a\"}\n",
    );
    assert_eq!(flat(&data), [("股市", None, Some("104"))]);
    assert_eq!(data.examples[0].class(), Some(4));
    let data = train("sst2", "{\"sentence\": \"fine\", \"label\": 1}\n");
    assert_eq!(flat(&data), [("fine", None, Some("1"))]);
    // IFLYTEK's texts hold line separators that are not line ends.
    let data = train(
        "iflytek",
        "{\"label\": \"118\", \"sentence\": \"上\u{2028}下\u{85}\"}\n",
    );
    assert_eq!(flat(&data), [("上\u{2028}下\u{85}", None, Some("118"))]);
}

#[test]
fn pair_tasks() {
    let line = "{\"sentence1\": \"一\", \"sentence2\": \"二\", \"label\": \"1\"}\n";
    for task in ["afqmc", "mrpc"] {
        assert_eq!(flat(&train(task, line)), [("一", Some("二"), Some("1"))]);
    }
    let line = line.replace("\"1\"", "\"not_entailment\"");
    assert_eq!(
        flat(&train("rte", &line)),
        [("一", Some("二"), Some("not_entailment"))]
    );
}

#[test]
fn undecided_lines_are_dropped_and_counted() {
    let line = |l: &str| format!("{{\"sentence1\":\"a\",\"sentence2\":\"b\",\"label\":\"{l}\"}}\n");
    for task in ["ocnli", "cmnli"] {
        let data = train(task, &(line("-") + &line("neutral") + &line("-")));
        assert_eq!(flat(&data), [("a", Some("b"), Some("neutral"))]);
        assert_eq!((data.dropped, data.record.examples), (2, 1));
    }
    let all = error(&[("train.json", &line("-"))], Some("ocnli"), Split::Train);
    assert_eq!(
        all,
        "DIR/train.json: the data set is empty (1 lines without a usable label were left out)"
    );
    let other = error(&[("train.json", &line("-"))], Some("afqmc"), Split::Train);
    assert_eq!(
        other,
        "DIR/train.json:1: label \"-\" is not one of afqmc's: 0, 1"
    );
}

#[test]
fn cluewsc_and_csl() {
    let data = train(
        "cluewsc2020",
        "{\"target\": {\"span2_index\": 4, \"span1_index\": 0, \"span1_text\": \"小明\", \
         \"span2_text\": \"他\"}, \"idx\": 1, \"label\": \"true\", \"text\": \"小明说，他来\"}\n",
    );
    assert_eq!(flat(&data), [("_小明_说，[他]来", None, Some("true"))]);
    let data = train(
        "csl",
        "{\"id\": 1, \"abst\": \"摘要\", \"keyword\": [\"甲\", \"乙\"], \"label\": \"0\"}\n",
    );
    assert_eq!(flat(&data), [("甲 乙", Some("摘要"), Some("0"))]);
}

#[test]
fn test_split_needs_no_label() {
    let line = "{\"id\": 0, \"sentence\": \"x\"}\n";
    let dir = folder(&[("test.json", line), ("dev.json", line)]);
    let test = Dataset::open(dir.path(), Some("tnews"), Split::Test, None).unwrap();
    assert_eq!(flat(&test), [("x", None, None)]);
    let no_label = test.targets().unwrap_err().to_string();
    assert_eq!(no_label, "example 1 of tnews/test has no label");
    assert_eq!(
        message(
            dir.path(),
            Dataset::open(dir.path(), Some("tnews"), Split::Dev, None)
        ),
        "DIR/dev.json:1: no label (field \"label\"; the line has id, sentence); only test may lack it"
    );
}

#[test]
fn own_data() {
    let description = r#"{"task": "reviews", "labels": ["bad", "good"],
        "columns": {"text": "review", "pair": "title", "label": "verdict"}}"#;
    let tsv = "\u{feff}title\tverdict\treview\r\nT\tgood\tsay \"hi\"\r\n\n";
    let jsonl = "{\"review\": \"r\", \"title\": \"t\", \"verdict\": \"bad\"}\n";
    let dir = folder(&[
        ("act-dataset.json", description),
        ("train.tsv", tsv),
        ("dev.jsonl", jsonl),
    ]);
    let train = Dataset::open(dir.path(), None, Split::Train, None).unwrap();
    assert_eq!(train.task, "reviews");
    assert_eq!(train.record.name, "reviews/train");
    assert_eq!(flat(&train), [("say \"hi\"", Some("T"), Some("good"))]);
    let dev = Dataset::open(dir.path(), Some("reviews"), Split::Dev, None).unwrap();
    assert_eq!(flat(&dev), [("r", Some("t"), Some("bad"))]);
    assert_eq!(
        message(
            dir.path(),
            Dataset::open(dir.path(), Some("tnews"), Split::Dev, None)
        ),
        "DIR holds reviews, not tnews (its act-dataset.json says so)"
    );
}

#[test]
fn bad_descriptions() {
    let open = |d: &str| {
        error(
            &[("act-dataset.json", d), ("train.tsv", "a\tb\n1\t2\n")],
            None,
            Split::Train,
        )
    };
    assert!(open("{").starts_with("DIR/act-dataset.json: EOF"));
    for (key, meant) in [("tsk", "task"), ("Labels", "labels"), ("label", "labels")] {
        let error = open(&format!("{{\"{key}\": \"x\"}}"));
        assert!(error.contains(&format!("unknown field `{key}`")), "{error}");
        assert!(
            error.ends_with(&format!("is \"{meant}\" meant?")),
            "{error}"
        );
    }
    let column = open(r#"{"columns": {"txt": "a"}}"#);
    assert!(column.ends_with("is \"text\" meant?"), "{column}");
    let labels = r#"{"task": "x", "columns": {"text": "a", "label": "b"}}"#;
    assert_eq!(
        open(labels),
        "DIR/act-dataset.json: no labels: list their names (act-data describe lists them)"
    );
    let twice = r#"{"task": "x", "columns": {"text": "a"}, "labels": ["u", "u"]}"#;
    assert_eq!(open(twice), "DIR/act-dataset.json: label \"u\" twice");
    let column = r#"{"task": "x", "columns": {"text": "z", "label": "b"}, "labels": ["1", "2"]}"#;
    assert!(open(column).starts_with(
        "DIR/train.tsv:1: the first line is taken as the header; its columns are a, b; there is \
             no \"z\""
    ));
    assert!(
        open(r#"{"task": "x"}"#)
            .starts_with("DIR/act-dataset.json: no columns: \"x\" is no built-in task")
    );
    assert!(open(r#"{"labels": ["a", "b"]}"#).starts_with("DIR: of which task?"));
    for (key, twice) in [("text", "b"), ("pair", "b"), ("text", "a")] {
        let columns = format!(r#"{{"text": "a", "{key}": "{twice}", "label": "b"}}"#);
        let error = open(&format!(
            r#"{{"task": "x", "columns": {columns}, "labels": ["u", "v"]}}"#
        ));
        let what = match key {
            "text" => "duplicate field `text`",
            _ => "columns: \"b\" is named twice",
        };
        assert!(error.contains(what), "{error}");
    }
}

#[test]
fn a_root_folder_with_a_folder_per_task() {
    let line = "{\"sentence1\": \"一\", \"sentence2\": \"二\", \"label\": \"1\"}\n";
    let dir = folder(&[
        ("afqmc/train.json", line),
        ("cluewsc2020/train.json", "{}\n"),
    ]);
    let data = Dataset::open(dir.path(), Some("afqmc"), Split::Train, None).unwrap();
    assert_eq!(data.examples.len(), 1);
    // A folder's name says its task where nothing else does.
    let data = Dataset::open(&dir.path().join("afqmc"), None, Split::Train, None).unwrap();
    assert_eq!(data.task, "afqmc");
    let short = message(
        dir.path(),
        Dataset::open(dir.path(), Some("cluewsc"), Split::Train, None),
    );
    assert!(
        short.starts_with("DIR/cluewsc2020/train.json:1: no label"),
        "{short}"
    );
    assert_eq!(
        message(
            dir.path(),
            Dataset::open(dir.path(), Some("tnews"), Split::Train, None)
        ),
        "DIR holds no train, dev or test file (.json, .jsonl, .tsv, .csv, .txt), and no folder tnews"
    );
}

#[test]
fn wrong_paths() {
    let dir = folder(&[("dev.json", "{}\n"), ("train.json/x", "")]);
    let open =
        |path: &Path, split| message(dir.path(), Dataset::open(path, Some("tnews"), split, None));
    assert!(open(&dir.path().join("none"), Split::Train).starts_with("data folder: DIR/none"));
    let file = open(&dir.path().join("dev.json"), Split::Train);
    assert_eq!(
        file,
        "DIR/dev.json is not a folder; give the task's data folder"
    );
    assert_eq!(
        open(dir.path(), Split::Test),
        "DIR has no test file (test.json, .jsonl, .tsv, .csv or .txt)"
    );
    assert!(open(dir.path(), Split::Train).starts_with("DIR/train.json"));
    let unnamed = message(
        dir.path(),
        Dataset::open(dir.path(), None, Split::Dev, None),
    );
    assert!(unnamed.starts_with("DIR: of which task?"), "{unnamed}");
}

#[test]
fn bad_lines_have_a_number() {
    let good = "{\"sentence\": \"x\", \"label\": \"100\"}\n";
    let open = |bad: &str| {
        error(
            &[("train.json", &(good.to_string() + bad))],
            Some("tnews"),
            Split::Train,
        )
    };
    assert_eq!(
        open("{\"sentence\"\n"),
        "DIR/train.json:2: not JSON: EOF while parsing an object at column 11"
    );
    assert_eq!(
        open("{\"sentence\": 3, \"label\": \"100\"}"),
        "DIR/train.json:2: field \"sentence\" is a number, not a string"
    );
    assert_eq!(
        open("{\"label\": \"100\"}"),
        "DIR/train.json:2: no field \"sentence\"; the line has label"
    );
    assert!(
        open("{\"sentence\": \"x\", \"label\": \"105\"}")
            .starts_with("DIR/train.json:2: label \"105\" is not one of tnews's: 100, 101")
    );
    assert_eq!(open(&format!("\n{good}")), "DIR/train.json:2: empty line");
    assert_eq!(
        error(&[("train.json", "")], Some("tnews"), Split::Train),
        "DIR/train.json: the data set is empty"
    );
    let dir = folder(&[]);
    fs::write(dir.path().join("train.json"), b"{\"sentence\": \"\xff\"}").unwrap();
    assert_eq!(
        message(
            dir.path(),
            Dataset::open(dir.path(), Some("tnews"), Split::Train, None)
        ),
        "DIR/train.json:1: not UTF-8 at byte 15; if the file has another encoding: iconv -f ENCODING -t \
         UTF-8 train.json > NEW"
    );
}

#[test]
fn classes_are_numbered_as_the_model_numbers_them() {
    let text = "{\"sentence1\":\"a\",\"sentence2\":\"b\",\"label\":\"neutral\"}\n";
    let dir = folder(&[("train.json", text)]);
    let open =
        |labels: Option<&[String]>| Dataset::open(dir.path(), Some("ocnli"), Split::Train, labels);
    let own = open(None).unwrap();
    assert_eq!(own.targets().unwrap(), [Target::Class(2)]);
    let model = ["neutral", "entailment", "contradiction"].map(String::from);
    let mapped = open(Some(&model)).unwrap();
    assert_eq!(mapped.targets().unwrap(), [Target::Class(0)]);
    assert_eq!(mapped.labels, model);
    // The same data have the same digest, whoever numbers them.
    assert_eq!(mapped.record.digest, own.record.digest);
    let lacking = ["entailment", "contradiction"].map(String::from);
    assert_eq!(
        message(dir.path(), open(Some(&lacking))),
        "DIR/train.json:1: the model has no class \"neutral\"; it has entailment, contradiction"
    );
}

#[test]
fn the_digest_sees_every_field_and_boundary() {
    let digest = |a: &str, b: &str, l: &str| {
        train(
            "afqmc",
            &format!("{{\"sentence1\":\"{a}\",\"sentence2\":\"{b}\",\"label\":\"{l}\"}}\n"),
        )
        .record
        .digest
    };
    let all = [
        digest("ab", "c", "0"),
        digest("a", "bc", "0"),
        digest("ab", "c", "1"),
        digest("c", "ab", "0"),
    ];
    for (i, a) in all.iter().enumerate() {
        assert!(all[i + 1..].iter().all(|b| a != b));
    }
    assert_eq!(all[0], digest("ab", "c", "0"));
}

#[test]
fn holdout_keeps_abstracts_together() {
    let lines: String = (0..200)
        .map(|i| {
            format!(
                "{{\"abst\":\"摘要{}\",\"keyword\":[\"k{i}\"],\"label\":\"1\"}}\n",
                i / 5
            )
        })
        .collect();
    let data = train("csl", &lines);
    let parts = data.slice_validation(Seed(7), 0.2);
    assert_eq!(parts.held_out.len(), 40);
    let mut all = [parts.train.clone(), parts.held_out.clone()].concat();
    all.sort_unstable();
    assert_eq!(all, (0..200).collect::<Vec<_>>());
    let abstracts = |part: &[usize]| -> Vec<usize> { part.iter().map(|i| i / 5).collect() };
    let held = abstracts(&parts.held_out);
    assert!(abstracts(&parts.train).iter().all(|a| !held.contains(a)));
    assert_eq!(data.slice_validation(Seed(7), 0.2), parts);
    assert_ne!(data.slice_validation(Seed(8), 0.2), parts);
    assert!(data.slice_validation(Seed(7), 0.0).held_out.is_empty());
    assert!(data.slice_validation(Seed(7), 1.0).train.is_empty());
}

#[test]
fn the_vocabulary_spells_every_word() {
    let line = |s: &str| format!("{{\"sentence\": \"{s}\", \"label\": \"100\"}}\n");
    let data = train(
        "tnews",
        &(line("我的App好用！").repeat(9) + &line("龘 Café x86")),
    );
    let vocab = vocabulary(&data, 2).unwrap();
    let spec = WordPieceSpec::from_vocab(&vocab).unwrap();
    let tokens: Vec<&str> = spec.tokens().collect();
    assert_eq!(tokens[..5], ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]);
    assert!(tokens.contains(&"我") && tokens.contains(&"app") && tokens.contains(&"！"));
    assert!(!tokens.contains(&"龘") && !tokens.contains(&"cafe"));
    let tokenizer = Tokenizer::new(&spec.clone().into(), 64).unwrap();
    let pieces = |text: &str| -> Vec<&str> {
        let encoding = tokenizer.encode(text, None).unwrap();
        encoding
            .input_ids
            .iter()
            .map(|&i| tokens[i as usize])
            .collect()
    };
    assert_eq!(pieces("APP龘"), ["[CLS]", "app", "[UNK]", "[SEP]"]);
    assert_eq!(pieces("Zx9"), ["[CLS]", "z", "##x", "##9", "[SEP]"]);
    let again = vocabulary(&data, 2).unwrap();
    assert_eq!(again, vocab);
}

#[test]
fn encodes_in_order_and_cuts_long_lines() {
    let long = "长".repeat(100_000);
    let text = format!(
        "{{\"sentence1\":\"{long}\",\"sentence2\":\"短\",\"label\":\"0\"}}\n{}",
        "{\"sentence1\":\"一\",\"sentence2\":\"二\",\"label\":\"1\"}\n"
    );
    let data = train("afqmc", &text);
    let spec = WordPieceSpec::from_vocab(&vocabulary(&data, 1).unwrap()).unwrap();
    let encoded = data
        .encode(&Tokenizer::new(&spec.into(), 128).unwrap())
        .unwrap();
    let encodings = &encoded.encodings;
    assert_eq!(
        encodings.iter().map(|e| e.len()).collect::<Vec<_>>(),
        [128, 5]
    );
    assert_eq!(encodings[0].token_type_ids[124..], [0, 0, 1, 1]);
    let cut = encoded.lengths.cut();
    assert_eq!((cut.max_seq_length, cut.of, cut.examples), (128, 2, 1));
    assert_eq!(cut.keeps_99_percent, 100_004, "with [CLS] and two [SEP]");
}
