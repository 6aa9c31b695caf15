//! GLUE's tasks in the files of the benchmark's own archives, and in those with other names of columns:
//! which columns are read, which class a label is, what is left out.

use std::fs;

use act_data::{Dataset, ProblemKind, Split, Target, Task};
use tempfile::{TempDir, tempdir};

/// A folder as the archive has it, with one line of each file, below a root.
fn archive(folder: &str, files: &[(&str, &str)]) -> TempDir {
    let dir = tempdir().unwrap();
    fs::create_dir(dir.path().join(folder)).unwrap();
    for (name, text) in files {
        fs::write(dir.path().join(folder).join(name), text).unwrap();
    }
    dir
}

/// Task, folder, files, the second text and the label of their first examples.
type Case<'a> = (
    &'a str,
    &'a str,
    Vec<(&'a str, &'a str)>,
    Option<&'a str>,
    Option<Target>,
);

fn first(dir: &TempDir, task: &str, split: Split) -> (String, Option<String>, Option<Target>) {
    let set = Dataset::open(dir.path(), Some(task), split, None);
    let set = set.unwrap_or_else(|e| panic!("{task}/{split}: {e}"));
    let example = set.examples[0].clone();
    (example.text, example.pair, example.target)
}

#[test]
fn the_files_of_the_archives_are_read_by_their_own_columns() {
    let class = |class| Some(Target::Class(class));
    let nli = "index\tpromptID\tpairID\tgenre\tsentence1_binary_parse\tsentence2_binary_parse\tsentence1_parse\t\
               sentence2_parse\tsentence1\tsentence2";
    let nli_row = "0\t31193\t31193n\tgovernment\t( a )\t( b )\t(ROOT a)\t(ROOT b)\tone \"a\ttwo";
    let mnli_train = format!("{nli}\tlabel1\tgold_label\n{nli_row}\tneutral\tneutral\n");
    let five = "label1\tlabel2\tlabel3\tlabel4\tlabel5\tgold_label";
    let mnli_dev = |gold: &str| format!("{nli}\t{five}\n{nli_row}\tneutral\t-\t-\t-\t-\t{gold}\n");
    let mnli_dev_files = [mnli_dev("contradiction"), mnli_dev("entailment")];
    let mnli_test = format!("{nli}\n{nli_row}\n");
    let sts = "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2";
    let sts_row = "0\tmain-captions\tMSRvid\t2012test\t0001\tnone\tnone\tone \"a\ttwo";
    let sts_train = format!("{sts}\tscore\n{sts_row}\t5.000\n");
    let sts_test = format!("{sts}\n{sts_row}\n");
    let one = "one \"a";
    let cases: Vec<Case> = vec![
        (
            "cola",
            "CoLA",
            vec![
                ("train.tsv", "gj04\t1\t\tone \"a\ncj99\t0\t*\tother\n"),
                ("dev.tsv", "gj04\t1\t\tone \"a\n"),
                ("test.tsv", "index\tsentence\n0\tone \"a\n"),
            ],
            None,
            class(1),
        ),
        (
            "sst2",
            "SST-2",
            vec![
                ("train.tsv", "sentence\tlabel\none \"a\t1\n"),
                ("dev.tsv", "sentence\tlabel\none \"a\t1\n"),
                ("test.tsv", "index\tsentence\n0\tone \"a\n"),
            ],
            None,
            class(1),
        ),
        (
            "mrpc",
            "MRPC",
            vec![
                (
                    "train.tsv",
                    "\u{feff}Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\r\n1\t7\t8\tone \"a\ttwo\r\n",
                ),
                (
                    "dev.tsv",
                    "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n1\t7\t8\tone \"a\ttwo\n",
                ),
                (
                    "test.tsv",
                    "index\t#1 ID\t#2 ID\t#1 String\t#2 String\n0\t7\t8\tone \"a\ttwo\n",
                ),
            ],
            Some("two"),
            class(1),
        ),
        (
            "stsb",
            "STS-B",
            vec![
                ("train.tsv", &sts_train),
                ("dev.tsv", &sts_train),
                ("test.tsv", &sts_test),
            ],
            Some("two"),
            Some(Target::Score(5.0)),
        ),
        (
            "qqp",
            "QQP",
            vec![
                (
                    "train.tsv",
                    "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n1\t2\t3\tone \"a\ttwo\t1\n4\t5\t6\tcut\n",
                ),
                (
                    "dev.tsv",
                    "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n1\t2\t3\tone \"a\ttwo\t1\n",
                ),
                ("test.tsv", "id\tquestion1\tquestion2\n0\tone \"a\ttwo\n"),
            ],
            Some("two"),
            class(1),
        ),
        (
            "mnli",
            "MNLI",
            vec![
                ("train.tsv", &mnli_train),
                ("dev_matched.tsv", &mnli_dev_files[0]),
                ("dev_mismatched.tsv", &mnli_dev_files[1]),
                ("test_matched.tsv", &mnli_test),
                ("test_mismatched.tsv", &mnli_test),
            ],
            Some("two"),
            class(2),
        ),
        (
            "qnli",
            "QNLI",
            vec![
                (
                    "train.tsv",
                    "index\tquestion\tsentence\tlabel\n0\tone \"a\ttwo\tnot_entailment\n",
                ),
                (
                    "dev.tsv",
                    "index\tquestion\tsentence\tlabel\n0\tone \"a\ttwo\tnot_entailment\n",
                ),
                ("test.tsv", "index\tquestion\tsentence\n0\tone \"a\ttwo\n"),
            ],
            Some("two"),
            class(1),
        ),
        (
            "wnli",
            "WNLI",
            vec![
                (
                    "train.tsv",
                    "index\tsentence1\tsentence2\tlabel\n0\tone \"a\ttwo\t1\n",
                ),
                (
                    "dev.tsv",
                    "index\tsentence1\tsentence2\tlabel\n0\tone \"a\ttwo\t1\n",
                ),
                ("test.tsv", "index\tsentence1\tsentence2\n0\tone \"a\ttwo\n"),
            ],
            Some("two"),
            class(1),
        ),
    ];
    for (task, folder, files, pair, target) in cases {
        let dir = archive(folder, &files);
        let expected = (one.to_string(), pair.map(str::to_string), target.clone());
        assert_eq!(first(&dir, task, Split::Train), expected, "{task}");
        let test = (expected.0.clone(), expected.1.clone(), None);
        assert_eq!(first(&dir, task, Split::Test), test, "{task}");
        if task == "mnli" {
            // In PaddleNLP's order: contradiction, entailment, neutral.
            assert_eq!(first(&dir, task, Split::Dev).2, class(0));
            assert_eq!(first(&dir, task, Split::DevMismatched).2, class(1));
        } else {
            assert_eq!(first(&dir, task, Split::Dev), expected, "{task}");
        }
        if task == "qqp" {
            let set = Dataset::open(dir.path(), Some(task), Split::Train, None).unwrap();
            assert_eq!((set.examples.len(), set.dropped), (1, 1));
        }
    }
}

#[test]
fn json_has_the_columns_that_the_task_is_known_by() {
    for (task, line, class) in [
        (
            "qqp",
            r#"{"question1": "one", "question2": "two", "label": 1}"#,
            1,
        ),
        (
            "qqp",
            r#"{"sentence1": "one", "sentence2": "two", "label": 0}"#,
            0,
        ),
        (
            "mnli",
            r#"{"premise": "one", "hypothesis": "two", "label": "neutral"}"#,
            2,
        ),
        (
            "mnli",
            r#"{"sentence1": "one", "sentence2": "two", "gold_label": "entailment"}"#,
            1,
        ),
        (
            "qnli",
            r#"{"question": "one", "sentence": "two", "label": "entailment"}"#,
            0,
        ),
    ] {
        let dir = tempdir().unwrap();
        fs::write(dir.path().join("train.json"), line).unwrap();
        let read = first(&dir, task, Split::Train);
        assert_eq!(
            read,
            ("one".into(), Some("two".into()), Some(Target::Class(class))),
            "{line}"
        );
    }
}

#[test]
fn labels_stand_in_the_order_of_paddlenlps_loader() {
    let labels = |task: &str| Task::builtin(task).unwrap().labels().to_vec();
    assert_eq!(labels("MNLI"), ["contradiction", "entailment", "neutral"]);
    assert_eq!(labels("qnli"), ["entailment", "not_entailment"]);
    for task in ["CoLA", "qqp", "wnli"] {
        assert_eq!(labels(task), ["0", "1"]);
    }
    assert_eq!(
        Task::builtin("STS-B").unwrap().problem(),
        ProblemKind::Regression
    );
}
