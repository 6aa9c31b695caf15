//! Which values are allowed. Every message begins with the key and says what it may be.

use std::fmt::Display;

use super::vocabulary::nearest;
use super::{
    Config, Global, HyperParameterOptimization, Prune, QuantAware, QuantPost, TrainedActivations,
    quantity,
};
use act_core::error::{Error, Result};

/// Tasks whose data need no description.
const TASKS: &[&str] = &[
    "afqmc",
    "tnews",
    "iflytek",
    "ocnli",
    "cmnli",
    "cluewsc2020",
    "csl",
    "sst2",
    "mrpc",
    "rte",
];

const ALGORITHMS: &[&str] = &["abs_max", "avg", "mse", "emd", "hist", "KL", "min_max"];
const WEIGHT_TYPES: &[&str] = &["channel_wise_abs_max", "abs_max", "channel_wise_mse"];
const SCHEMES: &[&str] = &["static", "smooth", "dynamic", "float"];
const CRITERIA: &[&str] = &["magnitude", "first_order", "fisher", "obs"];
const VOCABULARIES: &[&str] = &["all", "used", "corpus"];
const LINEAR_OPS: &[&str] = &["mul", "matmul", "matmul_v2"];
const CONV_OPS: &[&str] = &["conv2d", "depthwise_conv2d", "conv2d_transpose"];

impl Config {
    /// Checks every value.
    pub fn check(&self) -> Result<()> {
        self.global.check()?;
        self.train.check()?;
        self.distillation.check()?;
        self.prune.check()?;
        self.hpo.check()?;
        self.quant_post.check()?;
        self.quant_aware.as_ref().map_or(Ok(()), QuantAware::check)
    }
}

impl Global {
    /// Checks every value. Whether the task is known is for the data to say.
    pub fn check(&self) -> Result<()> {
        if self
            .task_name
            .as_deref()
            .is_some_and(|name| name.trim().is_empty())
        {
            return Err(Error::usage("Global.task_name: is empty; name the task"));
        }
        at_least("Global.batch_size", self.batch_size, 1)?;
        at_least("Global.max_seq_length", self.max_seq_length, 4)
    }

    /// The task that the name is likely meant to be. Own data may bear any name, so that this is
    /// no more than a hint.
    pub(super) fn meant_task(&self) -> Option<&'static str> {
        let name = self.task_name.as_deref()?;
        nearest(name, TASKS).filter(|near| *near != name)
    }
}

impl Prune {
    /// Checks every value.
    pub fn check(&self) -> Result<()> {
        choice(
            "Prune.prune_algo",
            &self.prune_algo,
            &["transformer_pruner"],
        )?;
        below_one("Prune.pruned_ratio", self.pruned_ratio.unwrap_or(0.0))?;
        self.check_target()?;
        if let Some(criterion) = &self.criterion {
            choice("Prune.criterion", criterion, CRITERIA)?;
        }
        choice("Prune.precision", &self.precision, &["int8", "f32"])?;
        at_least("Prune.latency_batch", Some(self.latency_batch), 1)?;
        at_least("Prune.latency_threads", Some(self.latency_threads), 1)?;
        must(
            "Prune.steps",
            self.steps,
            (1..=100).contains(&self.steps),
            "1 to 100",
        )?;
        at_least("Prune.step_iters", Some(self.step_iters), 1)?;
        choice("Prune.vocabulary", &self.vocabulary, VOCABULARIES)?;
        at_least(
            "Prune.calibration_examples",
            Some(self.calibration_examples),
            1,
        )
    }
}

impl Prune {
    /// Checks the targets, each and that they do not contradict each other or the ratio.
    fn check_target(&self) -> Result<()> {
        let speedup = self.target_speedup.unwrap_or(1.0);
        must(
            "Prune.target_speedup",
            speedup,
            (1.0..=1000.0).contains(&speedup),
            "how many times faster, 1 to 1000",
        )?;
        let params = self.params.unwrap_or(1.0);
        must(
            "Prune.params",
            params,
            params > 0.0 && params <= 1.0,
            "the share that stays: above 0, at most 1",
        )?;
        if let Some(time) = &self.budget {
            quantity::milliseconds(time).map_err(|e| e.context("Prune.budget"))?;
        }
        if let Some(size) = &self.bytes {
            quantity::bytes(size).map_err(|e| e.context("Prune.bytes"))?;
        }
        let mut given = self.targets();
        if self.pruned_ratio.is_some() {
            given.insert(0, "pruned_ratio");
        }
        match given[..] {
            [] | [_] => Ok(()),
            _ => Err(Error::usage(format!(
                "Prune: {} contradict each other; keep one",
                given.join(" and ")
            ))),
        }
    }
}

impl HyperParameterOptimization {
    /// Checks every value.
    pub fn check(&self) -> Result<()> {
        const AT: &str = "HyperParameterOptimization";
        for algo in self.ptq_algo.iter().flatten() {
            choice(&format!("{AT}.ptq_algo"), algo, ALGORITHMS)?;
        }
        for kind in self.weight_quantize_type.iter().flatten() {
            choice(&format!("{AT}.weight_quantize_type"), kind, WEIGHT_TYPES)?;
        }
        for percent in self.hist_percent.iter().flatten() {
            percentile(&format!("{AT}.hist_percent"), *percent)?;
        }
        for batches in self.batch_num.iter().flatten() {
            at_least(&format!("{AT}.batch_num"), Some(*batches), 1)?;
        }
        filled(&format!("{AT}.ptq_algo"), &self.ptq_algo)?;
        filled(
            &format!("{AT}.weight_quantize_type"),
            &self.weight_quantize_type,
        )?;
        filled(&format!("{AT}.bias_correct"), &self.bias_correct)?;
        filled(&format!("{AT}.hist_percent"), &self.hist_percent)?;
        filled(&format!("{AT}.batch_num"), &self.batch_num)?;
        at_least(&format!("{AT}.max_quant_count"), self.max_quant_count, 1)
    }
}

impl QuantPost {
    /// Checks every value. Operators that leave nothing of a BERT to quantise are a mistake:
    /// PaddleSlim's own AFQMC file names convolutions only, and silently does nothing.
    pub fn check(&self) -> Result<()> {
        at_least("QuantPost.batch_size", Some(self.batch_size), 1)?;
        at_least("QuantPost.batch_nums", Some(self.batch_nums), 1)?;
        choice("QuantPost.algo", &self.algo, ALGORITHMS)?;
        percentile("QuantPost.hist_percent", self.hist_percent)?;
        choice(
            "QuantPost.weight_quantize_type",
            &self.weight_quantize_type,
            WEIGHT_TYPES,
        )?;
        operators("QuantPost.quantize_op_types", &self.quantize_op_types)?;
        eight("QuantPost.weight_bits", self.weight_bits)?;
        eight("QuantPost.activation_bits", self.activation_bits)?;
        magnitude("QuantPost.weight_max", self.weight_max)?;
        magnitude("QuantPost.activation_max", self.activation_max)?;
        not_negative("QuantPost.max_divergence", self.max_divergence)?;
        self.check_schemes()
    }

    /// Schemes must leave something to quantise, and a way to do it.
    fn check_schemes(&self) -> Result<()> {
        const AT: &str = "QuantPost.schemes";
        for scheme in &self.schemes {
            choice(AT, scheme, SCHEMES)?;
        }
        let allows = |scheme: &str| self.schemes.iter().any(|s| s == scheme);
        must(
            AT,
            format!("[{}]", self.schemes.join(", ")),
            allows("static") || allows("dynamic"),
            "static or dynamic among them: smooth and float only change sites that are one of these",
        )?;
        must(
            AT,
            format!("[{}]", self.schemes.join(", ")),
            !allows("smooth") || allows("static"),
            "static beside smooth: a smoothed site has a static scale",
        )?;
        for alpha in &self.smooth_alpha {
            let share = (0.0..=1.0).contains(alpha);
            must("QuantPost.smooth_alpha", alpha, share, "0 to 1")?;
        }
        if allows("smooth") && self.smooth_alpha.is_empty() {
            return Err(Error::usage(
                "QuantPost.smooth_alpha: is empty while schemes allow smooth; give at least one \
                 exponent, or leave smooth out",
            ));
        }
        Ok(())
    }
}

impl QuantAware {
    /// Checks every value.
    pub fn check(&self) -> Result<()> {
        operators("QuantAware.quantize_op_types", &self.quantize_op_types)?;
        eight("QuantAware.weight_bits", self.weight_bits)?;
        eight("QuantAware.activation_bits", self.activation_bits)?;
        below_one("QuantAware.moving_rate", self.moving_rate())?;
        not_negative("QuantAware.max_divergence", self.max_divergence)?;
        let rate = self.learning_rate.unwrap_or(1.0);
        must(
            "QuantAware.learning_rate",
            rate,
            rate > 0.0 && rate <= 1.0,
            "a rate above 0, at most 1",
        )?;
        at_least("QuantAware.epochs", self.epochs, 1)?;
        at_least("QuantAware.train_iter", self.train_iter, 1)?;
        at_least("QuantAware.eval_iter", self.eval_iter, 1)?;
        below_one("QuantAware.dropout", self.dropout)
    }

    /// Checks what keys say together.
    pub fn check_together(&self) -> Result<()> {
        let rule = self.activations();
        if self.moving_rate.is_some() && rule != TrainedActivations::MovingAverage {
            return Err(Error::usage(format!(
                "QuantAware.moving_rate: activation_quantize_type {rule} has no moving average; \
                 keep one of the two"
            )));
        }
        Ok(())
    }
}

pub(super) fn must(key: &str, value: impl Display, holds: bool, allowed: &str) -> Result<()> {
    match holds {
        true => Ok(()),
        false => Err(Error::usage(format!(
            "{key}: {value} is not allowed; give {allowed}"
        ))),
    }
}

pub(super) fn at_least(key: &str, value: Option<usize>, least: usize) -> Result<()> {
    let value = value.unwrap_or(least);
    must(key, value, value >= least, &format!("{least} or more"))
}

pub(super) fn below_one(key: &str, value: f64) -> Result<()> {
    must(
        key,
        value,
        (0.0..1.0).contains(&value),
        "a share: 0 or more, below 1",
    )
}

fn percentile(key: &str, value: f64) -> Result<()> {
    must(
        key,
        value,
        value > 0.0 && value <= 1.0,
        "a share: above 0, at most 1",
    )
}

pub(super) fn accuracy(key: &str, value: Option<f64>) -> Result<()> {
    let value = value.unwrap_or(0.0);
    must(
        key,
        value,
        (0.0..=1.0).contains(&value),
        "a share of correct answers, 0 to 1",
    )
}

pub(super) fn not_negative(key: &str, value: f64) -> Result<()> {
    must(key, value, value >= 0.0, "0 or more")
}

fn eight(key: &str, bits: u32) -> Result<()> {
    must(key, bits, bits == 8, "8: the engine computes in int8")
}

fn magnitude(key: &str, value: u8) -> Result<()> {
    must(key, value, (1..=127).contains(&value), "1 to 127")
}

fn filled<T>(key: &str, choices: &Option<Vec<T>>) -> Result<()> {
    match choices.as_deref() {
        Some([]) => Err(Error::usage(format!(
            "{key}: is empty; give at least one choice"
        ))),
        _ => Ok(()),
    }
}

pub(super) fn choice(key: &str, value: &str, allowed: &[&str]) -> Result<()> {
    if allowed.contains(&value) {
        return Ok(());
    }
    let hint = match nearest(value, allowed) {
        Some(near) => format!("did you mean {near:?}? "),
        None => String::new(),
    };
    Err(Error::usage(format!(
        "{key}: unknown {value:?}; {hint}known: {}",
        allowed.join(", ")
    )))
}

fn operators(key: &str, names: &[String]) -> Result<()> {
    for name in names {
        choice(key, name, &[LINEAR_OPS, CONV_OPS].concat())?;
    }
    if names.iter().any(|name| LINEAR_OPS.contains(&name.as_str())) {
        return Ok(());
    }
    let named = if names.is_empty() {
        "nothing"
    } else {
        "convolutions only"
    };
    Err(Error::usage(format!(
        "{key}: names {named}, and a BERT has only linear layers, so nothing would be quantised; \
         write [{}], or leave the key out",
        LINEAR_OPS.join(", ")
    )))
}
