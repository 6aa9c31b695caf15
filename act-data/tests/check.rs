//! `act-data check`: what it counts, and that it fails where a stage would.

use std::fs;
use std::path::Path;

use act_core::Artifact;
use act_core::testing::{TinyOptions, tiny_artifact};
use act_data::check::{Check, Reader, check};
use tempfile::{TempDir, tempdir};

const OWN: &str = r#"{"task": "own", "labels": ["0", "1"], "columns": {"text": "text"}}"#;

fn folder(files: &[(&str, &str)]) -> TempDir {
    let dir = tempdir().unwrap();
    for (name, text) in files {
        fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

/// Lines of JSON, `n` with each of two labels.
fn lines(n: usize) -> String {
    (0..2 * n)
        .map(|i| format!("{{\"text\": \"字{i}\", \"label\": \"{}\"}}\n", i % 2))
        .collect()
}

fn checked(dir: &Path) -> Check {
    check(dir, None, &Reader::default()).unwrap()
}

/// The verdict on a folder of own data with these files, without the folder's name.
fn verdict(files: &[(&str, &str)]) -> String {
    let dir = folder(&[&[("act-dataset.json", OWN)], files].concat());
    let verdict = checked(dir.path()).verdict();
    let name = dir.path().to_str().unwrap();
    verdict.map_or_else(|e| e.to_string().replace(name, "DIR"), |()| String::new())
}

#[test]
fn a_folder_without_a_train_file_fails_and_says_what_is_there() {
    let no_train =
        "DIR has no train file (train.json, .jsonl, .tsv, .csv or .txt); there but not read: ";
    for (name, text) in [
        ("train.parquet", ""),
        ("training.jsonl", "{}\n"),
        ("tickets.csv", "text,label\n"),
    ] {
        let error = verdict(&[(name, text)]);
        let why = "(act-data describe DIR looks at them and proposes an act-dataset.json that names them)";
        assert_eq!(error, format!("{no_train}{name} {why}"));
    }
    let dev = lines(2);
    assert!(verdict(&[("dev.json", &dev)]).starts_with("DIR has no train file"));
    assert_eq!(verdict(&[("train.json", &lines(20))]), "");
    // Without a description nothing says whose data these are.
    let dir = folder(&[("tickets.csv", "text,label\n")]);
    let error = check(dir.path(), Some("tnews"), &Reader::default()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("there but not read: tickets.csv"),
        "{error}"
    );
}

#[test]
fn what_is_there_without_effect_is_named() {
    let train = lines(20).replace('}', ", \"id\": 3, \"note\": \"x\"}");
    let dir = folder(&[
        ("act-dataset.json", OWN),
        ("train.json", &train),
        ("train.tsv", "text\tlabel\na\t1\n"),
        ("valid.tsv", "text\tlabel\na\t1\n"),
        ("val.tsv", "text\tlabel\na\t1\n"),
        ("test.tsv", "text\tsource\na\tweb\n"),
        ("labels.txt", "0\n1\n"),
        ("README.md", "words\n"),
    ]);
    let found = checked(dir.path());
    found.verdict().unwrap();
    assert_eq!(found.unused_columns, ["id", "note", "source"]);
    assert_eq!(found.not_read, ["labels.txt", "train.tsv", "val.tsv"]);
    let text = found.to_string();
    assert!(
        text.contains("columns without effect: id, note, source"),
        "{text}"
    );
    assert!(
        text.contains("files that are not read: labels.txt, train.tsv, val.tsv"),
        "{text}"
    );
}

#[test]
fn the_first_few_wrong_lines_of_each_split_are_named_and_the_rest_counted() {
    let bad = "{\"text\": \"a\", \"label\": \"2\"}\n".repeat(7);
    let dir = folder(&[
        ("act-dataset.json", OWN),
        ("train.json", &(lines(20) + &bad)),
        (
            "dev.json",
            &(lines(1) + "{\"text\": 1, \"label\": \"0\"}\n{\"txt\": \"a\"}\n"),
        ),
    ]);
    let found = checked(dir.path());
    assert_eq!(found.errors.len(), 5 + 1 + 2, "{:?}", found.errors);
    assert!(found.errors[0].contains("train.json:41: label \"2\" is not one of own's: 0, 1"));
    assert_eq!(found.errors[5], "train: 2 more lines are wrong");
    assert!(found.errors[6].contains("dev.json:3: field \"text\" is a number"));
    assert!(found.errors[7].contains("dev.json:4: no label"));
    assert_eq!((found.splits[0].examples, found.splits[0].wrong), (40, 7));
    let verdict = found.verdict().unwrap_err().to_string();
    assert!(verdict.contains("train.json:41") && verdict.contains("(and 7 more, listed above)"));
    assert!(!verdict.contains('\n'));
}

#[test]
fn errors_name_the_cause() {
    let header = "DIR/train.tsv:1: the first line is taken as the header; its columns are ";
    for (name, text, cause) in [
        (
            "train.tsv",
            "很好\t1\n不好\t0\n",
            format!("{header}很好, 1; there is no \"text\""),
        ),
        (
            "train.tsv",
            "Text\tLabel\na\t1\n",
            format!("{header}Text, Label; is \"Text\" meant?"),
        ),
        (
            "train.tsv",
            "text\tlabels\na\t1\n",
            format!("{header}text, labels; is \"labels\" meant?"),
        ),
        (
            "train.tsv",
            "text,label\na,1\n",
            format!("{header}text,label;"),
        ),
        (
            "train.json",
            "[\n{\"text\": \"a\", \"label\": 1}\n",
            "DIR/train.json:3: the JSON list is not closed".into(),
        ),
        (
            "train.json",
            "[{\"text\": \"a\", \"label\": 1},\n {\"txt\": \"b\", \"label\": 0}]",
            "DIR/train.json:2: no field \"text\"; the line has label, txt; is \"txt\" meant?"
                .into(),
        ),
        (
            "train.json",
            "{\n  \"data\": []\n}\n",
            "DIR/train.json:1: one JSON object a line is read, or a list of objects".into(),
        ),
        (
            "train.json",
            "{\"Text\": \"a\", \"label\": 1}\n",
            "DIR/train.json:1: no field \"text\"; the line has Text, label; is \"Text\" meant?"
                .into(),
        ),
        (
            "train.json",
            "{\"text\": \"a\", \"Label\": 1}\n",
            "DIR/train.json:1: no label (field \"label\"; the line has Label, text; is \"Label\""
                .into(),
        ),
        (
            "train.json",
            "{\"text\": \"a\", \"label\": 1.5}\n",
            "DIR/train.json:1: a label of own is a whole number, not 1.5".into(),
        ),
        (
            "train.json",
            "{\"text\": \"a\", \"text\": \"b\", \"label\": 1}\n",
            "DIR/train.json:1: field \"text\" is there twice".into(),
        ),
    ] {
        let error = verdict(&[(name, text)]);
        assert!(error.starts_with(&cause), "{error}\n{cause}");
    }
}

#[test]
fn floats_are_the_whole_numbers_that_they_are() {
    let floats = lines(20).replace("\"0\"", "0.0").replace("\"1\"", "1.0");
    assert_eq!(verdict(&[("train.json", &floats)]), "");
    let table: String = (0..40).map(|i| format!("字{i}\t{}.0\n", i % 2)).collect();
    assert_eq!(
        verdict(&[("train.tsv", &format!("text\tlabel\n{table}"))]),
        ""
    );
}

#[test]
fn labels_that_only_one_side_has_are_told() {
    let three = OWN.replace("\"1\"", "\"1\", \"2\"");
    let dev = "{\"text\": \"a\", \"label\": \"2\"}\n";
    let dir = folder(&[
        ("act-dataset.json", &three),
        ("train.json", &lines(20)),
        ("dev.json", dev),
    ]);
    let found = checked(dir.path());
    found.verdict().unwrap();
    let warnings = found.warnings.join("\n");
    assert!(warnings.contains("train has no example of 2"), "{warnings}");
    assert!(
        warnings.contains("dev has examples of 2, of which train has none"),
        "{warnings}"
    );

    let one = "{\"text\": \"a\", \"label\": \"1\"}\n".repeat(40);
    assert!(verdict(&[("train.json", &one)]).contains("every example has the label \"1\""));
    let few = checked(folder(&[("act-dataset.json", OWN), ("train.json", &lines(3))]).path());
    assert!(few.warnings[0].contains("train has 5 examples: act-quant takes 32 or more"));
}

#[test]
fn the_share_of_cut_texts_is_that_of_the_length() {
    let long: String = (1..=100)
        .map(|n| {
            format!(
                "{{\"text\": \"{}\", \"label\": {}}}\n",
                "字".repeat(n),
                n % 2
            )
        })
        .collect();
    let dir = folder(&[
        ("act-dataset.json", OWN),
        ("train.json", &long),
        ("dev.json", &long),
    ]);
    let cut_at = |max_seq_length| {
        let reader = Reader {
            max_seq_length,
            ..Reader::default()
        };
        check(dir.path(), None, &reader).unwrap()
    };
    // [CLS] and [SEP] count: the longest text has 102 tokens.
    for (length, examples) in [(102, 0), (101, 1), (52, 50), (3, 99)] {
        let found = cut_at(length);
        for cut in found.splits.iter().map(|s| s.cut) {
            assert_eq!(
                (cut.max_seq_length, cut.of, cut.examples),
                (length, 100, examples)
            );
            assert_eq!(
                (cut.share, cut.keeps_99_percent),
                (examples as f64 / 100.0, 101)
            );
        }
        let told = found
            .warnings
            .iter()
            .filter(|w| w.contains("are cut"))
            .count();
        assert_eq!(told, if examples == 0 { 0 } else { 2 });
    }
    assert!(cut_at(52).to_string().contains(
        "  cut         50 of 100 examples (50.0 %) are longer than 52 tokens and are cut; 101 \
         tokens keep 99 % whole\n"
    ));
}

#[test]
fn a_vocabulary_is_measured_by_what_it_knows() {
    let (train, dev) = (lines(20), lines(1));
    let dir = folder(&[
        ("act-dataset.json", OWN),
        ("train.json", &train),
        ("dev.json", &dev),
    ]);
    let vocab = |more: &str| format!("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n{more}");
    let with = |more: &str| {
        let reader = Reader::of_vocabulary(&vocab(more), "v.txt").unwrap();
        check(dir.path(), None, &reader).unwrap()
    };
    // Each text is a Chinese character and a number, two words.
    let half = with("字\n");
    let known = half.splits[0].known.unwrap();
    assert_eq!((known.tokens, known.unknown, known.share), (80, 40, 0.5));
    assert_eq!(half.vocabulary, "v.txt");
    assert!(
        half.warnings
            .iter()
            .any(|w| w.contains("50.0 % of its tokens are not in"))
    );
    assert!(
        half.to_string()
            .contains("known       50.00 % of 80 tokens, 40 are [UNK]")
    );
    half.verdict().unwrap();
    let none = with("花\n");
    assert!(
        none.verdict()
            .unwrap_err()
            .to_string()
            .contains("knows none of its 80 tokens")
    );
    let own = checked(dir.path());
    assert_eq!(own.splits[0].known.unwrap().share, 1.0);
    assert_eq!(own.vocabulary, "made from train");
}

#[test]
fn a_model_reads_with_its_own_vocabulary_length_and_labels() {
    let dir = folder(&[("act-dataset.json", OWN), ("train.json", &lines(20))]);
    let mut model = tiny_artifact(1, &TinyOptions::default());
    let read =
        |model: &Artifact| check(dir.path(), None, &Reader::of_model(model, "m.act")).unwrap();
    let stranger = read(&model).verdict().unwrap_err().to_string();
    assert!(
        stranger.contains("the model has no class \"0\""),
        "{stranger}"
    );
    model.task.labels = ["1", "0", "2"].map(String::from).to_vec();
    let found = read(&model);
    assert_eq!(
        found.splits[0].cut.max_seq_length,
        model.task.max_seq_length
    );
    assert_eq!(found.splits[0].labels[0].label, "1");
    assert_eq!(found.vocabulary, "m.act");
}

#[test]
fn thousands_of_labels_are_read() {
    let names: Vec<String> = (0..7_051).map(|i| format!("\"c{i}\"")).collect();
    let description = OWN.replace("\"0\", \"1\"", &names.join(","));
    let train: String = (0..7_051).map(|i| format!("字{i}\tc{i}\n")).collect();
    let dir = folder(&[
        ("act-dataset.json", &description),
        ("train.tsv", &format!("text\tlabel\n{train}")),
    ]);
    let found = checked(dir.path());
    found.verdict().unwrap();
    assert_eq!(found.splits[0].labels.len(), 7_051);
    assert!(
        found
            .to_string()
            .contains("\n  and 6923 more labels (--json has all)\n")
    );
}
