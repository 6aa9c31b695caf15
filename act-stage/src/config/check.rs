//! Which values are allowed. Every message begins with the key and says what it may be.

use std::fmt::Display;

use super::choices::{JudgeTexts, Operator, SchemeKind, TrainedActivations};
use super::document::Config;
use super::quantity::Size;
use super::sections::{Global, HyperParameterOptimization, Prune, QuantAware, QuantPost};
use super::vocabulary::nearest;
use act_core::error::{Error, Result};
use act_core::quant::WeightBits;
use act_core::task::BuiltIn;

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
        nearest(name, &BuiltIn::ALL.map(BuiltIn::name)).filter(|near| *near != name)
    }
}

impl Prune {
    /// Checks every value, and that targets do not contradict each other or the ratio.
    pub fn check(&self) -> Result<()> {
        below_one("Prune.pruned_ratio", self.ratio())?;
        self.check_target()?;
        at_least("Prune.layers", self.layers, 1)?;
        at_least("Prune.hidden_size", self.hidden_size, 1)?;
        at_least("Prune.latency_batch", Some(self.latency_batch), 1)?;
        at_least("Prune.latency_threads", Some(self.latency_threads), 1)?;
        at_least(
            "Prune.calibration_examples",
            Some(self.calibration_examples),
            1,
        )
    }

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
        let bytes = self.bytes.as_ref().map_or(1, Size::bytes);
        must("Prune.bytes", bytes, bytes > 0, "a size above 0")?;
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
        filled(&format!("{AT}.weight_round"), &self.weight_round)?;
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
        at_least("QuantPost.range_examples", Some(self.range_examples), 1)?;
        percentile("QuantPost.hist_percent", self.hist_percent)?;
        operators("QuantPost.quantize_op_types", &self.quantize_op_types)?;
        let bits = self.weight_bits;
        must(
            "QuantPost.weight_bits",
            bits,
            [4, 8].contains(&bits),
            "4 or 8",
        )?;
        let (size, known) = (self.group_size, WeightBits::GROUPS);
        must(
            "QuantPost.group_size",
            size,
            known.contains(&size),
            "32 or 64",
        )?;
        eight("QuantPost.activation_bits", self.activation_bits)?;
        magnitude("QuantPost.weight_max", self.weight_max)?;
        magnitude("QuantPost.activation_max", self.activation_max)?;
        not_negative("QuantPost.max_divergence", self.max_divergence)?;
        self.check_judge()?;
        self.check_schemes()
    }

    /// A file of texts goes with asking for one.
    fn check_judge(&self) -> Result<()> {
        match (self.judge, &self.judge_file) {
            (JudgeTexts::File, None) => Err(Error::usage(
                "QuantPost.judge: file needs QuantPost.judge_file, a file of texts; or give --judge FILE",
            )),
            (judge, Some(_)) if judge != JudgeTexts::File => Err(Error::usage(format!(
                "QuantPost.judge_file is for judge: file, which is {judge}"
            ))),
            _ => Ok(()),
        }
    }

    /// How integers are stored.
    pub fn stored(&self) -> WeightBits {
        match self.weight_bits {
            4 => WeightBits::Four {
                group: self.group_size,
            },
            _ => WeightBits::Eight,
        }
    }

    /// Schemes must leave something to quantise, and a way to do it.
    fn check_schemes(&self) -> Result<()> {
        const AT: &str = "QuantPost.schemes";
        let allows = |kind| self.schemes.contains(&kind);
        let listed = format!("[{}]", names(&self.schemes));
        must(
            AT,
            &listed,
            allows(SchemeKind::Static) || allows(SchemeKind::Dynamic),
            "static or dynamic among them: smooth and float only change sites that are one of these",
        )?;
        let smooth = allows(SchemeKind::Smooth) || allows(SchemeKind::SmoothAtRunTime);
        must(
            AT,
            &listed,
            !smooth || allows(SchemeKind::Static),
            "static beside smooth: a smoothed site has a static scale",
        )?;
        for alpha in &self.smooth_alpha {
            let share = (0.0..=1.0).contains(alpha);
            must("QuantPost.smooth_alpha", alpha, share, "0 to 1")?;
        }
        if smooth && self.smooth_alpha.is_empty() {
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
    if holds {
        return Ok(());
    }
    Err(Error::usage(format!(
        "{key}: {value} is not allowed; give {allowed}"
    )))
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

fn operators(key: &str, operators: &[Operator]) -> Result<()> {
    if operators
        .iter()
        .any(|operator| Operator::LINEAR.contains(operator))
    {
        return Ok(());
    }
    let named = if operators.is_empty() {
        "nothing"
    } else {
        "convolutions only"
    };
    Err(Error::usage(format!(
        "{key}: names {named}, and a BERT has only linear layers, so nothing would be quantised; \
         write [{}], or leave the key out",
        names(&Operator::LINEAR)
    )))
}

fn names(choices: &[impl ToString]) -> String {
    let names: Vec<String> = choices.iter().map(ToString::to_string).collect();
    names.join(", ")
}
