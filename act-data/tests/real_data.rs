//! The readers on the published data, where a copy lies in `../shared/data` beside the checkout:
//! the counts that the data's own notes state.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use act_data::check::Reader;
use act_data::describe::describe;
use act_data::{Dataset, ProblemKind, Split, check};

/// Task, split, examples, dropped lines, examples of each label in the task's order.
const KNOWN: &[(&str, Split, usize, usize, &[usize])] = &[
    ("afqmc", Split::Train, 34_334, 0, &[23_761, 10_573]),
    ("afqmc", Split::Dev, 4_316, 0, &[2_978, 1_338]),
    ("afqmc", Split::Test, 3_861, 0, &[]),
    (
        "tnews",
        Split::Train,
        53_360,
        0,
        &[
            1_111, 4_081, 4_976, 3_991, 5_200, 2_107, 4_118, 3_437, 5_955, 3_632, 3_368, 4_851,
            257, 2_886, 3_390,
        ],
    ),
    ("tnews", Split::Dev, 10_000, 0, &[]),
    ("tnews", Split::Test, 10_000, 0, &[]),
    ("iflytek", Split::Train, 4_640, 0, &[]),
    ("iflytek", Split::Dev, 2_599, 0, &[]),
    ("ocnli", Split::Train, 9_985, 15, &[3_309, 3_242, 3_434]),
    ("ocnli", Split::Dev, 2_950, 50, &[947, 900, 1_103]),
    ("ocnli", Split::Test, 3_000, 0, &[]),
    ("cmnli", Split::Train, 22_288, 0, &[7_398, 7_570, 7_320]),
    ("cmnli", Split::Dev, 12_241, 0, &[4_038, 4_277, 3_926]),
    ("cluewsc2020", Split::Train, 1_244, 0, &[517, 727]),
    ("cluewsc2020", Split::Dev, 304, 0, &[111, 193]),
    ("cluewsc2020", Split::Test, 290, 0, &[]),
    ("csl", Split::Train, 20_000, 0, &[10_000, 10_000]),
    ("csl", Split::Dev, 3_000, 0, &[1_500, 1_500]),
    ("csl", Split::Test, 3_000, 0, &[]),
    ("rte", Split::Train, 2_490, 0, &[]),
    ("rte", Split::Dev, 277, 0, &[]),
    ("mrpc", Split::Train, 3_668, 0, &[]),
    ("mrpc", Split::Dev, 408, 0, &[]),
    ("mrpc", Split::Test, 1_725, 0, &[]),
    ("sst2", Split::Train, 67_349, 0, &[]),
    ("sst2", Split::Dev, 872, 0, &[]),
];

fn data() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    if !path.is_dir() {
        // Past the harness, which shows the output of failing tests only.
        let _ = writeln!(std::io::stderr(), "skipped: {} not found", path.display());
        return None;
    }
    Some(path)
}

#[test]
fn counts_are_the_published_ones() {
    let Some(root) = data() else { return };
    for &(task, split, examples, dropped, labels) in KNOWN {
        if !root.join(task).is_dir() {
            let _ = writeln!(std::io::stderr(), "skipped: {task} not found");
            continue;
        }
        let set = Dataset::open(&root, Some(task), split, None).unwrap();
        assert_eq!(
            (set.examples.len(), set.dropped),
            (examples, dropped),
            "{task}/{split}"
        );
        if !labels.is_empty() {
            let mut counts = vec![0; set.labels.len()];
            let classes = set.examples.iter().filter_map(act_data::Example::class);
            classes.for_each(|l| counts[l as usize] += 1);
            assert_eq!(counts, labels, "{task}/{split}");
        }
    }
}

#[test]
fn check_finds_what_is_known_of_tnews() {
    let Some(root) = data() else { return };
    let check = check::check(&root, Some("tnews"), &Reader::default()).unwrap();
    check.verdict().unwrap();
    let train = &check.splits[0];
    assert_eq!(
        (train.examples, train.duplicates),
        (53_360, 53_360 - 49_726)
    );
    assert_eq!(check.also_in_train[0].examples, 1_099);
    assert!((check.splits[1].majority.unwrap() - 0.109).abs() < 5e-4);
}

#[test]
fn csl_holdout_shares_no_abstract() {
    let Some(root) = data() else { return };
    let set = Dataset::open(&root, Some("csl"), Split::Train, None).unwrap();
    let parts = set.slice_validation(act_core::Seed(42), 0.1);
    let pairs = |part: &[usize]| -> std::collections::HashSet<&str> {
        part.iter()
            .filter_map(|&i| set.examples[i].pair.as_deref())
            .collect()
    };
    let (train, held_out) = (pairs(&parts.train), pairs(&parts.held_out));
    assert!(train.is_disjoint(&held_out));
    assert_eq!(train.len() + held_out.len(), 3_954);
    assert!((2_000..2_050).contains(&parts.held_out.len()));
}

#[test]
fn what_128_tokens_cut_is_what_the_documents_say() {
    let Some(root) = data() else { return };
    let Ok(vocab) = std::fs::read_to_string(root.join("../models/bert_zh_vocab/vocab.txt")) else {
        let _ = writeln!(std::io::stderr(), "skipped: no vocabulary found");
        return;
    };
    let reader = Reader::of_vocabulary(&vocab, "vocab.txt").unwrap();
    let page = include_str!("../../docs/data.md");
    for task in ["afqmc", "iflytek", "csl"] {
        let check = check::check(&root, Some(task), &reader).unwrap();
        check.verdict().unwrap();
        let part = |name: &str| check.splits.iter().find(|s| s.split == name).unwrap();
        let [train, dev] = ["train", "dev"].map(|name| {
            let cut = part(name).cut;
            let thousands = format!("{},{:03}", cut.of / 1000, cut.of % 1000);
            let share = format!("{:.1} % of {thousands}", 100.0 * cut.share);
            format!("{share} | {}", cut.keeps_99_percent)
        });
        let known = 100.0 * part("dev").known.unwrap().share;
        let row = format!("| {task} | {train} | {dev} | {known:.2} % |");
        assert!(page.contains(&row), "{row}");
    }
}

/// What `describe` makes of files as their makers ship them: examples of each split and, by Python's `csv`
/// (banking77) and by cutting lines at tabs (the others), of a few labels in train.
#[test]
fn published_files_without_a_description_are_understood() {
    type Known<'a> = (
        &'a str,
        ProblemKind,
        [&'a str; 3],
        usize,
        &'a [(&'a str, usize)],
        &'a [(&'a str, usize)],
    );
    let known: [Known; 5] = [
        (
            "banking77",
            ProblemKind::SingleLabel,
            ["text", "", "category"],
            77,
            &[("train", 9_003), ("dev", 1_000), ("test", 3_080)],
            &[("card_arrival", 138), ("contactless_not_working", 31)],
        ),
        (
            "goemotions",
            ProblemKind::MultiLabel,
            ["1", "", "2"],
            28,
            &[("train", 43_410), ("dev", 5_426), ("test", 5_427)],
            &[("neutral", 14_219), ("grief", 77)],
        ),
        (
            "chnsenticorp",
            ProblemKind::SingleLabel,
            ["1", "", "2"],
            2,
            &[("train", 9_600), ("dev", 1_200), ("test", 1_200)],
            &[("negative", 4_801), ("positive", 4_799)],
        ),
        (
            "stsb",
            ProblemKind::Regression,
            ["6", "7", "5"],
            0,
            &[("train", 5_749), ("dev", 1_500), ("test", 1_379)],
            &[],
        ),
        (
            "cola",
            ProblemKind::SingleLabel,
            ["sentence", "", "label"],
            2,
            &[("train", 8_551), ("dev", 1_043)],
            &[("0", 2_528), ("1", 6_023)],
        ),
    ];
    let Some(root) = data() else { return };
    for (folder, problem, [text, pair, label], labels, splits, counts) in known {
        if !root.join(folder).is_dir() {
            let _ = writeln!(std::io::stderr(), "skipped: {folder} not found");
            continue;
        }
        let found = describe(&root.join(folder), None).unwrap_or_else(|e| panic!("{folder}: {e}"));
        found
            .verdict()
            .unwrap_or_else(|e| panic!("{folder}: {e}\n{found}"));
        assert_eq!(found.problem, problem, "{folder}");
        let columns = &found.columns;
        let pair_read = columns.pair.as_deref().unwrap_or_default();
        assert_eq!(
            [&columns.text, pair_read, &columns.label],
            [text, pair, label],
            "{found}"
        );
        let read: Vec<(&str, usize)> = found
            .splits
            .iter()
            .map(|s| (s.split.as_str(), s.examples))
            .collect();
        assert_eq!(read, splits, "{found}");
        let train = &found.splits[0].labels;
        assert_eq!(train.len(), labels, "{found}");
        for (label, examples) in counts {
            let there = train.iter().find(|count| count.label == *label).unwrap();
            assert_eq!(there.examples, *examples, "{folder}: {label}");
        }
    }
}
