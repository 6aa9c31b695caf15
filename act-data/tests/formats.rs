//! Files as people have them: every format with the same examples, and every way a file can be wrong, in one
//! line with its place and what to do.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use act_core::{ErrorKind, TaskInfo};
use act_data::{Dataset, ProblemKind, Split, Target};
use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::{TempDir, tempdir};

const OWN: &str = r#"{"task": "own", "labels": ["good", "bad"], "columns": {"text": "text"}}"#;
const NUMBERED: &str =
    r#"{"task": "own", "labels": ["good", "bad"], "columns": {"text": 1, "label": 2}}"#;

fn folder<B: AsRef<[u8]>>(description: &str, files: &[(&str, B)]) -> TempDir {
    let dir = tempdir().unwrap();
    fs::write(dir.path().join("act-dataset.json"), description).unwrap();
    for (name, bytes) in files {
        fs::write(dir.path().join(name), bytes).unwrap();
    }
    dir
}

fn open(dir: &Path, split: Split) -> Result<Dataset, String> {
    let opened = Dataset::open(dir, None, split, None);
    opened.map_err(|error| {
        assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
        let text = error.to_string();
        assert!(!text.contains('\n'), "{text}");
        text.replace(dir.to_str().unwrap(), "DIR")
    })
}

fn gz(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// Texts and names of labels.
fn rows(data: &Dataset) -> Vec<(String, Vec<String>)> {
    let labels = |target: &Target| {
        let classes = target.classes().iter();
        classes.map(|&c| data.labels[c as usize].clone()).collect()
    };
    let examples = data.examples.iter();
    examples
        .map(|e| (e.text.clone(), e.target.as_ref().map_or(Vec::new(), labels)))
        .collect()
}

#[test]
fn every_format_has_the_same_examples_and_the_same_digest() {
    let lines = "{\"text\": \"a, \\\"b\\\"\", \"label\": \"good\"}\n{\"text\": \"c\", \"label\": \"bad\"}\n";
    let list = format!("\u{feff}[{}]", lines.trim().replace("}\n", "},\n"));
    let pretty = list
        .replace("{\"", "{\n  \"")
        .replace(", \"label", ",\n \"label");
    let csv = "\u{feff}label,text\r\ngood,\"a, \"\"b\"\"\"\r\nbad,c\r\n";
    let tsv = "text\tlabel\na, \"b\"\tgood\nc\tbad\n";
    let quoted = "\"text\"\t\"label\"\n\"a, \"\"b\"\"\"\t\"good\"\n\"c\"\t\"bad\"\n";
    let txt = "a, \"b\"\tgood\nc\tbad";
    let semicolons = "text;label\n\"a, \"\"b\"\"\";good\n\"c\";bad\n";
    let by_semicolons = OWN.replacen('{', "{\"delimiter\": \";\", ", 1);
    let cases: Vec<(&str, &str, Vec<u8>)> = vec![
        (OWN, "train.json", lines.into()),
        (OWN, "train.jsonl.gz", gz(lines)),
        (OWN, "train.json", list.clone().into()),
        (OWN, "train.json", pretty.into()),
        (OWN, "train.json.gz", gz(&list)),
        (OWN, "train.csv", csv.into()),
        (OWN, "train.csv.gz", gz(csv)),
        (OWN, "train.tsv", tsv.into()),
        (OWN, "train.tsv", tsv.replace("\na", "\r\na").into()),
        (OWN, "train.tsv", quoted.into()),
        (OWN, "train.tsv.gz", gz(quoted)),
        (NUMBERED, "train.txt", txt.into()),
        (NUMBERED, "train.tsv", txt.into()),
        (NUMBERED, "train.txt.gz", gz(txt)),
        (&by_semicolons, "train.csv", semicolons.into()),
    ];
    let mut digests = Vec::new();
    for (description, name, bytes) in cases {
        let dir = folder(description, &[(name, bytes)]);
        let data = open(dir.path(), Split::Train).unwrap_or_else(|e| panic!("{name}: {e}"));
        let expected = [("a, \"b\"", "good"), ("c", "bad")];
        let expected = expected.map(|(text, label)| (text.to_string(), vec![label.to_string()]));
        assert_eq!(rows(&data), expected, "{name}");
        digests.push(data.record.digest);
    }
    assert!(digests.iter().all(|digest| *digest == digests[0]));
}

#[test]
fn a_wrong_file_is_told_in_one_line_with_its_place_and_what_to_do() {
    let gbk = b"text,label\n\xbd\xf1\xcc\xec\xba\xdc\xba\xc3,good\n";
    let utf16 = b"\xff\xfet\0e\0x\0t\0";
    let long = format!("text,label\n\"{}\",good\nb,best\n", "x".repeat(10 << 20));
    let too_long = format!("text,label\n{},good\n", "x".repeat(17 << 20));
    let bomb = gz(&"\n".repeat((64 << 20) + 1));
    let cut = gz(&("text,label\n".to_string() + &"a,good\n".repeat(1000)));
    let wrong_gz = b"text,label\na,good\n";
    let cases: Vec<(&str, &str, &[u8], &str)> = vec![
        (
            OWN,
            "train.csv",
            b"",
            "DIR/train.csv: the data set is empty",
        ),
        (
            OWN,
            "train.csv",
            b"text,label\n",
            "DIR/train.csv: the data set is empty",
        ),
        (
            OWN,
            "train.csv",
            b"text,label\na,good,x\n",
            "DIR/train.csv:2: 3 columns, but the header has 2",
        ),
        (
            OWN,
            "train.csv",
            b"text,label\n\"a\nb\",good\nc\n",
            "DIR/train.csv:4: 1 columns, but the header",
        ),
        (
            OWN,
            "train.csv",
            b"text,label\na,good\n\"b,good\nc,bad\n",
            "DIR/train.csv:3: the quote in column 1 is never closed (close it, or say \"quotes\": false",
        ),
        (
            OWN,
            "train.csv",
            b"text,label\n\"a\" b,good\n",
            "DIR/train.csv:2: text behind the closing quote in column 1 (a quote in a cell between",
        ),
        (
            OWN,
            "train.csv",
            b"text,label\na,\n",
            "DIR/train.csv:2: the label is empty (field \"label\")",
        ),
        (
            OWN,
            "train.csv",
            b"text,label\na,best\n",
            "DIR/train.csv:2: label \"best\" is not one of own's",
        ),
        (
            OWN,
            "train.csv",
            b"text,label,text\na,good,b\n",
            "DIR/train.csv:1: two columns are called \"text\"",
        ),
        (
            OWN,
            "train.csv",
            b"text,label\na\0,good\n",
            "DIR/train.csv:2: a NUL byte",
        ),
        (
            OWN,
            "train.csv",
            b"text,label\na,good\n\nb,bad\n",
            "DIR/train.csv:3: empty line",
        ),
        (
            OWN,
            "train.csv",
            b"text\tlabel\na\tgood\n",
            "DIR/train.csv:1: the first line is taken as the header",
        ),
        (
            OWN,
            "train.csv",
            b"text,label\ra,good\rb,bad\r",
            "DIR/train.csv:1: the lines end in",
        ),
        (
            OWN,
            "train.csv",
            long.as_bytes(),
            "DIR/train.csv:3: label \"best\"",
        ),
        (
            OWN,
            "train.csv",
            too_long.as_bytes(),
            "DIR/train.csv:2: a line of more than 16 MiB",
        ),
        (
            OWN,
            "train.csv",
            gbk,
            "DIR/train.csv:2: not UTF-8 at byte 1; it looks like GBK: iconv -f GB18030 -t UTF-8",
        ),
        (
            OWN,
            "train.csv",
            utf16,
            "DIR/train.csv: UTF-16, where UTF-8 is read: iconv -f UTF-16 -t UTF-8",
        ),
        (
            OWN,
            "train.csv",
            &cut,
            "DIR/train.csv: packed with gzip: call it .gz, or gunzip it",
        ),
        (
            OWN,
            "train.csv.gz",
            &bomb,
            "DIR/train.csv.gz: does not unpack: more than 200 times its size",
        ),
        (
            OWN,
            "train.csv.gz",
            &cut[..cut.len() - 4],
            "DIR/train.csv.gz: does not unpack",
        ),
        (
            OWN,
            "train.csv.gz",
            wrong_gz,
            "DIR/train.csv.gz: does not unpack",
        ),
        (
            OWN,
            "train.txt",
            b"a\tgood\n",
            "DIR/train.txt:1: the first line is taken as the header",
        ),
        (
            NUMBERED,
            "train.txt",
            b"a good\n",
            "DIR/train.txt:1: 1 columns, and the column 2 is wanted",
        ),
        (
            NUMBERED,
            "train.txt",
            b"a\tgood\nb\tbad\tx\n",
            "DIR/train.txt:2: 3 columns, but the first row has 2",
        ),
        (
            OWN,
            "train.json",
            b"[{\"text\": \"a\", \"label\": \"good\"}",
            "DIR/train.json:1: the JSON list is not closed",
        ),
    ];
    for (description, name, bytes, expected) in cases {
        let dir = folder(description, &[(name, bytes)]);
        let error = open(dir.path(), Split::Train).expect_err(expected);
        assert!(error.starts_with(expected), "{error}\n{expected}");
    }
}

#[test]
fn a_folder_in_place_of_a_file_and_a_label_that_only_dev_has_are_told() {
    let dir = folder(OWN, &[("dev.csv", "text,label\na,best\n")]);
    fs::create_dir(dir.path().join("train.csv")).unwrap();
    let error = open(dir.path(), Split::Train).unwrap_err();
    assert_eq!(error, "DIR/train.csv is a folder, where a file is expected");
    let error = open(dir.path(), Split::Dev).unwrap_err();
    assert!(error.starts_with("DIR/dev.csv:2: label \"best\" is not one of own's: good, bad"));
}

#[test]
fn files_may_be_named_and_differ_in_columns_and_style() {
    let description = r#"{"task": "own", "labels": ["bad", "good"], "columns": {"text": 2, "label": 1},
        "files": {"train": "own-train.csv", "dev": "parts/check.data", "test":
        {"name": "own-test.csv", "delimiter": "\t", "columns": {"text": "text_a"}}}, "format": "csv"}"#;
    let dir = folder(
        description,
        &[
            ("own-train.csv", "good,\"a\nb\"\n"),
            ("own-test.csv", "id\ttext_a\n1\tc\n"),
        ],
    );
    fs::create_dir(dir.path().join("parts")).unwrap();
    fs::write(dir.path().join("parts/check.data"), "bad,d\n").unwrap();
    let read = |split| rows(&open(dir.path(), split).unwrap());
    assert_eq!(
        read(Split::Train),
        [("a\nb".to_string(), vec!["good".to_string()])]
    );
    assert_eq!(
        read(Split::Dev),
        [("d".to_string(), vec!["bad".to_string()])]
    );
    assert_eq!(read(Split::Test), [("c".to_string(), vec![])]);
    for (wrong, what) in [
        (
            r#""files": {"train": "../x.csv"}"#,
            "files: \"../x.csv\" is no name of a file in the folder",
        ),
        (r#""delimiter": "字""#, "delimiter: '字' is none"),
        (
            r#""hold_out": {"dev": 0.9}"#,
            "hold_out: dev and test are shares of train",
        ),
        (
            r#""separator": """#,
            "separator: it is at least one character",
        ),
        (r#""quote": true"#, "unknown field `quote`"),
        (
            r#""columns": {"text": 0}"#,
            "columns are numbered from 1, not from 0",
        ),
        (
            r#""files": {"train": 1}"#,
            "expected a file's name, or an object with its name",
        ),
    ] {
        let dir = folder(
            &format!("{{\"task\": \"own\", {wrong}}}"),
            &[("train.csv", "")],
        );
        let error = open(dir.path(), Split::Train).unwrap_err();
        assert!(
            error.starts_with("DIR/act-dataset.json: ") && error.contains(what),
            "{error}"
        );
    }
}

#[test]
fn other_names_of_dev_are_dev() {
    for name in ["dev.tsv", "valid.tsv", "validation.tsv", "val.tsv"] {
        let dir = folder(OWN, &[(name, "text\tlabel\na\tgood\n")]);
        assert_eq!(open(dir.path(), Split::Dev).unwrap().examples.len(), 1);
    }
}

#[test]
fn several_labels_and_scores_are_read_and_refused_by_a_model_for_one_label() {
    let multi = r#"{"task": "own", "problem": "multi-label", "labels": ["joy", "fear", "love"],
        "columns": {"text": 1, "label": 2}"#;
    let table = "a\tlove, joy\nb\tfear\nc\t\nd\tjoy,joy\n";
    let dir = folder(&format!("{multi}}}"), &[("train.txt", table)]);
    let data = open(dir.path(), Split::Train).unwrap();
    let classes = |data: &Dataset| -> Vec<Vec<u32>> {
        let targets = data.examples.iter().map(|e| e.target.clone().unwrap());
        targets.map(|t| t.classes().to_vec()).collect()
    };
    assert_eq!(classes(&data), [vec![0, 2], vec![1], vec![], vec![0]]);
    assert_eq!(data.problem, ProblemKind::MultiLabel);
    assert_eq!(data.targets().unwrap()[0], Target::Classes(vec![0, 2]));
    let single = TaskInfo::new("own", 16, data.labels.clone());
    let error = Dataset::for_model(dir.path(), Split::Train, &single).unwrap_err();
    assert!(
        error.to_string().starts_with(
            "own/train: the labels are multi-label, and the model was made for single-label"
        ),
        "{error}"
    );

    let numbers = format!("{multi}, \"label_numbers\": true, \"separator\": \"|\"}}");
    let dir = folder(&numbers, &[("train.txt", "a\t2|0\nb\t1\nc\t\nd\t0\n")]);
    let by_number = open(dir.path(), Split::Train).unwrap();
    assert_eq!(by_number.record.digest, data.record.digest);
    let json = multi.replace("1,", "\"text\",").replace("2}", "\"label\"}");
    let lists = "[{\"text\": \"a\", \"label\": [\"joy\", \"love\"]}, {\"text\": \"b\", \"label\": \"fear\"},
        {\"text\": \"c\", \"label\": []}, {\"text\": \"d\", \"label\": [\"joy\"]}]";
    let dir = folder(&format!("{json}}}"), &[("train.json", lists)]);
    assert_eq!(
        open(dir.path(), Split::Train).unwrap().record.digest,
        data.record.digest
    );

    let scores = r#"{"task": "own", "problem": "regression", "columns": {"text": 1, "pair": 2, "label": 3}}"#;
    let dir = folder(scores, &[("train.txt", "a\tb\t2.5\nc\td\t-1e1\n")]);
    let data = open(dir.path(), Split::Train).unwrap();
    assert_eq!(data.examples[1].target, Some(Target::Score(-10.0)));
    assert_eq!(data.labels, ["score"]);
    assert_eq!(data.targets().unwrap()[0], Target::Score(2.5));
    for wrong in ["x", "inf", "NaN"] {
        let dir = folder(scores, &[("train.txt", format!("a\tb\t{wrong}\n"))]);
        let error = open(dir.path(), Split::Train).unwrap_err();
        assert!(error.contains("a label of own is a number, not"), "{error}");
    }
}

#[test]
fn dev_is_held_out_of_train_where_there_is_none_and_every_record_says_so() {
    let line = |i: usize| {
        format!(
            "text {i},{}\n",
            if i.is_multiple_of(4) { "bad" } else { "good" }
        )
    };
    let train = "text,label\n".to_string() + &(0..400).map(line).collect::<String>();
    let dir = folder(OWN, &[("train.csv", &train)]);
    let [train_set, dev] = [Split::Train, Split::Dev].map(|s| open(dir.path(), s).unwrap());
    assert_eq!((train_set.examples.len(), dev.examples.len()), (360, 40));
    assert_eq!(
        train_set.record.name,
        "own/train (without 10 %, by seed 42)"
    );
    assert_eq!(dev.record.name, "own/dev (10 % of train, by seed 42)");
    assert_eq!((dev.record.examples, dev.split), (40, Split::Dev));
    let bad = |data: &Dataset| {
        data.examples
            .iter()
            .filter(|e| e.class() == Some(1))
            .count()
    };
    assert_eq!((bad(&train_set), bad(&dev)), (90, 10));
    let both = train_set.examples.iter().chain(&dev.examples);
    let texts: std::collections::HashSet<_> = both.map(|e| &e.text).collect();
    assert_eq!(texts.len(), 400);

    // A model numbers its classes otherwise, and holds out the same.
    let labels = ["bad", "good"].map(String::from);
    let renumbered = Dataset::open(dir.path(), None, Split::Dev, Some(&labels)).unwrap();
    assert_eq!(renumbered.record, dev.record);

    let test_too = OWN.replacen(
        '{',
        "{\"hold_out\": {\"dev\": 0.1, \"test\": 0.25, \"seed\": 7}, ",
        1,
    );
    let dir = folder(&test_too, &[("train.csv", &train)]);
    let sets = [Split::Train, Split::Dev, Split::Test].map(|s| open(dir.path(), s).unwrap());
    assert_eq!(sets.each_ref().map(|s| s.examples.len()), [260, 40, 100]);
    assert_eq!(sets[2].record.name, "own/test (25 % of train, by seed 7)");
    let texts: std::collections::HashSet<_> = sets
        .iter()
        .flat_map(|s| &s.examples)
        .map(|e| &e.text)
        .collect();
    assert_eq!(texts.len(), 400);

    let nothing = OWN.replacen('{', "{\"hold_out\": {\"dev\": 0}, ", 1);
    let dir = folder(&nothing, &[("train.csv", &train)]);
    assert_eq!(open(dir.path(), Split::Train).unwrap().examples.len(), 400);
    assert!(
        open(dir.path(), Split::Dev)
            .unwrap_err()
            .starts_with("DIR has no dev file")
    );
    let dir = folder(OWN, &[("train.csv", "text,label\na,good\nb,bad\n")]);
    assert_eq!(open(dir.path(), Split::Train).unwrap().examples.len(), 2);
    let few = open(dir.path(), Split::Dev).unwrap_err();
    assert!(
        few.starts_with("there is no dev file, and the 2 examples of own/train are too few"),
        "{few}"
    );
}
