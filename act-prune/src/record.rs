//! What is written down about a pruning: the provenance record in the artifact, the JSON report
//! and the closing log lines.

use act_core::provenance::{DataRecord, InputRecord, StageRecord};
use act_core::{Device, Result, Seed};
use act_stage::config::{Config, Global, Section};
use act_stage::provenance::PruningFigures;
use act_stage::report::{self, Goal, Promise, Pruning, PruningDetails, Report};

use crate::budget::{KeptPromise, PruningTarget};
use crate::latency::LatencySetting;
use crate::options::filled_in;
use crate::outcome::Pruned;
use crate::vocabulary::Shortened;

/// The record of this pruning. Deterministic: no time, no path. (Which network keeps a promise of
/// time is for the machine to say; that network is what is recorded.)
pub fn record(
    pruned: &Pruned,
    train: &DataRecord,
    config: &Config,
    device: Device,
    seed: Seed,
) -> Result<StageRecord> {
    let input = InputRecord {
        role: "model".into(),
        model_digest: pruned.origin.digest,
    };
    let mut data = vec![train.clone()];
    data.extend(pruned.shortened.iter().filter_map(|s| s.corpus.clone()));
    Ok(StageRecord {
        config: acted(config)?,
        device: device.to_string(),
        inputs: vec![input],
        data,
        metrics: figures(pruned).to_metrics(),
        ..StageRecord::new("act-prune", seed.0)
    })
}

fn figures(pruned: &Pruned) -> PruningFigures {
    let vocabulary = pruned.shortened.as_ref().map(|shortened| shortened.cut);
    let (before, after) = (&pruned.origin.plan, &pruned.artifact.plan);
    let changed = |before: usize, after: usize| (before != after).then_some((before, after));
    let layers = changed(before.layers.len(), after.layers.len());
    let hidden = changed(before.hidden_size, after.hidden_size);
    PruningFigures {
        layers_before: layers.map(|(before, _)| before),
        layers_after: layers.map(|(_, after)| after),
        hidden_before: hidden.map(|(before, _)| before),
        hidden_after: hidden.map(|(_, after)| after),
        calibration_examples: pruned.calibration_examples,
        heads_removed: pruned.heads_removed(),
        neurons_removed: pruned.neurons_removed(),
        parameters_removed: pruned.parameters_removed(),
        vocabulary_before: vocabulary.map(|cut| cut.before),
        vocabulary_after: vocabulary.map(|cut| cut.after),
        train_unknown: vocabulary.map(|cut| cut.train_unknown),
    }
}

/// The keys that acted, as YAML.
fn acted(config: &Config) -> Result<String> {
    let filled = filled_in(config);
    let global = Global {
        batch_size: filled.global.batch_size,
        ..Global::default()
    };
    let acted = Config {
        global,
        prune: filled.prune,
        ..Config::default()
    };
    let yaml = acted.yaml_of(&[Section::Global, Section::Prune])?;
    // Of the training section only this key decides anything here.
    let held_out = config.train.validation_ratio;
    Ok(format!(
        "{yaml}TrainConfig:\n  validation_ratio: {held_out}\n"
    ))
}

/// The report: what stays of every layer and how important it was, what was promised and what was
/// measured in which setting. Accuracy is act-eval's to measure: nothing here reads dev.
pub fn report(
    pruned: &Pruned,
    train: &DataRecord,
    setting: Option<&LatencySetting>,
) -> Result<Report<PruningDetails>> {
    let pruning = Pruning {
        calibration_examples: pruned.calibration_examples,
        heads_removed: pruned.heads_removed(),
        neurons_removed: pruned.neurons_removed(),
        parameters_before: pruned.parameters_before(),
        parameters_removed: pruned.parameters_removed(),
        promise: pruned.promise.as_ref().map(promise),
        latency_setting: setting.map(describe),
        vocabulary: pruned.shortened.as_ref().map(|shortened| shortened.cut),
        layers: pruned.layers.clone(),
    };
    let mut report = Report::new("act-prune", &pruned.artifact)?.with(PruningDetails { pruning });
    report.set_dataset(train, pruned.cut);
    if let Some(PruningTarget::Speedup(times)) = pruned.promise.as_ref().map(|p| p.measured) {
        report.speedup = Some(times);
    }
    Ok(report)
}

/// A kept promise as reports hold it.
pub fn promise(kept: &KeptPromise) -> Promise {
    let [promised, predicted, measured] =
        [kept.promised, kept.predicted, kept.measured].map(|target| match target {
            PruningTarget::Speedup(times) => Goal::Speedup(times),
            PruningTarget::Latency(ms) => Goal::Latency(ms),
            PruningTarget::Parameters(share) => Goal::Parameters(share),
            PruningTarget::Bytes(bytes) => Goal::Bytes(bytes),
        });
    Promise {
        promised,
        predicted,
        measured,
        importance_kept: kept.importance_kept,
        rounds: kept.rounds,
    }
}

/// A setting as reports hold it.
pub fn describe(setting: &LatencySetting) -> report::LatencySetting {
    report::LatencySetting {
        precision: setting.precision.name().into(),
        batch: setting.batch,
        threads: setting.threads,
        sequences: setting.lengths.len(),
        mean_tokens: setting.mean_length(),
    }
}

/// What stays of each layer, and the outcome in a line or two.
pub fn log(pruned: &Pruned) {
    for (index, layer) in pruned.layers.iter().enumerate() {
        log::debug!(
            "layer {index}: heads {:?} of {}, {} of {} neurons; {:.1} % and {:.1} % of importance",
            layer.kept_heads,
            layer.heads_before,
            layer.kept_neurons,
            layer.neurons_before,
            100.0 * layer.head_importance_kept,
            100.0 * layer.neuron_importance_kept
        );
    }
    if let Some(promise) = &pruned.promise {
        log::info!(
            "promised {}: predicted {:.4}, measured {:.4}; {:.1} % of importance stays",
            promise.promised,
            promise.predicted.value(),
            promise.measured.value(),
            100.0 * promise.importance_kept
        );
    }
    if let Some(Shortened { cut, .. }) = &pruned.shortened {
        log::info!(
            "{} of {} tokens stay; {} of {} tokens of train became [UNK]",
            cut.after,
            cut.before,
            cut.train_unknown,
            cut.train_tokens
        );
    }
    log::info!(
        "removed {:.1} % of heads, {:.1} % of neurons: {} parameters, were {}",
        100.0 * pruned.heads_removed(),
        100.0 * pruned.neurons_removed(),
        pruned.artifact.plan.parameters(),
        pruned.parameters_before()
    );
    if pruned.is_identity() {
        log::warn!("nothing was removed: raise Prune.pruned_ratio (0.25 is usual)");
    }
}
