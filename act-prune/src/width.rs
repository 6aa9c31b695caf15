//! The sizes that every layer shares: how many layers there are, and how wide the residual stream is.
//!
//! Layers that stay are spread evenly and keep their order, the last one among them, as DistilBERT's are (Sanh
//! et al. 2019, section 3). Units of the residual stream are one choice for the whole model: the columns of
//! the tables, the norms, the inputs of the projections and the outputs of both blocks. The strongest stay,
//! in their order ([`act_nn::width_importance`]), and norms take mean and variance over them alone.
//! Heads keep their size, so that they may then be wider together than the model.

use act_core::names::RELATIVE_EMBEDDINGS;
use act_core::plan::NormPlace;
use act_core::{Artifact, Error, Linear, Norm, Params, Result, Tensor};
use act_nn::{WidthScores, width_importance};

use crate::measure::Measure;
use crate::shrink::{keep_columns, keep_elements, keep_inputs, keep_outputs};
use crate::size::Size;

/// Reduces a float model, layers first; units are scored on what is left of them.
///
/// # Errors
/// Usage: more than the model has, an int8 model, or positions whose table cannot be cut. Those of
/// [`width_importance`].
pub fn resize(mut model: Artifact, size: Size, measure: &Measure<'_>) -> Result<Artifact> {
    if size.is_whole() {
        return Ok(model);
    }
    if !model.quant.is_empty() {
        return Err(Error::usage(
            "the model is already int8: prune the float model, then quantise",
        ));
    }
    if let Some(layers) = size.layers {
        let kept = spread(layers, model.plan.layers.len())?;
        log::info!("layers {kept:?} stay of {}", model.plan.layers.len());
        keep_layers(&mut model, &kept)?;
    }
    let Some(hidden) = size.hidden else {
        return Ok(model);
    };
    let all = model.plan.hidden_size;
    if hidden > all {
        return Err(Error::usage(format!(
            "Prune.hidden_size: {hidden} of {all} units cannot stay"
        )));
    }
    measure.begin("importance of units");
    let scores = width_importance(
        measure.device,
        &model,
        measure.calibration.examples(),
        measure.batch_size,
        measure.threads,
        measure.progress,
    )?;
    let units = strongest(&scores.units, hidden)?;
    let pooled = strongest(&scores.pooled, hidden.min(scores.pooled.len()))?;
    log::info!(
        "{hidden} of {all} units stay, {:.1} % of their importance",
        100.0 * share(&scores, &units)
    );
    narrow(&mut model, &units, &pooled)?;
    Ok(model)
}

fn share(scores: &WidthScores, kept: &[usize]) -> f64 {
    let total: f64 = scores.units.iter().sum();
    kept.iter().map(|&unit| scores.units[unit]).sum::<f64>() / total.max(f64::MIN_POSITIVE)
}

/// So many of `all` layers, evenly spread, the last one among them.
fn spread(count: usize, all: usize) -> Result<Vec<usize>> {
    if count > all {
        return Err(Error::usage(format!(
            "Prune.layers: {count} of {all} layers cannot stay"
        )));
    }
    Ok((1..=count).map(|i| (i * all).div_ceil(count) - 1).collect())
}

/// The places of the largest scores, rising; of equals the first.
fn strongest(scores: &[f64], count: usize) -> Result<Vec<usize>> {
    if !scores.iter().all(|score| score.is_finite()) {
        return Err(Error::failed(
            "importance of units is not finite: the model's loss or gradients overflow",
        ));
    }
    let mut places: Vec<usize> = (0..scores.len()).collect();
    places.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    places.truncate(count);
    places.sort_unstable();
    Ok(places)
}

/// Keeps these layers, numbered anew.
fn keep_layers(model: &mut Artifact, kept: &[usize]) -> Result<()> {
    let names = |l: usize| {
        let linears = Linear::of_layer(l).into_iter();
        let norms = [Norm::Attention(l), Norm::Output(l)].into_iter();
        linears
            .flat_map(|linear| [linear.weight(), linear.bias()])
            .chain(norms.flat_map(|norm| [norm.weight(), norm.bias()]))
            .collect::<Vec<String>>()
    };
    let all = model.plan.layers.len();
    let mut old: Vec<Vec<Option<Tensor>>> = (0..all)
        .map(|l| {
            names(l)
                .iter()
                .map(|name| model.params.remove(name))
                .collect()
        })
        .collect();
    for (new, &l) in kept.iter().enumerate() {
        for (name, tensor) in names(new).into_iter().zip(std::mem::take(&mut old[l])) {
            if let Some(tensor) = tensor {
                model.params.insert(name, tensor);
            }
        }
    }
    model.plan.layers = kept.iter().map(|&l| model.plan.layers[l].clone()).collect();
    // A layer that comes to be the first has a norm before its attention, which the first had not.
    if model.plan.block.norms == NormPlace::BeforeButFirst && kept.first() != Some(&0) {
        model.plan.block.norms = NormPlace::Before;
    }
    Ok(())
}

/// Keeps these units of the residual stream and these outputs of the head's dense layer, both rising and
/// as many.
///
/// # Errors
/// Usage: positions whose table is of units. Rejected: tensors that are not the plan's.
pub fn narrow(model: &mut Artifact, units: &[usize], pooled: &[usize]) -> Result<()> {
    let (plan, params) = (&mut model.plan, &mut model.params);
    if params.get(RELATIVE_EMBEDDINGS).is_ok() {
        return Err(Error::usage(
            "Prune.hidden_size: the table of relative positions is read by projections of every layer, \
             and is not cut; leave the key out",
        ));
    }
    if plan.has_weight(Linear::EmbeddingProjection) {
        keep_outputs(params, Linear::EmbeddingProjection, units)?;
    } else {
        for table in plan.tables() {
            keep_columns(params, &table.weight(), units)?;
        }
        keep_norm(params, Norm::Embeddings, units)?;
        plan.embeddings.width = units.len();
    }
    for l in 0..plan.layers.len() {
        for linear in Linear::of_layer(l) {
            match linear {
                Linear::AttentionOutput(_) | Linear::Output(_) => {
                    if plan.has_weight(linear) {
                        keep_outputs(params, linear, units)?;
                    } else {
                        // A block of which nothing is left is its output bias.
                        keep_elements(params, &linear.bias(), units)?;
                    }
                }
                _ if plan.has_weight(linear) => keep_inputs(params, linear, units)?,
                _ => {}
            }
        }
        keep_norm(params, Norm::Attention(l), units)?;
        keep_norm(params, Norm::Output(l), units)?;
    }
    keep_norm(params, Norm::Final, units)?;
    if plan.has_weight(Linear::Pooler) {
        keep_inputs(params, Linear::Pooler, units)?;
        keep_outputs(params, Linear::Pooler, pooled)?;
        keep_norm(params, Norm::Head, pooled)?;
        keep_inputs(params, Linear::Classifier, pooled)?;
    } else {
        keep_inputs(params, Linear::Classifier, units)?;
    }
    plan.hidden_size = units.len();
    Ok(())
}

fn keep_norm(params: &mut Params, norm: Norm, kept: &[usize]) -> Result<()> {
    keep_elements(params, &norm.weight(), kept)?;
    keep_elements(params, &norm.bias(), kept)
}

#[cfg(test)]
mod tests {
    use act_core::quant::QuantSpec;
    use act_core::testing::{TinyOptions, tiny_artifact};
    use act_core::{Family, LayerPlan};

    use super::*;

    #[test]
    fn layers_are_spread_and_the_last_stays() {
        assert_eq!(spread(3, 6).unwrap(), [1, 3, 5]);
        assert_eq!(spread(4, 6).unwrap(), [1, 2, 4, 5]);
        assert_eq!(spread(1, 12).unwrap(), [11]);
        assert_eq!(spread(6, 6).unwrap(), [0, 1, 2, 3, 4, 5]);
        assert!(spread(7, 6).is_err());
    }

    /// What a layer computes does not depend on its number: a model of the same layers is the same model.
    #[test]
    fn layers_that_stay_take_their_norms_along() {
        let options = TinyOptions {
            family: Family::ModernBert,
            layers: vec![LayerPlan::full(2, 4, 12); 4],
            ..TinyOptions::default()
        };
        let whole = tiny_artifact(2, &options);
        for kept in [[0, 2], [1, 3]] {
            let mut model = whole.clone();
            keep_layers(&mut model, &kept).unwrap();
            let tensors = model.plan.expected_tensors(&QuantSpec::default());
            assert_eq!(tensors.len(), model.params.len(), "{kept:?}");
            model.to_bytes().unwrap();
            let windows = model.plan.layers.iter().map(|layer| layer.window);
            assert!(windows.eq(kept.map(|l| whole.plan.layers[l].window)));
        }
    }

    #[test]
    fn the_strongest_stay_in_their_order() {
        assert_eq!(strongest(&[1.0, 3.0, 2.0, 3.0], 2).unwrap(), [1, 3]);
        assert_eq!(strongest(&[1.0, 1.0, 1.0], 2).unwrap(), [0, 1]);
        assert!(strongest(&[1.0, f64::NAN], 1).is_err());
    }
}
