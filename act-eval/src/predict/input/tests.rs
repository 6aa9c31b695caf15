use act_core::testing::{TinyOptions, tiny_artifact};
use act_core::{Artifact, Columns};
use proptest::prelude::*;

use super::*;

/// What a tiny model (128 tokens, 32 positions, 2 token types) makes of lines.
fn read_as(
    task: &str,
    columns: Option<[&str; 2]>,
    format: LineFormat,
    lines: &[&str],
) -> Result<Vec<Encoding>> {
    let Artifact {
        plan,
        tokenizer,
        task: mut info,
        ..
    } = tiny_artifact(1, &TinyOptions::default());
    info.name = task.into();
    info.columns = columns.map(|[text, pair]| Columns {
        text: text.into(),
        pair: Some(pair.to_string()).filter(|pair| !pair.is_empty()),
        label: Some("label".into()),
    });
    let tokenizer = Tokenizer::new(&tokenizer, info.max_seq_length)?;
    let mut reader = Reader::of(tokenizer, plan, TaskTexts::of(&info), format)?;
    let questions = lines.iter().map(|line| reader.read(line));
    let questions: Vec<Option<Question>> = questions.collect::<Result<_>>()?;
    Ok(questions
        .into_iter()
        .flatten()
        .map(|q| q.encoding)
        .collect())
}

fn one(task: &str, columns: Option<[&str; 2]>, line: &str) -> Result<Encoding> {
    let mut read = read_as(task, columns, LineFormat::Auto, &[line])?;
    Ok(read.remove(0))
}

/// Of a model of which nobody has recorded what it takes.
fn unknown(line: &str) -> Result<Encoding> {
    one("own", None, line)
}

fn refused(read: Result<impl std::fmt::Debug>) -> String {
    let error = read.unwrap_err();
    assert_eq!(error.kind(), act_core::ErrorKind::Usage);
    error.to_string()
}

fn ids(input_ids: &[u32], token_type_ids: &[u32]) -> Encoding {
    Encoding {
        input_ids: input_ids.to_vec(),
        token_type_ids: token_type_ids.to_vec(),
    }
}

fn single() -> Encoding {
    ids(&[2, 5, 6, 3], &[0; 4])
}

fn pair() -> Encoding {
    ids(&[2, 5, 6, 3, 5, 3], &[0, 0, 0, 0, 1, 1])
}

const REVIEWS: Option<[&str; 2]> = Some(["review", ""]);
const QUESTIONS: Option<[&str; 2]> = Some(["asked", "known"]);

#[test]
fn a_tab_separates_a_pair_where_the_model_takes_two_texts() {
    for (task, columns) in [("afqmc", None), ("csl", None), ("own", QUESTIONS)] {
        assert_eq!(one(task, columns, "花呗\t花").unwrap(), pair(), "{task}");
        let two = refused(one(task, columns, "花\t花\t花"));
        assert!(two.contains("more than one tab"), "{two}");
        for line in ["花呗", ""] {
            assert!(refused(one(task, columns, line)).contains("the line has no tab"));
        }
    }
}

#[test]
fn a_tab_is_a_character_where_the_model_takes_one_text() {
    for (task, columns) in [("tnews", None), ("cluewsc2020", None), ("own", REVIEWS)] {
        let blank = one(task, columns, "花 呗").unwrap();
        assert_eq!(blank, single());
        for line in ["花\t呗", "花\t\t呗", "花\t呗\t"] {
            assert_eq!(one(task, columns, line).unwrap(), blank, "{task}: {line:?}");
        }
        assert_eq!(one(task, columns, "").unwrap(), ids(&[2, 3], &[0, 0]));
        let forced = read_as(task, columns, LineFormat::Pairs, &["花\t呗"]);
        assert!(refused(forced).contains("--format pairs: the model takes one text"));
    }
}

#[test]
fn nothing_is_guessed_of_a_model_that_does_not_say_what_it_takes() {
    assert_eq!(unknown("花呗").unwrap(), single());
    for format in [LineFormat::Auto, LineFormat::Text] {
        let tab = refused(read_as("own", None, format, &["花呗\t花"]));
        assert!(tab.contains("--format pairs"), "{tab}");
    }
    let forced = |line| read_as("own", None, LineFormat::Pairs, &[line]);
    assert_eq!(forced("花呗\t花").unwrap(), [pair()]);
    assert!(refused(forced("花呗")).contains("no tab"));
    assert_eq!(unknown(r#"{"text":"花\t呗"}"#).unwrap(), single());
    assert_eq!(
        unknown(r#"{"text":"花呗","text_pair":"花"}"#).unwrap(),
        pair()
    );
    assert_eq!(
        unknown(r#"{"sentence1":"花呗","sentence2":"花"}"#).unwrap(),
        pair()
    );
    let half = refused(unknown(r#"{"sentence1":"花呗"}"#));
    assert!(half.contains("no field \"sentence2\""), "{half}");
    let none = refused(unknown(r#"{"question":"花呗"}"#));
    assert!(
        none.contains("no field \"text\"; the line has question"),
        "{none}"
    );
}

#[test]
fn json_has_the_tasks_own_fields() {
    let own = r#"{"sentence1":"花呗","sentence2":"花","label":"1"}"#;
    assert_eq!(one("afqmc", None, own).unwrap(), pair());
    let missing = refused(one("afqmc", None, r#"{"sentence1":"花"}"#));
    assert!(missing.contains("sentence2"), "{missing}");
    let asked = r#" {"known":"花","asked":"花呗","label":"1","text":"花花花"}"#;
    assert_eq!(one("own", QUESTIONS, asked).unwrap(), pair());
    let review = r#"{"label":"呗","review":"花呗"}"#;
    assert_eq!(one("own", REVIEWS, review).unwrap(), single());
    // What is written for a model of any task is read, too, unless it is one text too many or too few.
    assert_eq!(one("own", REVIEWS, r#"{"text":"花呗"}"#).unwrap(), single());
    let both = r#"{"text":"花呗","text_pair":"花"}"#;
    assert_eq!(one("own", QUESTIONS, both).unwrap(), pair());
    assert!(refused(one("own", REVIEWS, both)).contains("takes one text, not two"));
    assert!(refused(one("own", QUESTIONS, r#"{"text":"花"}"#)).contains("there is one"));
    let case = refused(one("own", REVIEWS, r#"{"Review":"花"}"#));
    assert!(case.contains("is \"Review\" meant?"), "{case}");
}

#[test]
fn rows_under_a_header_have_the_tasks_own_columns_and_no_other_is_read() {
    let table = ["id\treview\tlabel", "1\t花呗\t呗呗呗", "2\t\t花"];
    let empty = ids(&[2, 3], &[0, 0]);
    for format in [LineFormat::Auto, LineFormat::Tsv] {
        let read = read_as("own", REVIEWS, format, &table).unwrap();
        assert_eq!(read, [single(), empty.clone()]);
    }
    let questions = ["label\tknown\tasked", "1\t花\t花呗"];
    let read = read_as("own", QUESTIONS, LineFormat::Auto, &questions).unwrap();
    assert_eq!(read, [pair()]);
    let built_in = ["sentence1\tsentence2", "花呗\t花"];
    assert_eq!(
        read_as("afqmc", None, LineFormat::Auto, &built_in).unwrap(),
        [pair()]
    );
    let unknown = ["text\tlabel", "花呗\t花"];
    assert_eq!(
        read_as("own", None, LineFormat::Tsv, &unknown).unwrap(),
        [single()]
    );
    // A header alone is no question, and a word alone is no header.
    assert_eq!(
        read_as("own", REVIEWS, LineFormat::Auto, &table[..1]).unwrap(),
        []
    );
    assert_eq!(
        read_as("own", REVIEWS, LineFormat::Auto, &["review"])
            .unwrap()
            .len(),
        1
    );

    let wrong = |lines: &[&str]| refused(read_as("own", REVIEWS, LineFormat::Tsv, lines));
    let header = wrong(&["花呗\t1"]);
    assert!(
        header.contains("the first line is taken as the header"),
        "{header}"
    );
    let cells = wrong(&["review\tlabel", "花"]);
    assert_eq!(cells, "1 columns, but the header has 2");
    assert!(wrong(&["review\treview", "花\t呗"]).contains("two columns are called"));
}

#[test]
fn an_object_over_several_lines_is_told_from_lines() {
    let lines = ["{", "\"review\": \"花\"", "}"];
    let object = refused(read_as("own", REVIEWS, LineFormat::Jsonl, &lines));
    assert!(object.contains("this file is one JSON object"), "{object}");
    assert!(
        read_as("own", REVIEWS, LineFormat::Auto, &["[花]"]).is_ok(),
        "a text"
    );
}

#[test]
fn the_format_may_be_forced() {
    let read = |format, line| read_as("tnews", None, format, &[line]);
    assert_eq!(read(LineFormat::Text, "{}").unwrap()[0].len(), 4);
    assert!(read(LineFormat::Jsonl, "花").is_err());
}

#[test]
fn json_may_hold_ids_with_padding_anywhere() {
    let line = r#"{"input_ids":[2,5,0,3,0],"token_type_ids":[0,0,0,1,0]}"#;
    assert_eq!(
        unknown(line).unwrap(),
        ids(&[2, 5, 0, 3, 0], &[0, 0, 0, 1, 0])
    );
    let short = r#"{"input_ids":[2,3]}"#;
    assert_eq!(unknown(short).unwrap(), ids(&[2, 3], &[0, 0]));
    assert_eq!(one("afqmc", None, short).unwrap(), ids(&[2, 3], &[0, 0]));
    // Padding alone is computed as exported programs compute it: every key has the same mask.
    let padding = r#"{"input_ids":[0,0]}"#;
    assert_eq!(unknown(padding).unwrap(), ids(&[0, 0], &[0, 0]));
}

#[test]
fn ids_that_the_model_does_not_have_are_refused() {
    for (line, message) in [
        (
            r#"{"input_ids":[2,128]}"#,
            "input_ids: 128 is not below 128",
        ),
        (
            r#"{"input_ids":[2],"token_type_ids":[2]}"#,
            "token_type_ids: 2 is not below 2",
        ),
        (
            r#"{"input_ids":[2],"token_type_ids":[]}"#,
            "1 input_ids but 0 token_type_ids",
        ),
        (r#"{"input_ids":[]}"#, "input_ids is empty"),
    ] {
        assert_eq!(refused(unknown(line)), message);
    }
    let long = format!("{{\"input_ids\":{:?}}}", vec![2; 33]);
    assert_eq!(
        refused(unknown(&long)),
        "33 input_ids; the model takes at most 32"
    );
    let negative = refused(unknown(r#"{"input_ids":[-1]}"#));
    assert!(
        negative.contains("invalid value") && negative.contains("column"),
        "{negative}"
    );
}

proptest! {
    /// Any line gives ids that the engine takes, or a one-line error of the user's.
    #[test]
    fn no_line_breaks_the_reader(line in r#"[^\n]{0,60}|\{"input_ids":\[[0-9, -]{0,20}\]\}"#) {
        for (task, columns) in [("own", None), ("afqmc", None), ("own", REVIEWS)] {
            match read_as(task, columns, LineFormat::Auto, &[&line]) {
                Ok(read) => for e in read {
                    prop_assert!(!e.is_empty() && e.len() <= 32);
                    prop_assert_eq!(e.input_ids.len(), e.token_type_ids.len());
                    prop_assert!(e.input_ids.iter().all(|&id| id < 128));
                },
                Err(e) => {
                    prop_assert_eq!(e.kind(), act_core::ErrorKind::Usage);
                    prop_assert!(!e.to_string().contains('\n'));
                }
            }
        }
    }
}
