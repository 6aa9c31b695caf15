//! Which classes an imported model has: said by the user, by `id2label`, or by the task.

use act_core::artifact::limits;
use act_core::{Error, Result};
use act_data::Task;
use serde_json::Value;

use crate::import::ImportOptions;

/// Label names for a head of `classes` rows, or for a new head where that is `None`.
///
/// The user's own come first, then `id2label` where it holds names, then the built-in task's.
/// `transformers` writes `LABEL_0`, `LABEL_1` where nobody gave names: those give way to a task's.
///
/// # Errors
/// Usage: labels that do not fit the head, or none for a new head. Rejected: a broken `id2label`.
pub(super) fn choose(
    config: &Value,
    classes: Option<usize>,
    options: &ImportOptions,
) -> Result<Vec<String>> {
    let task = options.task.as_deref();
    let task = task.and_then(|name| Task::builtin(name).ok());
    let fits = |labels: &[String]| classes.is_none_or(|n| n == labels.len());
    if let Some(labels) = &options.labels {
        return match classes {
            Some(n) if n != labels.len() => Err(Error::usage(format!(
                "{} labels are given, the model's head has {n} classes",
                labels.len()
            ))),
            _ => Ok(labels.clone()),
        };
    }
    let own = id2label(config)?;
    if let Some(labels) = own.as_ref().filter(|l| fits(l) && !anonymous(l)) {
        return Ok(labels.clone());
    }
    if let Some(task) = task.as_ref().filter(|task| fits(task.labels())) {
        if classes.is_some() {
            log::info!(
                "the model's classes have no names: they are taken for {}'s, in its order ({})",
                task.name(),
                task.labels().join(", ")
            );
        }
        return Ok(task.labels().to_vec());
    }
    if let (Some(task), Some(n)) = (&task, classes) {
        return Err(Error::usage(format!(
            "{} has {} labels, the model's head has {n} classes: give their names",
            task.name(),
            task.labels().len()
        )));
    }
    match classes {
        Some(n) => Ok((0..n).map(|i| format!("LABEL_{i}")).collect()),
        None => Err(Error::usage(
            "the model has no classification head: name its task or its labels to give it one",
        )),
    }
}

/// The names of `id2label` in order of the class, if there are any.
fn id2label(config: &Value) -> Result<Option<Vec<String>>> {
    let map = match config.get("id2label") {
        None | Some(Value::Null) => return Ok(None),
        Some(map) => map,
    };
    let wrong = || Error::rejected("id2label must name each class: {\"0\": \"name\", ...}");
    let map = map.as_object().ok_or_else(wrong)?;
    if map.len() > limits::LABELS {
        return Err(Error::rejected(format!(
            "id2label has {} names: at most {} are allowed",
            map.len(),
            limits::LABELS
        )));
    }
    let name = |i: usize| {
        let name = map.get(&i.to_string()).and_then(Value::as_str);
        name.map(str::to_string).ok_or_else(wrong)
    };
    (0..map.len())
        .map(name)
        .collect::<Result<Vec<_>>>()
        .map(Some)
}

/// True for the names that `transformers` makes up.
fn anonymous(labels: &[String]) -> bool {
    let mut numbered = labels.iter().enumerate();
    numbered.all(|(i, label)| *label == format!("LABEL_{i}"))
}

#[cfg(test)]
mod tests {
    use act_core::{ErrorKind, Seed};
    use serde_json::json;

    use super::*;

    fn options(task: Option<&str>, labels: Option<&[&str]>) -> ImportOptions {
        ImportOptions {
            task: task.map(Into::into),
            labels: labels.map(|l| l.iter().map(|s| s.to_string()).collect()),
            max_seq_length: None,
            vocab: None,
            seed: Seed(1),
        }
    }

    #[test]
    fn the_user_comes_first_then_names_then_the_task() {
        let named = json!({"id2label": {"1": "yes", "0": "no"}});
        let anonymous = json!({"id2label": {"0": "LABEL_0", "1": "LABEL_1"}});
        let none = json!({});
        let mine = options(Some("rte"), Some(&["a", "b"]));
        let (rte, nothing) = (options(Some("rte"), None), options(None, None));
        let choose = |config, options| choose(config, Some(2), options).unwrap();
        assert_eq!(choose(&named, &mine), ["a", "b"]);
        assert_eq!(choose(&named, &rte), ["no", "yes"]);
        assert_eq!(choose(&anonymous, &rte), ["entailment", "not_entailment"]);
        assert_eq!(choose(&anonymous, &nothing), ["LABEL_0", "LABEL_1"]);
        assert_eq!(choose(&none, &nothing), ["LABEL_0", "LABEL_1"]);
    }

    #[test]
    fn labels_that_do_not_fit_are_the_users_to_mend() {
        let usage = |classes, options: &ImportOptions, words: &str| {
            let error = choose(&json!({}), classes, options).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage);
            assert!(error.to_string().contains(words), "{error}");
        };
        usage(Some(3), &options(None, Some(&["a", "b"])), "2 labels");
        usage(Some(3), &options(Some("rte"), None), "rte has 2 labels");
        usage(None, &options(None, None), "no classification head");
        let wrong = [json!([1]), json!({"1": "a"}), json!({"0": 1})];
        for id2label in wrong {
            let error = choose(
                &json!({"id2label": id2label}),
                Some(1),
                &options(None, None),
            );
            assert_eq!(error.unwrap_err().kind(), ErrorKind::Rejected);
        }
    }
}
