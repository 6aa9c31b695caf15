//! How often the forward pass of quantisation-aware training and the engine answer alike: an int8 model's own
//! integers in both, on every text of a split.
//!
//!     cargo run --release -p act-quant --example agreement -- INT8.act DATA [train|dev|test]
//!
//! The float model that is rounded again is what the int8 model's integers stand for, so that no other file is needed.
//! Prints a row of docs/benchmarks/qat.md.

use std::path::Path;

use act_core::metrics::argmax;
use act_core::quant::QuantSpec;
use act_core::{Artifact, Batch, Device, Error, Params, Result, Tensor, Tokenizer};
use act_data::{Dataset, Split};
use act_infer::Engine;
use act_nn::{FakeQuantization, InputSteps, WeightSteps, predict_quantized};

/// Texts that the training forward pass takes together.
const BATCH: usize = 32;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (model, data, split) = match &arguments[..] {
        [model, data] => (model, data, Split::Train),
        [model, data, split] => (model, data, split_of(split)?),
        _ => return Err(Error::usage("say INT8.act DATA [train|dev|test]")),
    };
    let int8 = Artifact::open(model)?;
    let dataset = Dataset::for_model(Path::new(data), split, &int8.task)?;
    let tokenizer = Tokenizer::new(&int8.tokenizer, int8.task.max_seq_length)?;
    let encodings = dataset.encode(&tokenizer)?.encodings;
    let rounding = FakeQuantization::of(&int8, WeightSteps::Learned, InputSteps::Learned)?;
    let float = float(&int8)?;
    let trained = predict_quantized(Device::NdArray, &float, &rounding, &encodings, BATCH)?;
    let engine = Engine::new(rounding.export(&float)?)?;
    let served = engine.forward(&Batch::new(&encodings))?;

    let pairs = || trained.iter().zip(&served);
    let alike = pairs().filter(|(a, b)| argmax(a) == argmax(b)).count();
    let same = pairs().filter(|(a, b)| a == b).count();
    let differences = pairs().map(|(a, b)| {
        let differences = a.iter().zip(b).map(|(a, b)| f64::from((a - b).abs()));
        differences.fold(0.0, f64::max)
    });
    let mut differences: Vec<f64> = differences.collect();
    differences.sort_by(f64::total_cmp);
    let median = differences.get(differences.len() / 2);
    println!("| texts | same prediction | same bits | median difference of a logit | largest |");
    println!("|--:|--:|--:|--:|--:|");
    println!(
        "| {} | {alike} | {same} | {:.1e} | {:.1e} |",
        encodings.len(),
        median.copied().unwrap_or_default(),
        differences.last().copied().unwrap_or_default()
    );
    Ok(())
}

fn split_of(name: &str) -> Result<Split> {
    let splits = [Split::Train, Split::Dev, Split::Test];
    let found = splits.into_iter().find(|split| split.to_string() == name);
    found.ok_or_else(|| Error::usage(format!("{name} is none of train, dev and test")))
}

/// The float model that an int8 model stands for.
fn float(int8: &Artifact) -> Result<Artifact> {
    let mut params = int8.clone().unpacked()?.params;
    let quant = &int8.quant;
    for linear in quant.linears.iter().map(|quant| quant.linear) {
        let multiplier = int8.input_multiplier(linear)?.unwrap_or(&[]);
        unrounded(&mut params, &linear.weight(), &linear.scale(), multiplier)?;
    }
    for table in quant.embeddings.iter().map(|quant| quant.table) {
        unrounded(&mut params, &table.weight(), &table.scale(), &[])?;
    }
    for linear in quant.linears.iter().map(|quant| quant.linear) {
        params.remove(&linear.input_multiplier());
    }
    Ok(Artifact {
        params,
        quant: QuantSpec::default(),
        ..int8.clone()
    })
}

/// Puts `integer * scale`, times the column's number if there are any, in the place of integers.
fn unrounded(params: &mut Params, name: &str, scale: &str, columns: &[f32]) -> Result<()> {
    let shape = params.get(name)?.shape().to_vec();
    let steps = params.f32(scale)?;
    let width = shape.last().copied().unwrap_or(1).max(1);
    let value = |(i, q): (usize, &i8)| {
        let of_column = columns.get(i % width).copied().unwrap_or(1.0);
        f32::from(*q) * steps[i / width] * of_column
    };
    let values: Vec<f32> = params.i8(name)?.iter().enumerate().map(value).collect();
    params.remove(scale);
    params.insert(name, Tensor::f32(shape, values));
    Ok(())
}
