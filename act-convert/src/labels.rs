//! Which classes an imported model has: said by the user, by the model itself, or by the task.

mod own;

use act_core::artifact::limits;
use act_core::{Error, ProblemKind, Result};
use act_data::Task;

use crate::options::ImportOptions;

use own::anonymous;
pub(crate) use own::{CONFIG_LEN, beside};

/// Label names for a head of `classes` rows, or for a new head where that is `None`; `own` reads the
/// names that stand beside the model, and is not asked where the user gives them.
///
/// The user's come first, then the model's own where they are names, then the built-in task's, then
/// numbers. `transformers` writes `LABEL_0`, `LABEL_1` where nobody gave names: those give way to a
/// task's.
///
/// # Errors
/// Usage: labels that do not fit the head, one twice, or none for a new head. Rejected: one output,
/// or broken names beside the model.
pub(crate) fn choose(
    own: impl FnOnce() -> Result<Option<Vec<String>>>,
    classes: Option<usize>,
    kind: ProblemKind,
    options: &ImportOptions,
) -> Result<Vec<String>> {
    let labels = match kind {
        ProblemKind::Regression => score(own, options)?,
        _ => chosen(own, classes, options)?,
    };
    check_classes(labels.len(), kind)?;
    Ok(labels)
}

/// The one name of a regression's score.
fn score(
    own: impl FnOnce() -> Result<Option<Vec<String>>>,
    options: &ImportOptions,
) -> Result<Vec<String>> {
    if let Some(labels) = &options.labels {
        return Ok(labels.clone());
    }
    if let Some(data) = &options.data {
        return Ok(data.labels.clone());
    }
    let own = own()?.filter(|labels| labels.len() == 1 && !anonymous(labels));
    Ok(own.unwrap_or_else(|| vec!["score".into()]))
}

/// Softmax over one class is 1 whatever the text: a model with one output is a regression, or tells
/// by the logistic function.
pub(crate) fn check_classes(n: usize, kind: ProblemKind) -> Result<()> {
    match (n, kind) {
        (1, ProblemKind::Regression) => Ok(()),
        (_, ProblemKind::Regression) => Err(Error::rejected(format!(
            "a regression has one score, and the model {n} outputs"
        ))),
        (1, _) => Err(Error::rejected(
            "the model has one output, a score of a regression or of a yes or no, for which \
             softmax always gives 1.0: if it is a score, say \"problem_type\": \"regression\" in \
             config.json, or give --data whose labels are scores",
        )),
        (2..=limits::LABELS, _) => Ok(()),
        _ => Err(Error::rejected(format!(
            "{n} classes: 2 to {} are allowed",
            limits::LABELS
        ))),
    }
}

fn chosen(
    own: impl FnOnce() -> Result<Option<Vec<String>>>,
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
    let own = own()?;
    let named = own.as_ref().filter(|labels| !anonymous(labels));
    if let Some(data) = &options.data {
        if let (Some(own), Some(_)) = (named, classes) {
            return same_names(own, &data.labels);
        }
        if !fits(&data.labels) {
            return misfit("--data has".into(), &data.labels);
        }
        if classes.is_some() {
            log::info!(
                "the model's classes have no names: they are taken for the data's, in its order ({})",
                data.labels.join(", ")
            );
        }
        return Ok(data.labels.clone());
    }
    if let Some(labels) = named {
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

/// The model's own names, which must be the data's in any order: rows of the head stay where they are.
fn same_names(own: &[String], data: &[String]) -> Result<Vec<String>> {
    let sorted = |names: &[String]| {
        let mut names = names.to_vec();
        names.sort();
        names
    };
    if sorted(own) == sorted(data) {
        return Ok(own.to_vec());
    }
    Err(Error::usage(format!(
        "the model's classes are {}, the labels of --data {}: give --labels, the data's names in the \
         order of the model's classes",
        own.join(", "),
        data.join(", ")
    )))
}

#[cfg(test)]
mod tests {
    use act_core::{ErrorKind, Seed};

    use super::*;
    use crate::options::DataTask;

    fn options(task: Option<&str>, labels: Option<&[&str]>) -> ImportOptions {
        ImportOptions {
            task: task.map(Into::into),
            labels: labels.map(|l| l.iter().map(|s| s.to_string()).collect()),
            data: None,
            max_seq_length: None,
            vocab: None,
            seed: Seed(1),
        }
    }

    fn owned(names: &[&str]) -> Result<Option<Vec<String>>> {
        Ok(Some(names.iter().map(|name| name.to_string()).collect()))
    }

    #[test]
    fn the_user_comes_first_then_names_then_the_task() {
        let named = || owned(&["no", "yes"]);
        let anonymous = || owned(&["LABEL_0", "LABEL_1"]);
        let mine = options(Some("rte"), Some(&["a", "b"]));
        let (rte, nothing) = (options(Some("rte"), None), options(None, None));
        let broken = || Err(Error::rejected("asked"));
        assert_eq!(
            choose(broken, Some(2), ProblemKind::SingleLabel, &mine).unwrap(),
            ["a", "b"]
        );
        assert_eq!(
            choose(named, Some(2), ProblemKind::SingleLabel, &rte).unwrap(),
            ["no", "yes"]
        );
        let task = choose(anonymous, Some(2), ProblemKind::SingleLabel, &rte).unwrap();
        assert_eq!(task, ["entailment", "not_entailment"]);
        let made_up = choose(anonymous, Some(2), ProblemKind::SingleLabel, &nothing).unwrap();
        assert_eq!(made_up, ["LABEL_0", "LABEL_1"]);
        let numbers = choose(|| Ok(None), Some(2), ProblemKind::SingleLabel, &nothing).unwrap();
        assert_eq!(numbers, ["0", "1"]);
    }

    #[test]
    fn a_data_folder_names_the_classes_and_never_moves_them() {
        let with = |labels: &[&str]| ImportOptions {
            data: Some(DataTask {
                task: "mood".into(),
                labels: labels.iter().map(|label| label.to_string()).collect(),
                problem: ProblemKind::SingleLabel,
                columns: None,
            }),
            ..options(None, None)
        };
        let data = with(&["good", "bad"]);
        let anonymous = || owned(&["LABEL_0", "LABEL_1"]);
        assert_eq!(
            choose(|| Ok(None), Some(2), ProblemKind::SingleLabel, &data).unwrap(),
            ["good", "bad"]
        );
        assert_eq!(
            choose(anonymous, Some(2), ProblemKind::SingleLabel, &data).unwrap(),
            ["good", "bad"]
        );
        assert_eq!(
            choose(|| Ok(None), None, ProblemKind::SingleLabel, &data).unwrap(),
            ["good", "bad"]
        );
        // The head's rows are what they are: its own order stays.
        let own = choose(
            || owned(&["bad", "good"]),
            Some(2),
            ProblemKind::SingleLabel,
            &data,
        )
        .unwrap();
        assert_eq!(own, ["bad", "good"]);
        let refused = |own: &[&str], labels: &[&str], words: &str| {
            let error = choose(
                || owned(own),
                Some(2),
                ProblemKind::SingleLabel,
                &with(labels),
            )
            .unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage);
            assert!(error.to_string().contains(words), "{error}");
        };
        refused(
            &["a", "b"],
            &["bad", "good"],
            "classes are a, b, the labels of --data bad, good",
        );
        refused(
            &["LABEL_0", "LABEL_1"],
            &["a", "b", "c"],
            "--data has 3 labels",
        );
    }

    #[test]
    fn labels_that_do_not_fit_are_the_users_to_mend() {
        let usage = |classes, options: &ImportOptions, words: &str| {
            let error =
                choose(|| Ok(None), classes, ProblemKind::SingleLabel, options).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage);
            assert!(error.to_string().contains(words), "{error}");
        };
        usage(Some(3), &options(None, Some(&["a", "b"])), "2 labels");
        usage(Some(3), &options(Some("rte"), None), "rte has 2 labels");
        usage(None, &options(None, Some(&["a", "a"])), "\"a\" twice");
        usage(None, &options(None, None), "no classification head");
    }

    #[test]
    fn one_output_is_no_classifier_whatever_its_name() {
        let one = options(None, Some(&["a"]));
        let nothing = options(None, None);
        for (classes, options) in [(Some(1), &nothing), (Some(1), &one), (None, &one)] {
            let error = choose(
                || owned(&["score"]),
                classes,
                ProblemKind::SingleLabel,
                options,
            )
            .unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Rejected);
            assert!(error.to_string().contains("one output"), "{error}");
        }
        let score = |own: &[&str], options| {
            choose(|| owned(own), Some(1), ProblemKind::Regression, options).unwrap()
        };
        assert_eq!(score(&["LABEL_0"], &nothing), ["score"]);
        assert_eq!(score(&["likeness"], &nothing), ["likeness"]);
        assert_eq!(score(&["likeness"], &one), ["a"]);
        assert!(check_classes(2, ProblemKind::Regression).is_err());
    }
}
