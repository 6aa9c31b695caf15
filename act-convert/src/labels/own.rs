//! The names of classes that stand beside a model: `id2label.json` and `label.txt` as PaddleNLP has
//! them, and what `config.json` says.

use std::path::Path;

use act_core::artifact::limits;
use act_core::{Error, Result};
use serde_json::{Map, Value};

use crate::file::{self, brief};

/// Longest file with labels: thousands of them fit.
pub(crate) const CONFIG_LEN: u64 = 4 << 20;

/// What a user does about names that are wrong.
const REMEDY: &str = "mend it, or give --labels";

/// The names of the classes in the files of `dir`, in the order of the classes, for a head of
/// `classes` rows (any number, where the model has none). Names that somebody gave come before
/// those that `transformers` makes up.
///
/// # Errors
/// Rejected: names that are broken, more or fewer than the head has rows, or different in two files.
pub(crate) fn beside(dir: &Path, classes: Option<usize>) -> Result<Option<Vec<String>>> {
    let mut found: Option<(&str, Vec<String>)> = None;
    let readers: [(&str, Reader); 3] = [
        ("id2label.json", id2label_file),
        ("config.json", config_file),
        ("label.txt", label_lines),
    ];
    for (file, read) in readers {
        let path = dir.join(file);
        if !path.exists() {
            continue;
        }
        let names = read(&path, classes).map_err(|e| e.context(path.display()))?;
        let Some(names) = names else {
            continue;
        };
        found = match found {
            Some((other, first)) if !anonymous(&first) => {
                if !anonymous(&names) && names != first {
                    return Err(Error::rejected(format!(
                        "{}: {other} and {file} name the classes differently, {} and {}: {REMEDY}",
                        dir.display(),
                        first.join(", "),
                        names.join(", ")
                    )));
                }
                Some((other, first))
            }
            _ => Some((file, names)),
        };
    }
    Ok(found.map(|(_, names)| names))
}

/// Reads the names of a file, for a head of so many rows.
type Reader = fn(&Path, Option<usize>) -> Result<Option<Vec<String>>>;

fn id2label_file(path: &Path, classes: Option<usize>) -> Result<Option<Vec<String>>> {
    let map = file::json(path, CONFIG_LEN)?;
    let names = by_number("it", &map)?;
    checked("it", names, classes).map(Some)
}

/// `id2label`, or `label2id` where only that holds names that somebody gave; where both do they must
/// agree. A number of classes that is not the head's belongs to another model.
fn config_file(path: &Path, classes: Option<usize>) -> Result<Option<Vec<String>>> {
    let config = file::json(path, CONFIG_LEN)?;
    let get = |key: &str| config.get(key).filter(|value| !value.is_null());
    for key in ["num_labels", "num_classes"] {
        if let (Some(said), Some(rows)) = (get(key).and_then(Value::as_u64), classes)
            && said != rows as u64
        {
            return Err(Error::rejected(format!(
                "{key} is {said}, but the classification head has {rows} outputs: {REMEDY}"
            )));
        }
    }
    let numbers = get("label2id").and_then(Value::as_object);
    // Not ours to judge where it numbers no classes.
    let turned = numbers.and_then(by_name).filter(|names| !anonymous(names));
    let Some(map) = get("id2label") else {
        return turned
            .map(|names| checked("label2id", names, classes))
            .transpose();
    };
    let names = checked("id2label", by_number("id2label", map)?, classes)?;
    let no_names = anonymous(&names) || names.iter().enumerate().all(|(i, n)| *n == i.to_string());
    match (turned, numbers) {
        (Some(turned), _) if no_names && turned.len() == names.len() => Ok(Some(turned)),
        (turned, Some(numbers)) => {
            let made_up = turned.is_none() && numbers.keys().all(|name| name.starts_with("LABEL_"));
            if !made_up {
                agree(&names, numbers)?;
            }
            Ok(Some(names))
        }
        (_, None) => Ok(Some(names)),
    }
}

/// One name a line; the line's place is the class.
fn label_lines(path: &Path, classes: Option<usize>) -> Result<Option<Vec<String>>> {
    let text = file::text(path, CONFIG_LEN).map_err(|e| Error::rejected(e.to_string()))?;
    let names = text.trim_end().lines().map(|line| line.trim().to_string());
    checked("it", names.collect(), classes).map(Some)
}

/// `{"0": "name", ...}`; a number serves as a name, as in `transformers`.
fn by_number(key: &str, map: &Value) -> Result<Vec<String>> {
    let wrong = |found: &Value| {
        Error::rejected(format!(
            "{key} must name each class, {{\"0\": \"name\", ...}}, and holds {}: {REMEDY}",
            brief(found)
        ))
    };
    let names = map.as_object().ok_or_else(|| wrong(map))?;
    if names.len() > limits::LABELS {
        return Err(Error::rejected(format!(
            "{key} has {} names: at most {} are allowed",
            names.len(),
            limits::LABELS
        )));
    }
    let name = |i: usize| match names.get(&i.to_string()) {
        Some(Value::String(name)) => Ok(name.clone()),
        Some(Value::Number(n)) if n.is_u64() || n.is_i64() => Ok(n.to_string()),
        Some(other) => Err(wrong(other)),
        None => Err(Error::rejected(format!(
            "{key} has {} names and none for class {i}: {REMEDY}",
            names.len()
        ))),
    };
    (0..names.len()).map(name).collect()
}

/// The names of `{"name": 0, ...}`, if every class from 0 has one.
fn by_name(map: &Map<String, Value>) -> Option<Vec<String>> {
    let mut names = vec![None; map.len()];
    for (name, class) in map {
        *names.get_mut(usize::try_from(class.as_u64()?).ok()?)? = Some(name.clone());
    }
    names.into_iter().collect()
}

/// Refuses a `label2id` that gives a name of `names` another number.
fn agree(names: &[String], numbers: &Map<String, Value>) -> Result<()> {
    for (name, class) in numbers {
        let Some(class) = class.as_u64() else {
            continue;
        };
        let there = usize::try_from(class).ok().and_then(|i| names.get(i));
        if there != Some(name) {
            return Err(Error::rejected(format!(
                "label2id calls class {class} {}, id2label calls it {}: {REMEDY}",
                brief(&name.as_str().into()),
                there.map_or("nothing".into(), |name| brief(&name.as_str().into()))
            )));
        }
    }
    Ok(())
}

/// Names that are as many as the head has rows, and each of its own.
fn checked(key: &str, names: Vec<String>, classes: Option<usize>) -> Result<Vec<String>> {
    if let Some(rows) = classes.filter(|&rows| rows != names.len()) {
        return Err(Error::rejected(format!(
            "{key} names {} classes, but the classification head has {rows} outputs: {REMEDY}",
            names.len()
        )));
    }
    let mut first = std::collections::BTreeMap::new();
    for (class, name) in names.iter().enumerate() {
        if name.is_empty() {
            return Err(Error::rejected(format!(
                "{key} has an empty name for class {class}: {REMEDY}"
            )));
        }
        if let Some(other) = first.insert(name, class) {
            return Err(Error::rejected(format!(
                "{key} calls both class {other} and class {class} {}: {REMEDY}",
                brief(&name.as_str().into())
            )));
        }
    }
    Ok(names)
}

/// True for the names that `transformers` makes up.
pub(crate) fn anonymous(labels: &[String]) -> bool {
    let mut numbered = labels.iter().enumerate();
    numbered.all(|(i, label)| *label == format!("LABEL_{i}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use act_core::ErrorKind;
    use serde_json::json;

    /// What `beside` says of a folder with these files.
    fn read(files: &[(&str, &str)], classes: Option<usize>) -> Result<Option<Vec<String>>> {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        beside(dir.path(), classes)
    }

    fn config(value: Value, classes: Option<usize>) -> Result<Option<Vec<String>>> {
        read(&[("config.json", &value.to_string())], classes)
    }

    fn refused(outcome: Result<Option<Vec<String>>>, words: &[&str]) {
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected, "{error}");
        for word in words {
            assert!(error.to_string().contains(word), "no {word:?} in: {error}");
        }
    }

    fn names(outcome: Result<Option<Vec<String>>>) -> Vec<String> {
        outcome.unwrap().unwrap()
    }

    #[test]
    fn every_place_of_names_is_read() {
        let map = json!({"1": "b", "0": "a"});
        assert_eq!(names(config(json!({"id2label": map}), Some(2))), ["a", "b"]);
        let turned = json!({"label2id": {"b": 1, "a": 0}});
        assert_eq!(names(config(turned, Some(2))), ["a", "b"]);
        let alone = [("id2label.json", "\u{feff}{\"0\": \"a\", \"1\": \"b\"}")];
        assert_eq!(names(read(&alone, Some(2))), ["a", "b"]);
        let lines = [("label.txt", "a b\r\nc\r\n\r\n")];
        assert_eq!(names(read(&lines, Some(2))), ["a b", "c"]);
        let numbers = json!({"id2label": {"0": 0, "1": -1}});
        assert_eq!(names(config(numbers, Some(2))), ["0", "-1"]);
        assert_eq!(config(json!({"id2label": null}), Some(2)).unwrap(), None);
        assert_eq!(read(&[], Some(2)).unwrap(), None);
        // Numbers of something else than the classes from 0.
        let others = json!({"label2id": {"a": 1, "b": 2}});
        assert_eq!(config(others, Some(2)).unwrap(), None);
    }

    #[test]
    fn names_that_were_given_come_before_made_up_ones() {
        let made_up = json!({"id2label": {"0": "LABEL_0", "1": "LABEL_1"}}).to_string();
        let lines = ("label.txt", "no\nyes\n");
        let files = [("config.json", &made_up[..]), lines];
        assert_eq!(names(read(&files, Some(2))), ["no", "yes"]);
        let same = ("id2label.json", "{\"0\": \"no\", \"1\": \"yes\"}");
        assert_eq!(names(read(&[same, lines], Some(2))), ["no", "yes"]);
        let other = ("id2label.json", "{\"0\": \"yes\", \"1\": \"no\"}");
        refused(
            read(&[other, lines], Some(2)),
            &["id2label.json and label.txt", "yes, no and no, yes"],
        );
    }

    #[test]
    fn another_number_of_names_is_refused_with_both_numbers() {
        let five = json!({"0": "a", "1": "b", "2": "c", "3": "d", "4": "e"});
        refused(
            config(json!({"id2label": five}), Some(2)),
            &[
                "config.json",
                "id2label names 5",
                "has 2 outputs",
                "--labels",
            ],
        );
        refused(
            read(&[("id2label.json", "{\"0\": \"a\"}")], Some(3)),
            &["id2label.json", "names 1", "has 3 outputs"],
        );
        refused(
            read(&[("label.txt", "a\nb\nc\n")], Some(2)),
            &["label.txt", "names 3", "has 2 outputs"],
        );
        refused(
            config(json!({"num_labels": 7}), Some(2)),
            &["num_labels is 7", "has 2 outputs"],
        );
    }

    #[test]
    fn contradictions_and_doubles_are_named() {
        let pair = |numbers: Value| json!({"id2label": {"0": "a", "1": "b"}, "label2id": numbers});
        assert!(config(pair(json!({"a": 0, "b": 1})), Some(2)).is_ok());
        for (numbers, words) in [
            (json!({"b": 0, "a": 1}), ["class 1 \"a\"", "it \"b\""]),
            (json!({"a": 0, "b": 5}), ["class 5 \"b\"", "it nothing"]),
            (json!({"neg": 0}), ["class 0 \"neg\"", "it \"a\""]),
        ] {
            refused(config(pair(numbers), Some(2)), &words);
        }
        // Names that transformers makes up contradict nobody, in either key.
        let made_up = json!({"LABEL_0": 0, "LABEL_1": 1});
        assert_eq!(names(config(pair(made_up), Some(2))), ["a", "b"]);
        for id2label in [
            json!({"0": "LABEL_0", "1": "LABEL_1"}),
            json!({"0": 0, "1": 1}),
        ] {
            let turned = json!({"id2label": id2label, "label2id": {"no": 0, "yes": 1}});
            assert_eq!(names(config(turned, Some(2))), ["no", "yes"]);
        }
        refused(
            config(json!({"id2label": {"0": "a", "1": "b", "2": "a"}}), None),
            &["both class 0 and class 2 \"a\""],
        );
        refused(
            read(&[("label.txt", "a\n\nb\n")], Some(3)),
            &["empty name for class 1"],
        );
    }

    #[test]
    fn what_names_no_classes_is_refused() {
        for (map, word) in [
            (json!([1]), "holds [1]"),
            (json!("a"), "holds \"a\""),
            (json!({"0": 0.5}), "holds 0.5"),
            (json!({"0": null}), "holds null"),
            (json!({"1": "a"}), "none for class 0"),
        ] {
            refused(config(json!({"id2label": map}), None), &["id2label", word]);
        }
    }
}
