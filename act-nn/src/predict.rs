//! The forward pass alone: logits of many sequences, and values at sites.

use std::collections::BTreeMap;

use act_core::metrics::Accuracy;
use act_core::{Artifact, Encoding, Error, Linear, Result, Site};
use rayon::prelude::*;

use crate::Examples;
use crate::backend::ActBackend;
use crate::batches;
use crate::dropout::Noise;
use crate::encoder;
use crate::optim::OptimizerOptions;
use crate::quantize::{FakeQuantization, Quantizer};
use crate::ragged::{self, Ragged};
use crate::taps::{Identity, Record, Taps};
use crate::weights::{Weights, to_vec};

/// Logits, one row an encoding, in order; groups of `batch_size` are computed on the current
/// rayon pool. The encodings have been checked.
pub(crate) fn logits<B: ActBackend>(
    weights: &Weights<B>,
    encodings: &[Encoding],
    batch_size: usize,
    pad_id: u32,
    quantizer: Option<&Quantizer>,
) -> Vec<Vec<f32>> {
    let classes = weights.layout.plan.num_labels;
    let groups = batches::by_length(encodings, batch_size);
    let of_group = |group: &Vec<usize>| {
        let batch = Ragged::new(group.iter().map(|&i| &encodings[i]), pad_id);
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

/// Share of examples whose largest logit is their label's.
pub(crate) fn accuracy<B: ActBackend>(
    weights: &Weights<B>,
    examples: &Examples<'_>,
    batch_size: usize,
    pad_id: u32,
) -> f64 {
    let logits = logits(weights, examples.encodings, batch_size, pad_id, None);
    Accuracy::of_logits(&logits, examples.labels).value
}

/// See [`crate::predict()`].
pub(crate) fn predict_on<B: ActBackend>(
    device: &B::Device,
    artifact: &Artifact,
    encodings: &[Encoding],
    batch_size: usize,
) -> Result<Vec<Vec<f32>>> {
    ragged::check(artifact, encodings)?;
    let weights = Weights::<B>::load(artifact, device)?;
    let pad_id = artifact.tokenizer.pad_id;
    let size = batch_size.max(1);
    crate::pool(1)?.install(|| Ok(logits(&weights, encodings, size, pad_id, None)))
}

/// See [`crate::predict_quantized()`].
pub(crate) fn predict_quantized_on<B: ActBackend>(
    device: &B::Device,
    artifact: &Artifact,
    quantization: &FakeQuantization,
    encodings: &[Encoding],
    batch_size: usize,
) -> Result<Vec<Vec<f32>>> {
    ragged::check(artifact, encodings)?;
    let weights = Weights::<B>::load(artifact, device)?;
    let (spec, optimizer) = (quantization.clone(), OptimizerOptions::NONE);
    let quantizer = &Quantizer::new(spec, &weights.layout, optimizer)?;
    let (size, pad_id) = (batch_size.max(1), artifact.tokenizer.pad_id);
    crate::pool(1)?.install(|| {
        let weights = quantizer.rounded(&weights);
        Ok(logits(&weights, encodings, size, pad_id, Some(quantizer)))
    })
}

/// See [`crate::observe()`].
pub(crate) fn observe_on<B: ActBackend>(
    device: &B::Device,
    artifact: &Artifact,
    encodings: &[Encoding],
    sites: &[Site],
) -> Result<Vec<Vec<Vec<f32>>>> {
    ragged::check(artifact, encodings)?;
    if let Some(site) = sites.iter().find(|s| !exists(artifact, **s)) {
        return Err(Error::usage(format!("the model has no site {site}")));
    }
    let weights = Weights::<B>::load(artifact, device)?;
    let mut values = vec![Vec::with_capacity(encodings.len()); sites.len()];
    for encoding in encodings {
        let batch = Ragged::new([encoding], artifact.tokenizer.pad_id);
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

/// True if the forward pass of this model comes through the site.
pub(crate) fn exists(artifact: &Artifact, site: Site) -> bool {
    let plan = &artifact.plan;
    let attends = |l: usize| plan.layers.get(l).is_some_and(|p| p.attention_width() > 0);
    let has_neurons = |l: usize| plan.layers.get(l).is_some_and(|p| p.intermediate_size > 0);
    match site {
        Site::EmbeddingsOutput | Site::Logits => true,
        Site::Hidden(l) => l < plan.layers.len(),
        Site::Heads(l) => attends(l),
        Site::Intermediate(l) => has_neurons(l),
        Site::Projection(Linear::Query(l) | Linear::Key(l) | Linear::Value(l)) => attends(l),
        Site::Projection(_) => false,
        Site::Input(linear) => match linear {
            Linear::Query(l) | Linear::Key(l) | Linear::Value(l) | Linear::AttentionOutput(l) => {
                attends(l)
            }
            Linear::Intermediate(l) | Linear::Output(l) => has_neurons(l),
            Linear::Pooler | Linear::Classifier => true,
        },
    }
}
