//! What each input of a quantised model costs here and now, and what it would cost in float: the model
//! and a twin of it with float weights take turns on one batch, and the engine's own clock tells
//! layers and parts apart. Milliseconds on one thread; chooses nothing.

use std::time::Duration;

use act_core::{Artifact, Result, Tensor};
use act_infer::Engine;
use act_infer::profile::{self, Phase};
use act_stage::timing::Milliseconds;

use super::row::Row;

/// Runs of each model, of which the median counts.
const RUNS: usize = 5;

/// Puts times into the `rows` of `model`, in the order of its inputs. Pooler and classifier are
/// measured together; the pooler's row has both.
///
/// # Errors
/// A model that the engine does not take.
pub fn measure(model: &Artifact, rows: &mut [Row]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let batch = profile::batch(&model.plan, model.task.max_seq_length);
    let engines = [Engine::new(model.clone())?, Engine::new(in_float(model)?)?];
    let mut times = [const { Vec::new() }; 2];
    for _ in 0..RUNS {
        for (engine, times) in engines.iter().zip(&mut times) {
            times.push(engine.profile_layers(&batch)?);
        }
    }
    let mut inputs = model.plan.linears();
    inputs.retain(|linear| linear.readers()[0] == *linear);
    for (row, linear) in rows.iter_mut().zip(inputs) {
        let [here, float] = [&times[0], &times[1]].map(|runs| {
            let (layer, part) = profile::place(&model.plan, linear)?;
            let time = |run: &Vec<Vec<(Phase, Duration)>>| run[layer][part as usize].1;
            let all: Vec<Duration> = runs.iter().map(time).collect();
            Some(Milliseconds::of(&all).median)
        });
        (row.report.ms, row.report.float_ms) = (here, float);
    }
    Ok(())
}

/// The same model with the linears' integer weights turned back into floats.
fn in_float(model: &Artifact) -> Result<Artifact> {
    let model = &model.clone().unpacked()?;
    let mut float = model.clone();
    for quant in std::mem::take(&mut float.quant.linears) {
        let (weight, scale) = (quant.linear.weight(), quant.linear.scale());
        let [rows, columns] = model.plan.linear_shape(quant.linear);
        let scales = model.params.f32(&scale)?;
        let integers = model.params.i8(&weight)?.iter().enumerate();
        let values: Vec<f32> = integers
            .map(|(i, &q)| f32::from(q) * scales[i / columns.max(1)])
            .collect();
        float.params.remove(&scale);
        float
            .params
            .insert(weight, Tensor::f32([rows, columns], values));
    }
    Ok(float)
}
