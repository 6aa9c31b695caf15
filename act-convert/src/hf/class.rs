//! Which class a `config.json` says its model is of. Tensors of many classes look alike; what a class
//! computes with them is known for those of [`FAMILIES`] alone.

use act_core::{Error, Result};
use serde_json::Value;

use super::family::{FAMILIES, FamilyTable};
use crate::file::brief;

/// How the class of a whole text's classifier goes on.
const CLASSIFIER: &str = "ForSequenceClassification";
/// How classes go on whose encoder is the plain one, and whose own heads (all under `cls.`) are left
/// aside.
const ENCODERS: [&str; 4] = ["Model", "ForMaskedLM", "ForPreTraining", "LMHeadModel"];

/// What to do about a class that act does not know.
const AGAIN: &str = "if the weights are plain BERT's, load them into BertForSequenceClassification \
                     and call save_pretrained(DIR)";

/// Encoders that are known not to be made of the parts that act has, and the part that does not fit.
const OTHERS: [(&str, &str); 12] = [
    ("deberta", "disentangled attention"),
    ("deberta-v2", "disentangled attention"),
    ("longformer", "attention windows with global tokens"),
    ("big_bird", "sparse attention"),
    ("reformer", "hashed attention"),
    (
        "funnel",
        "sequences that become shorter from block to block",
    ),
    ("mobilebert", "bottlenecks around its blocks"),
    ("squeezebert", "grouped linears"),
    ("convbert", "convolutions beside its attention"),
    ("nystromformer", "approximated attention"),
    ("fnet", "Fourier transforms in place of attention"),
    ("xlnet", "relative positions of its own, with recurrence"),
];

/// The family that `model_type` or, where that is missing, `architectures` says.
///
/// # Errors
/// Rejected: the folder's own code computes the model, a class that is not known, or the two keys
/// disagree.
pub(super) fn family(config: &Value) -> Result<&'static FamilyTable> {
    own_code(config)?;
    let said = config.get("model_type").filter(|value| !value.is_null());
    let said = said.map(known_type).transpose()?;
    let mut family = said;
    for name in names(config)? {
        let quoted = brief(&name.into());
        let (its, _) = split(name).ok_or_else(|| {
            Error::rejected(format!(
                "architectures {quoted}: it is not known what this class computes; {AGAIN}"
            ))
        })?;
        match family {
            Some(family) if family.family != its.family => {
                let other = match said {
                    Some(said) => format!("model_type {:?}", said.model_type()),
                    None => "its neighbour".into(),
                };
                return Err(Error::rejected(format!(
                    "architectures {quoted} and {other} disagree: correct config.json"
                )));
            }
            _ => family = Some(its),
        }
    }
    family.ok_or_else(|| {
        Error::rejected(
            "no model_type and no architectures: add \"model_type\": \"bert\" if the model is a \
             BERT",
        )
    })
}

/// Refuses a class that does not fit to the tensors: a trained classifier (`trained`) must be a whole
/// text's, and a class with such a head must have it. `head` is the name of the classifier's weight,
/// `there` that of some tensor.
pub(super) fn check_head(config: &Value, trained: bool, head: &str, there: &str) -> Result<()> {
    for name in names(config)? {
        let classifies = name.ends_with(CLASSIFIER);
        let why = match (trained, classifies) {
            (true, false) => format!(
                "has no classifier of whole texts, and there is a {head}: a sequence \
                 classification model or a bare encoder is needed"
            ),
            (false, true) => format!(
                "is a classifier, but of {there:?} and its like none is {head}: if a bare encoder \
                 is meant, name its class (BertModel)"
            ),
            _ => continue,
        };
        let name = brief(&name.into());
        return Err(Error::rejected(format!("architectures {name} {why}")));
    }
    Ok(())
}

/// Refuses a model that files of the folder compute.
fn own_code(config: &Value) -> Result<()> {
    match config.get("auto_map") {
        None | Some(Value::Null) => Ok(()),
        Some(map) => Err(Error::rejected(format!(
            "auto_map {}: the folder's own code computes the model, and nothing in a folder is \
             run; {AGAIN}",
            brief(map)
        ))),
    }
}

fn known_type(value: &Value) -> Result<&'static FamilyTable> {
    let known = FAMILIES.iter().find(|table| *value == table.model_type());
    known.ok_or_else(|| {
        let all = FAMILIES.each_ref().map(FamilyTable::model_type);
        let part = OTHERS.iter().find(|(name, _)| *value == *name);
        let why = part.map_or(String::new(), |(_, part)| format!(" ({part})"));
        Error::rejected(format!(
            "model_type {} is not supported{why}: {} are",
            brief(value),
            all.join(", ")
        ))
    })
}

/// Family and kind of a class that is known.
fn split(name: &str) -> Option<(&'static FamilyTable, &str)> {
    let (kind, family) = FAMILIES
        .iter()
        .find_map(|table| Some((name.strip_prefix(table.class)?, table)))?;
    (kind == CLASSIFIER || ENCODERS.contains(&kind)).then_some((family, kind))
}

fn names(config: &Value) -> Result<Vec<&str>> {
    let list = match config.get("architectures") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(list) => list,
    };
    let names = list.as_array().and_then(|list| {
        let names = list.iter().map(Value::as_str);
        names.collect::<Option<Vec<_>>>()
    });
    names.ok_or_else(|| {
        Error::rejected(format!(
            "architectures is {}: a list of one class's name was expected",
            brief(list)
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refused(config: Value, words: &[&str]) {
        let error = family(&config).unwrap_err();
        assert_eq!(error.kind(), act_core::ErrorKind::Rejected);
        let error = error.to_string();
        for word in words {
            assert!(error.contains(word), "no {word:?} in: {error}");
        }
    }

    #[test]
    fn either_key_says_the_family() {
        let said = |config: Value| family(&config).unwrap().model_type();
        assert_eq!(said(json!({"model_type": "bert"})), "bert");
        assert_eq!(said(json!({"architectures": ["ErnieModel"]})), "ernie");
        let both = json!({"model_type": "ernie", "architectures": ["ErnieForMaskedLM"]});
        assert_eq!(said(both), "ernie");
        let camembert = json!({"architectures": ["CamembertForSequenceClassification"]});
        assert_eq!(said(camembert), "camembert");
        let xlm = json!({"model_type": "xlm-roberta", "architectures": ["XLMRobertaModel"]});
        assert_eq!(said(xlm), "xlm-roberta");
        let nulls = json!({"model_type": null, "architectures": ["BertForSequenceClassification"],
            "auto_map": null});
        assert_eq!(said(nulls), "bert");
        refused(json!({}), &["no model_type and no architectures"]);
        refused(json!({"architectures": []}), &["no model_type"]);
    }

    #[test]
    fn a_foreign_class_is_refused_by_its_name() {
        for name in [
            "MyBertForSequenceClassification",
            "BertForTokenClassification",
            "BertForMultipleChoice",
            "BertForNextSentencePrediction",
            "BertForQuestionAnswering",
            "BertModelWithMeanPooling",
            "XLNetForSequenceClassification",
            "RobertaForTokenClassification",
            "bertModel",
            "",
        ] {
            for config in [
                json!({"architectures": [name]}),
                json!({"architectures": [name], "model_type": "bert"}),
                json!({"architectures": ["BertModel", name], "model_type": "bert"}),
            ] {
                refused(config, &["architectures", &format!("{name:?}")]);
            }
        }
        refused(
            json!({"architectures": "BertModel"}),
            &["architectures is \"BertModel\"", "a list"],
        );
        refused(json!({"architectures": [7]}), &["architectures is [7]"]);
    }

    #[test]
    fn keys_that_disagree_are_both_named() {
        refused(
            json!({"model_type": "bert", "architectures": ["ErnieForSequenceClassification"]}),
            &["\"ErnieForSequenceClassification\"", "model_type \"bert\""],
        );
        refused(
            json!({"model_type": "ernie", "architectures": ["BertModel"]}),
            &["\"BertModel\"", "model_type \"ernie\""],
        );
        refused(
            json!({"architectures": ["BertModel", "ErnieModel"]}),
            &["\"ErnieModel\"", "disagree"],
        );
    }

    #[test]
    fn the_folders_own_code_is_not_run() {
        for map in [
            json!({"AutoModelForSequenceClassification": "modeling_my.MyBert"}),
            json!({"AutoConfig": "configuration_my.MyConfig"}),
            json!("modeling.py"),
        ] {
            refused(
                json!({"model_type": "bert", "auto_map": map}),
                &["auto_map", "own code"],
            );
        }
    }

    #[test]
    fn a_head_is_there_where_the_class_has_one() {
        let check = |name: &str, trained| {
            let config = json!({"architectures": [name]});
            let error = check_head(&config, trained, "classifier.weight", "x.y");
            error.map_err(|e| e.to_string())
        };
        check("BertForSequenceClassification", true).unwrap();
        check("BertModel", false).unwrap();
        for trained in [true, false] {
            check_head(&json!({}), trained, "classifier.weight", "x.y").unwrap();
        }
        let error = check("BertModel", true).unwrap_err();
        assert!(error.contains("a sequence classification model"), "{error}");
        let error = check("ErnieForSequenceClassification", false).unwrap_err();
        assert!(error.contains("of \"x.y\" and its like none"), "{error}");
    }
}
