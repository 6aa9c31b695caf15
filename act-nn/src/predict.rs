//! The forward pass alone: logits of many sequences, and values at sites.

use std::collections::BTreeMap;

use act_core::{Artifact, Device, Encoding, Error, Result, Site};
use burn::tensor::FloatDType;
use rayon::prelude::*;

use crate::backend::ActBackend;
use crate::batches;
use crate::device::dispatch;
use crate::dropout::Noise;
use crate::encoder;
use crate::examples::Validation;
use crate::optim::OptimizerOptions;
use crate::pool::pool;
use crate::quantize::{FakeQuantization, FakeQuantizer};
use crate::ragged::{self, Ragged};
use crate::taps::{Identity, Record, Taps};
use crate::tensors::to_vec;
use crate::weights::Weights;

/// Logits, one row an encoding, in order; groups of `batch_size` are computed on the current
/// rayon pool. The encodings have been checked.
pub(crate) fn logits<B: ActBackend>(
    weights: &Weights<B>,
    encodings: &[Encoding],
    batch_size: usize,
    pad_id: u32,
    quantizer: Option<&FakeQuantizer>,
) -> Vec<Vec<f32>> {
    let classes = weights.layout.plan.num_labels;
    let groups = batches::by_length(encodings, batch_size);
    let of_group = |group: &Vec<usize>| {
        let group = group.iter().map(|&i| &encodings[i]);
        let batch = Ragged::new(group, &weights.layout.plan.embeddings, pad_id);
        let embedded = encoder::embed(weights, &batch);
        let noise = &mut Noise::OFF.clone();
        let mut fake = quantizer.map(|q| q.taps(&embedded.words.device()));
        let taps: &mut dyn Taps<B> = match &mut fake {
            Some(taps) => taps,
            None => &mut Identity,
        };
        to_vec(encoder::logits(weights, embedded, &batch, taps, noise))
    };
    let computed: Vec<Vec<f32>> = groups.par_iter().map(of_group).collect();
    let mut rows = vec![Vec::new(); encodings.len()];
    for (group, logits) in groups.iter().zip(computed) {
        for (&i, row) in group.iter().zip(logits.chunks_exact(classes)) {
            rows[i] = row.to_vec();
        }
    }
    rows
}

/// What is measured of the answers to examples, where the largest logit is the answer.
pub(crate) fn score<B: ActBackend>(
    weights: &Weights<B>,
    validation: &Validation<'_>,
    batch_size: usize,
    pad_id: u32,
) -> f64 {
    let Validation { examples, measure } = validation;
    let logits = logits(weights, examples.encodings, batch_size, pad_id, None);
    measure.of_logits(&logits, examples.labels)
}

/// Logits of the trainable encoder with dropout off; one row an encoding, in order.
///
/// # Errors
/// Usage: an encoding that the model cannot take. Rejected: a model that is not float.
pub fn predict(
    device: Device,
    artifact: &Artifact,
    encodings: &[Encoding],
    batch_size: usize,
) -> Result<Vec<Vec<f32>>> {
    dispatch!(device, predict_on(artifact, encodings, batch_size, false))
}

/// As [`predict()`], with products of matrices in bfloat16 where the device computes them so
/// ([`mixes_precision`](crate::mixes_precision)).
///
/// # Errors
/// As of [`predict()`].
pub fn predict_mixed(
    device: Device,
    artifact: &Artifact,
    encodings: &[Encoding],
    batch_size: usize,
) -> Result<Vec<Vec<f32>>> {
    dispatch!(device, predict_on(artifact, encodings, batch_size, true))
}

fn predict_on<B: ActBackend>(
    device: &B::Device,
    artifact: &Artifact,
    encodings: &[Encoding],
    batch_size: usize,
    mixed: bool,
) -> Result<Vec<Vec<f32>>> {
    ragged::check(artifact, encodings)?;
    let mut weights = Weights::<B>::load(artifact, device)?;
    if mixed && B::MIXED {
        weights = weights.lowered(FloatDType::BF16);
    }
    let pad_id = artifact.tokenizer.pad_id();
    let size = batch_size.max(1);
    pool(1)?.install(|| Ok(logits(&weights, encodings, size, pad_id, None)))
}

/// Logits of a float model whose linears and tables compute with rounded numbers, dropout off: those
/// of the model that [`FakeQuantization::export`] makes of it, up to the rounding of sums.
///
/// # Errors
/// As of [`predict()`]. Rejected: the rounding is of another model.
pub fn predict_quantized(
    device: Device,
    artifact: &Artifact,
    quantization: &FakeQuantization,
    encodings: &[Encoding],
    batch_size: usize,
) -> Result<Vec<Vec<f32>>> {
    dispatch!(
        device,
        predict_quantized_on(artifact, quantization, encodings, batch_size)
    )
}

fn predict_quantized_on<B: ActBackend>(
    device: &B::Device,
    artifact: &Artifact,
    quantization: &FakeQuantization,
    encodings: &[Encoding],
    batch_size: usize,
) -> Result<Vec<Vec<f32>>> {
    ragged::check(artifact, encodings)?;
    let weights = Weights::<B>::load(artifact, device)?;
    let (spec, optimizer) = (quantization.clone(), OptimizerOptions::NONE);
    let quantizer = &FakeQuantizer::new(spec, &weights.layout, optimizer)?;
    let (size, pad_id) = (batch_size.max(1), artifact.tokenizer.pad_id());
    pool(1)?.install(|| {
        let weights = quantizer.rounded(&weights);
        Ok(logits(&weights, encodings, size, pad_id, Some(quantizer)))
    })
}

/// Values at sites: for each site, for each encoding, one flat row-major `[tokens, width]` vector
/// (`[1, width]` after the encoder: the pooler's and classifier's inputs and the logits).
///
/// # Errors
/// As of [`predict()`]. Usage: a site that this model does not have.
pub fn observe(
    device: Device,
    artifact: &Artifact,
    encodings: &[Encoding],
    sites: &[Site],
) -> Result<Vec<Vec<Vec<f32>>>> {
    dispatch!(device, observe_on(artifact, encodings, sites))
}

fn observe_on<B: ActBackend>(
    device: &B::Device,
    artifact: &Artifact,
    encodings: &[Encoding],
    sites: &[Site],
) -> Result<Vec<Vec<Vec<f32>>>> {
    ragged::check(artifact, encodings)?;
    if let Some(site) = sites.iter().find(|s| !encoder::exists(artifact, **s)) {
        return Err(Error::usage(format!("the model has no site {site}")));
    }
    let weights = Weights::<B>::load(artifact, device)?;
    let mut values = vec![Vec::with_capacity(encodings.len()); sites.len()];
    for encoding in encodings {
        let embeddings = &artifact.plan.embeddings;
        let batch = Ragged::new([encoding], embeddings, artifact.tokenizer.pad_id());
        let mut taps = Record {
            sites,
            values: BTreeMap::new(),
        };
        let embedded = encoder::embed(&weights, &batch);
        encoder::logits(
            &weights,
            embedded,
            &batch,
            &mut taps,
            &mut Noise::OFF.clone(),
        );
        for (of_site, site) in values.iter_mut().zip(sites) {
            of_site.push(taps.values.get(site).cloned().unwrap_or_default());
        }
    }
    Ok(values)
}
