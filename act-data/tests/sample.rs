//! The sample corpora: the same bytes for the same seed, readable by the tasks' own readers, and
//! of the shape they claim.

use std::fs;
use std::path::Path;

use act_core::{ErrorKind, Seed};
use act_data::check::{Reader, check};
use act_data::sample::{Size, sample};
use act_data::{Dataset, Split};
use tempfile::tempdir;

const TASKS: [&str; 7] = [
    "afqmc",
    "tnews",
    "iflytek",
    "ocnli",
    "cmnli",
    "cluewsc2020",
    "csl",
];

fn bytes(dir: &Path) -> Vec<Vec<u8>> {
    let files = ["train.json", "dev.json", "act-dataset.json"];
    files.map(|f| fs::read(dir.join(f)).unwrap()).to_vec()
}

#[test]
fn every_corpus_reads_and_is_sound() {
    let root = tempdir().unwrap();
    for task in TASKS {
        let dir = root.path().join(task);
        let size = Size {
            train: Some(3_000),
            dev: Some(600),
        };
        sample(task, &dir, size, Seed(42)).unwrap();
        let train = Dataset::open(&dir, None, Split::Train, None).unwrap();
        assert_eq!((train.task.as_str(), train.examples.len()), (task, 3_000));
        assert!(train.record.synthetic);
        let classes = train.labels.len();
        let mut counts = vec![0; classes];
        let given = train.examples.iter().filter_map(act_data::Example::class);
        given.for_each(|l| counts[l as usize] += 1);
        assert!(
            counts.iter().all(|&c| c * classes > 3_000 / 3),
            "{task}: {counts:?}"
        );

        let texts = train
            .examples
            .iter()
            .flat_map(|e| [Some(&e.text), e.pair.as_ref()])
            .flatten();
        for text in texts {
            // Every slot and every marker of the grammars has been filled or removed.
            let marked = task != "cluewsc2020" && text.contains(['[', ']', '_']);
            assert!(
                !text.contains(['{', '}', '|', '~', '=']) && !marked,
                "{task}: {text}"
            );
        }
        let found = check(&dir, None, &Reader::default()).unwrap();
        found.verdict().unwrap();
        assert!(
            found.also_in_train[0].examples <= 6,
            "{task}: {:?}",
            found.also_in_train
        );
        assert!(
            found.splits[0].duplicates <= 30,
            "{task}: {}",
            found.splits[0].duplicates
        );
        assert!(found.splits[0].tokens.max <= 128, "{task}");
    }
}

#[test]
fn the_seed_alone_decides_the_bytes() {
    let root = tempdir().unwrap();
    let make = |name: &str, seed| {
        let dir = root.path().join(name);
        let size = Size {
            train: Some(200),
            dev: Some(50),
        };
        sample("afqmc", &dir, size, Seed(seed)).unwrap();
        bytes(&dir)
    };
    let first = make("a", 1);
    assert_eq!(first, make("b", 1));
    assert_ne!(first, make("c", 2));
    // Again into the same folder, which it knows for its own.
    assert_eq!(first, make("a", 1));
    // The corpus is part of what others measured: the same words for ever.
    let digest = blake3::hash(&first.concat()).to_string();
    assert_eq!(digest, DIGEST);
}

const DIGEST: &str = "a7651386b4fe16d90bb786c12c309df84a2649f3f966c0928149f27032265cbf";

#[test]
fn refuses_other_tasks_and_other_folders() {
    let root = tempdir().unwrap();
    let error = sample("sst2", &root.path().join("x"), Size::default(), Seed(1)).unwrap_err();
    assert!(
        error.to_string().starts_with("no sample corpus for sst2"),
        "{error}"
    );
    let own = root.path().join("own");
    fs::create_dir(&own).unwrap();
    fs::write(own.join("train.json"), "mine").unwrap();
    let error = sample("afqmc", &own, Size::default(), Seed(1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert_eq!(fs::read(own.join("train.json")).unwrap(), b"mine");
    let empty = Size {
        train: Some(0),
        dev: None,
    };
    let dir = root.path().join("empty");
    sample("afqmc", &dir, empty, Seed(1)).unwrap();
    assert!(Dataset::open(&dir, None, Split::Train, None).is_err());
}
