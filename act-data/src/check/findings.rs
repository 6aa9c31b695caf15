//! What is wrong with a data folder as a whole, or was hardly meant so.

use crate::coverage::Coverage;
use crate::folder::Folder;
use crate::labels::list;
use crate::split::Split;
use crate::{Check, MIN_TO_QUANTISE};

/// Files without which stages refuse the folder.
pub(super) fn missing(folder: &Folder) -> Vec<String> {
    let train = folder.split(Split::Train);
    train.err().map(|e| e.to_string()).into_iter().collect()
}

/// Adds what the figures tell; `given` vocabularies are judged, one made from the data knows it all.
pub(super) fn judge(check: &mut Check, folder: &Folder, given: bool) {
    let (mut errors, mut warnings) = (Vec::new(), Vec::new());
    if folder.find_split(Split::Dev).is_none() && folder.held_out(Split::Dev).is_none() {
        warnings.push("there is no dev file: act-eval has nothing to judge on".into());
    }
    labels(check, &mut errors, &mut warnings);
    for split in &check.splits {
        let name = &split.split;
        if split.cut.is_much() {
            warnings.push(format!("{name}: {}", split.cut));
        }
        if let Some(known) = split.known.filter(|_| given) {
            let coverage = Coverage {
                tokens: known.tokens,
                unknown: known.unknown,
            };
            match coverage.judge(name) {
                Err(none) => errors.push(none.to_string()),
                Ok(many) => warnings.extend(many),
            }
        }
    }
    check.errors.extend(errors);
    check.warnings.extend(warnings);
}

fn labels(check: &Check, errors: &mut Vec<String>, warnings: &mut Vec<String>) {
    let Some(train) = check.split(Split::Train) else {
        return;
    };
    if train.examples < MIN_TO_QUANTISE {
        warnings.push(format!(
            "train has {} examples: act-quant takes {MIN_TO_QUANTISE} or more",
            train.examples
        ));
    }
    let without = train.labels.iter().filter(|l| l.examples == 0);
    let without: Vec<String> = without.map(|l| l.label.clone()).collect();
    if let [only] = &train
        .labels
        .iter()
        .filter(|l| l.examples > 0)
        .collect::<Vec<_>>()[..]
    {
        errors.push(format!(
            "train: every example has the label {:?}: there is nothing to tell apart",
            only.label
        ));
    } else if !without.is_empty() {
        warnings.push(format!("train has no example of {}", list(&without)));
    }
    let others = check.splits.iter().filter(|s| s.split != train.split);
    for split in others {
        let here = split.labels.iter().filter(|l| l.examples > 0);
        let strange = here.filter(|l| without.contains(&l.label));
        let strange: Vec<String> = strange.map(|l| l.label.clone()).collect();
        if !strange.is_empty() {
            warnings.push(format!(
                "{} has examples of {}, of which train has none",
                split.split,
                list(&strange)
            ));
        }
    }
}
