//! What inputs cost in time under their schemes: models in which all inputs have a scheme of the same
//! kind take turns on one batch, and the engine's own clock tells layers and parts apart. An input's
//! time is read off the model of its kind. Of this machine, now, on one thread; chooses nothing.

use std::collections::BTreeMap;

use act_core::{Batch, Result};
use act_infer::Engine;
use act_infer::profile;
use act_stage::config::SchemeKind;
use act_stage::timing::Milliseconds;

use crate::apply::ModelQuantizer;
use crate::scheme::{Assignment, Choice, Scheme};

/// Runs of each model, of which the median counts.
const RUNS: usize = 5;

/// The batch that is timed.
pub fn batch(quantizer: &ModelQuantizer<'_>) -> Batch {
    let model = quantizer.model();
    profile::batch(&model.plan, model.task.max_seq_length)
}

/// Milliseconds of the `schemes` of every input, in the assignment's order; `None` where the engine counts
/// an input to another one.
///
/// # Errors
/// Those of the engine; rejected: a weight that is not finite.
pub(crate) fn time(
    quantizer: &ModelQuantizer<'_>,
    assignment: &Assignment,
    schemes: &[Vec<Scheme>],
) -> Result<Vec<Vec<Option<f64>>>> {
    let mut kinds: Vec<SchemeKind> = schemes.iter().flatten().map(|s| s.kind()).collect();
    kinds.sort();
    kinds.dedup();
    let batch = batch(quantizer);
    let mut engines = Vec::new();
    for &kind in &kinds {
        let mut of_kind = assignment.clone();
        for (choice, schemes) in of_kind.choices.iter_mut().zip(schemes) {
            let scheme = schemes.iter().find(|s| s.kind() == kind);
            choice.scheme = scheme.copied().unwrap_or(choice.scheme);
        }
        engines.push(Engine::new(quantizer.artifact(&of_kind)?)?);
    }
    let mut runs: BTreeMap<SchemeKind, Vec<_>> = BTreeMap::new();
    for _ in 0..RUNS {
        for (kind, engine) in kinds.iter().zip(&engines) {
            let run = engine.profile_layers(&batch)?;
            runs.entry(*kind).or_default().push(run);
        }
    }
    let plan = &quantizer.model().plan;
    let of_input = |(choice, schemes): (&Choice, &Vec<Scheme>)| {
        let place = profile::place(plan, choice.input.first());
        let median = |scheme: &Scheme| {
            let (layer, part) = place?;
            let runs = runs.get(&scheme.kind())?.iter();
            let times: Vec<_> = runs.map(|run| run[layer][part as usize].1).collect();
            Some(Milliseconds::of(&times).median)
        };
        schemes.iter().map(median).collect()
    };
    let inputs = assignment.choices.iter().zip(schemes);
    Ok(inputs.map(of_input).collect())
}
