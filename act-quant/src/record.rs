//! What a quantisation says of itself: its line of provenance and the details of its report. Only
//! puts into words; measures nothing.

use std::collections::BTreeMap;

use act_core::provenance::{DataRecord, InputRecord, StageRecord};
use act_core::quant::{ActivationScheme, Calibrator};
use act_core::{Artifact, Device, Linear, Result, Seed, Site};
use act_stage::config::{Config, JudgeTexts, Section};
use act_stage::provenance::{Metric, QuantisationFigures, SiteFigures};
use act_stage::report::{
    self, AwareTraining, GroupLimitReport, InputCost, InputCosts, JudgeReport, KeptModel,
    Quantisation, QuantisationTrial, QuantisedLinear, QuantisedTable, SchemeCost,
};
use act_train::record::{TeacherRecord, acting};

use crate::Quantized;
use crate::alternatives::{Alternative, Costs};
use crate::aware::{AwareOptions, Outcome};
use crate::scheme::{Assignment, Choice, Scheme};
use crate::search::{Attempt, Trial};

/// The stage's name.
pub const STAGE: &str = "act-quant";

/// The provenance record of quantising `model` on `train`; data that judged trials come on top.
///
/// # Errors
/// Those of the model's digest.
pub fn provenance(
    model: &Artifact,
    quantized: &Quantized,
    train: &DataRecord,
    config: &Config,
    seed: Seed,
) -> Result<StageRecord> {
    let mut config = config.clone();
    // What acted, and no path.
    (config.quant_post.judge, config.quant_post.judge_file) = (quantized.judges, None);
    let score = quantized.winner().score;
    let labelled = quantized.seen.unwrap_or(score);
    let figures = QuantisationFigures {
        validation_ratio: Some(config.train.validation_ratio),
        calibration_examples: quantized.calibration_examples,
        held_out_examples: quantized.held_out_examples,
        trials: quantized.trials.len(),
        divergence: score.divergence,
        seen_divergence: quantized.seen.map(|seen| seen.divergence),
        sites: schemes(quantized),
        held_out_accuracy: (labelled.accuracy)
            .filter(|accuracy| accuracy.metric.is_accuracy())
            .map(|accuracy| accuracy.value),
    };
    let mut metrics = figures.to_metrics();
    let named = score.metric.map(|(metric, _)| metric);
    let other = labelled.accuracy;
    let other = other.filter(|of| !of.metric.is_accuracy() && named != Some(of.metric));
    metrics.extend(other.map(|other| (format!("held_out_{}", other.metric), other.value)));
    metrics.extend(
        score
            .metric
            .map(|(metric, value)| (format!("held_out_{metric}"), value)),
    );
    metrics.extend(of_sites(quantized));
    Ok(StageRecord {
        config: config.yaml_of(&[Section::QuantPost, Section::Search])? + &decided_by(&config),
        inputs: vec![InputRecord {
            role: "model".into(),
            model_digest: model.model_digest()?,
        }],
        data: vec![train.clone()],
        metrics,
        ..StageRecord::new(STAGE, seed.0)
    })
}

/// Of the training section, the key that decides between trials, where it is given.
fn decided_by(config: &Config) -> String {
    let metric = config.train.metric;
    metric.map_or(String::new(), |metric| {
        format!("TrainConfig:\n  metric: {metric}\n")
    })
}

/// Adds to the record of a calibration what the training behind it begins with; what comes of it are
/// [`Outcome::metrics`].
///
/// # Errors
/// Those of the configuration's text and of the teacher's digest.
pub fn begin_training(
    record: &mut StageRecord,
    teacher: Option<&Artifact>,
    config: &Config,
    device: Device,
) -> Result<()> {
    // The whole section comes now.
    let shorter = record.config.len() - decided_by(config).len();
    record.config.truncate(shorter);
    record.config +=
        &acting(config)?.yaml_of(&[Section::QuantAware, Section::Train, Section::Distillation])?;
    record.device = device.to_string();
    if let Some(teacher) = teacher {
        TeacherRecord::new(teacher)?.add_to(record);
    }
    Ok(())
}

/// All that determines the result of the training that `record` begins, for its checkpoints: the
/// calibrated model that it starts from as well.
///
/// # Errors
/// Those of the model's digest.
pub fn start(record: &StageRecord, calibrated: &Artifact) -> Result<StageRecord> {
    let mut start = record.clone();
    start.inputs.push(InputRecord {
        role: "calibrated".into(),
        model_digest: calibrated.model_digest()?,
    });
    Ok(start)
}

/// The report's `training`: the mode, whether there was a training and why, and what came of it.
pub fn training(options: &AwareOptions, reason: &str, outcome: Option<&Outcome>) -> AwareTraining {
    AwareTraining {
        mode: options.mode.name().into(),
        reason: reason.into(),
        max_divergence: options.max_divergence,
        kept: outcome.map_or(KeptModel::Calibrated, |outcome| outcome.kept),
        outcome: outcome.map(Outcome::report),
    }
}

/// What is known of each quantised input, so that `act-eval inspect` can tell it from the file alone.
fn of_sites(quantized: &Quantized) -> Vec<Metric> {
    let choices = quantized.assignment.choices.iter();
    let figures = quantized.sqnr_db.iter().zip(&quantized.float_gains);
    let metrics = choices
        .zip(figures)
        .flat_map(|(choice, (&sqnr_db, &gain))| {
            let quantised = choice.scheme != Scheme::Float && sqnr_db.is_finite();
            let weights = quantized.weights.iter();
            let weights = weights.filter(|w| choice.input.linears.contains(&w.linear));
            let cut = weights.clone().map(|w| w.groups_cut).reduce(f64::max);
            let weight_sqnr = weights.map(|w| w.sqnr_db).reduce(f64::min);
            let limited = quantized.artifact.quant.linear(choice.input.first());
            let limited = limited.is_some_and(|q| q.group_limit.is_some());
            let figures = SiteFigures {
                weight_sqnr_db: weight_sqnr.filter(|db| db.is_finite()),
                groups_cut: cut.filter(|_| limited),
                sqnr_db: quantised.then_some(sqnr_db),
                float_gain: quantised.then_some(gain),
                smooth_alpha: choice.scheme.smooth_alpha(),
            };
            figures.to_metrics_of(&choice.input.to_string())
        });
    metrics.collect()
}

/// How many inputs each scheme has.
fn schemes(quantized: &Quantized) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for choice in &quantized.assignment.choices {
        *counts.entry(choice.scheme.name().into()).or_insert(0) += 1;
    }
    counts
}

/// The report's `quantization`.
pub fn quantisation(quantized: &Quantized) -> Quantisation {
    let choices = quantized.assignment.choices.iter().enumerate();
    let sites = choices.flat_map(|(index, choice)| {
        let linears = choice.input.linears.iter();
        linears.map(move |&linear| site(quantized, linear, choice, index))
    });
    let tables = quantized.tables.iter();
    let tables = tables.map(|(table, sqnr_db)| QuantisedTable {
        table: table.to_string(),
        sqnr_db: Some(*sqnr_db).filter(|db| db.is_finite()),
    });
    Quantisation {
        weight_quantize_type: quantized.assignment.granularity.name().into(),
        weight_round: Some(quantized.assignment.round.name().into()),
        bias_correction: quantized.assignment.bias_correct,
        shift_tokens: quantized.assignment.shift_tokens,
        calibration_examples: quantized.calibration_examples,
        held_out_examples: quantized.held_out_examples,
        divergence: quantized.winner().score.divergence,
        schemes: schemes(quantized),
        sites: sites.collect(),
        embeddings: tables.collect(),
        int8_attention: quantized.artifact.quant.attention.clone(),
        trials: quantized.trials.iter().map(trial).collect(),
        best_trial: quantized.best,
        metric: quantized.winner().score.metric.map(|(metric, _)| metric),
        costs: (quantized.costs.as_ref()).map(|known| costs(known, &quantized.assignment)),
        judge: Some(judge(quantized)),
    }
}

/// The report's `costs`.
fn costs(known: &Costs, assignment: &Assignment) -> InputCosts {
    let inputs = assignment.choices.iter().zip(&known.inputs);
    let input = |(choice, schemes): (&Choice, &Vec<Alternative>)| InputCost {
        site: choice.input.to_string(),
        linears: choice.input.linears.iter().map(|l| l.to_string()).collect(),
        scheme: choice.scheme.name().into(),
        reason: choice.reason.clone(),
        schemes: schemes
            .iter()
            .map(|alternative| SchemeCost {
                scheme: alternative.scheme.name().into(),
                chosen: alternative.scheme == choice.scheme,
                allowed: alternative.allowed,
                algo: (alternative.scheme.method()).map(|m| m.calibrator.name().into()),
                smooth_alpha: alternative.scheme.smooth_alpha(),
                divergence: alternative.divergence,
                bytes: alternative.bytes,
                ms: alternative.ms,
            })
            .collect(),
    };
    InputCosts {
        divergence: known.divergence,
        examples: known.examples,
        sequences: known.batch.sequences(),
        tokens: known.batch.lengths.first().copied().unwrap_or(0),
        budget_s: known.budget.as_secs_f64(),
        spent_s: known.spent.as_secs_f64(),
        reused: known.reused,
        inputs: inputs.map(input).collect(),
    }
}

/// The report's `judge`.
fn judge(quantized: &Quantized) -> JudgeReport {
    let dev = quantized.judges == JudgeTexts::Dev;
    let score = quantized.winner().score;
    JudgeReport {
        texts: quantized.judges.to_string(),
        examples: quantized.held_out_examples,
        divergence: score.divergence,
        seen_examples: quantized.seen.map(|seen| seen.examples),
        seen_divergence: quantized.seen.map(|seen| seen.divergence),
        note: dev.then(|| {
            "dev chose between trials, so that its figures are no longer those of data that nothing was \
             chosen on"
                .into()
        }),
    }
}

fn site(quantized: &Quantized, linear: Linear, choice: &Choice, index: usize) -> QuantisedLinear {
    let quant = quantized.artifact.quant.linear(linear);
    let (scale, zero_point) = match quant.map(|q| q.activation) {
        Some(ActivationScheme::Static { scale, zero_point }) => {
            (Some(f64::from(scale)), Some(zero_point))
        }
        Some(ActivationScheme::DynamicPerToken) | None => (None, None),
    };
    let threshold = scale.zip(quant).zip(zero_point);
    let weight = quantized.weights.iter().find(|w| w.linear == linear);
    let group_limit = quant.and_then(|q| q.group_limit);
    QuantisedLinear {
        site: Site::Input(linear).to_string(),
        scheme: choice.scheme.name().into(),
        reason: choice.reason.clone(),
        algo: choice.scheme.method().map(|m| m.calibrator.name().into()),
        smooth_alpha: choice.scheme.smooth_alpha(),
        threshold: threshold
            .map(|((scale, q), zero)| scale * f64::from(q.activation_max + zero.abs_diff(128))),
        abs_max: quantized.statistics.get(&linear).map(|s| s.abs_max()),
        scale,
        zero_point,
        activation_max: quant.map(|q| q.activation_max),
        weight_max: quant.map(|q| q.weight_max),
        group_limit: group_limit.map(GroupLimitReport::from),
        groups_cut: (group_limit.and(weight)).map(|weight| weight.groups_cut),
        weight_sqnr_db: (weight.map(|weight| weight.sqnr_db)).filter(|db| db.is_finite()),
        float_gain: quantized.float_gains[index],
        sqnr_db: Some(quantized.sqnr_db[index]).filter(|db| db.is_finite()),
    }
}

fn trial(trial: &Trial) -> QuantisationTrial {
    let attempt = match &trial.attempt {
        Attempt::Whole(candidate) => report::Attempt::Whole {
            algo: candidate.method.calibrator.name().into(),
            hist_percent: (candidate.method.calibrator == Calibrator::Hist)
                .then_some(candidate.method.percent),
            weight_quantize_type: candidate.granularity.name().into(),
            weight_round: Some(candidate.round.name().into()),
            bias_correct: candidate.bias_correct,
        },
        Attempt::Calibrators => report::Attempt::Calibrators {
            algo: "each site's best".into(),
        },
        Attempt::Smoothings(Some(method)) => report::Attempt::Calibrators {
            algo: format!("{method}, each site's smoothed"),
        },
        Attempt::Smoothings(None) => report::Attempt::Calibrators {
            algo: "each site's best, smoothed".into(),
        },
        Attempt::Ranges => report::Attempt::Calibrators {
            algo: "each site's range by the answers of the whole model".into(),
        },
        Attempt::ShiftTokens => report::Attempt::ShiftTokens {
            shift: "means".into(),
        },
        Attempt::Change(inputs, scheme) => report::Attempt::Change {
            sites: inputs.iter().map(|i| i.to_string()).collect(),
            scheme: scheme.to_string(),
        },
    };
    QuantisationTrial {
        attempt,
        divergence: trial.score.divergence,
        accuracy: trial.score.accuracy,
        score: trial.score.metric.map(|(_, value)| value),
        given_up: trial.given_up,
        seconds: trial.seconds,
    }
}
