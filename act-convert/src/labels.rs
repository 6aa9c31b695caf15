//! Which classes an imported model has: said by the user, by the model itself, or by the task.

use act_core::artifact::limits;
use act_core::{Error, Result};
use act_data::Task;
use serde_json::Value;

use crate::options::ImportOptions;

/// Label names for a head of `classes` rows, or for a new head where that is `None`; `own` are the
/// names that stand beside the model.
///
/// The user's come first, then the model's own where they are names, then the built-in task's, then
/// numbers. `transformers` writes `LABEL_0`, `LABEL_1` where nobody gave names: those give way to a
/// task's.
///
/// # Errors
/// Usage: labels that do not fit the head, one twice, or none for a new head.
pub(crate) fn choose(
    own: Option<Vec<String>>,
    classes: Option<usize>,
    options: &ImportOptions,
) -> Result<Vec<String>> {
    let fits = |labels: &[String]| classes.is_none_or(|n| n == labels.len());
    let misfit = |whose: String, labels: &[String]| {
        let (given, n) = (labels.len(), classes.unwrap_or(0));
        Err(Error::usage(format!(
            "{whose} {given} labels, but the model has {n} classes: give --labels"
        )))
    };
    if let Some(labels) = &options.labels {
        if let Some(twice) = (1..labels.len()).find(|&i| labels[..i].contains(&labels[i])) {
            let label = &labels[twice];
            return Err(Error::usage(format!("--labels gives {label:?} twice")));
        }
        return if fits(labels) {
            Ok(labels.clone())
        } else {
            misfit("--labels gives".into(), labels)
        };
    }
    let own = own.filter(|labels| fits(labels));
    if let Some(labels) = own.as_ref().filter(|labels| !anonymous(labels)) {
        return Ok(labels.clone());
    }
    let task = options.task.as_deref();
    if let Some(task) = task.and_then(|name| Task::builtin(name).ok()) {
        let labels = task.labels();
        if !fits(labels) {
            return misfit(format!("the task {} has", task.name()), labels);
        }
        if classes.is_some() {
            log::info!(
                "the model's classes have no names: they are taken for {}'s, in its order ({})",
                task.name(),
                labels.join(", ")
            );
        }
        return Ok(labels.to_vec());
    }
    match (own, classes) {
        (Some(labels), Some(_)) => Ok(labels),
        (None, Some(n)) => Ok((0..n).map(|i| i.to_string()).collect()),
        (_, None) => Err(Error::usage(
            "the model has no classification head: name its task or its labels to give it one",
        )),
    }
}

/// The names of a `config.json`'s `id2label` in order of the class, if there are any.
///
/// # Errors
/// Rejected: a broken `id2label`.
pub(crate) fn id2label(config: &Value) -> Result<Option<Vec<String>>> {
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
        let choose = |config, options| choose(id2label(config).unwrap(), Some(2), options).unwrap();
        assert_eq!(choose(&named, &mine), ["a", "b"]);
        assert_eq!(choose(&named, &rte), ["no", "yes"]);
        assert_eq!(choose(&anonymous, &rte), ["entailment", "not_entailment"]);
        assert_eq!(choose(&anonymous, &nothing), ["LABEL_0", "LABEL_1"]);
        assert_eq!(choose(&none, &nothing), ["0", "1"]);
    }

    #[test]
    fn labels_that_do_not_fit_are_the_users_to_mend() {
        let usage = |classes, options: &ImportOptions, words: &str| {
            let error = choose(None, classes, options).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage);
            assert!(error.to_string().contains(words), "{error}");
        };
        usage(Some(3), &options(None, Some(&["a", "b"])), "2 labels");
        usage(Some(3), &options(Some("rte"), None), "rte has 2 labels");
        usage(None, &options(None, Some(&["a", "a"])), "\"a\" twice");
        usage(None, &options(None, None), "no classification head");
        let wrong = [json!([1]), json!({"1": "a"}), json!({"0": 1})];
        for map in wrong {
            let error = id2label(&json!({"id2label": map})).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Rejected);
        }
    }
}
