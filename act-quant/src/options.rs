//! What to quantise and which trials to make: the sections `QuantPost` and
//! `HyperParameterOptimization`, checked. A configuration that would do nothing is an error.

use act_core::config::Config;
use act_core::{Error, Result};

use crate::calibrate::Method;
use crate::weight::Granularity;

/// Paddle's names of the operators that are linear layers here.
const LINEAR_OPS: [&str; 3] = ["mul", "matmul", "matmul_v2"];

/// Trials of a search when the configuration sets no bound (PaddleSlim's number).
const MAX_TRIALS: usize = 20;

/// Checked options of post-training quantisation.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Calibrators to try, at least one.
    pub methods: Vec<Method>,
    /// Granularities of weights to try, at least one.
    pub granularities: Vec<Granularity>,
    /// Upper bound of trials, at least 1.
    pub max_trials: usize,
    /// Sequences a batch.
    pub batch_size: usize,
    /// Calibration batches.
    pub batches: usize,
    /// Share of train that training held out, so that no weight has been fitted to it.
    pub validation_ratio: f64,
    /// Largest magnitude of an integer weight, 1..=127.
    pub weight_max: u8,
    /// Largest magnitude of an integer activation, 1..=127.
    pub activation_max: u8,
    /// Store the large embedding tables as int8.
    pub embeddings: bool,
}

/// One point of the search space.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Chooses the activations' thresholds.
    pub method: Method,
    /// What shares a weight scale.
    pub granularity: Granularity,
}

impl Options {
    /// Reads the two sections. A list of `HyperParameterOptimization` replaces the single value of
    /// `QuantPost`; of several `batch_num` the largest is taken, since statistics are collected once.
    ///
    /// # Errors
    /// Usage: an unknown name, a number out of range, an empty list, or no linear layer selected.
    pub fn from_config(config: &Config) -> Result<Self> {
        let post = &config.quant_post;
        let search = &config.hpo;
        check_operators(&post.quantize_op_types)?;
        for (key, bits) in [
            ("weight_bits", post.weight_bits),
            ("activation_bits", post.activation_bits),
        ] {
            if bits != 8 {
                return Err(Error::usage(format!(
                    "QuantPost.{key} is {bits}: act quantises to 8 bits (narrower integers: \
                     weight_max, activation_max)"
                )));
            }
        }
        if search.bias_correct.iter().flatten().any(|&on| on) {
            log::warn!("HyperParameterOptimization.bias_correct: not applied, as in PaddleSlim");
        }
        let batch_nums = list("batch_num", search.batch_num.as_deref(), &[post.batch_nums])?;
        Ok(Self {
            methods: methods(config)?,
            granularities: list(
                "weight_quantize_type",
                search.weight_quantize_type.as_deref(),
                std::slice::from_ref(&post.weight_quantize_type),
            )?
            .iter()
            .map(|name| Granularity::parse(name))
            .collect::<Result<_>>()?,
            max_trials: at_least_one(
                "HyperParameterOptimization.max_quant_count",
                search.max_quant_count.unwrap_or(MAX_TRIALS),
            )?,
            batch_size: at_least_one("QuantPost.batch_size", post.batch_size)?,
            batches: at_least_one(
                "QuantPost.batch_nums",
                batch_nums.iter().copied().max().unwrap_or(0),
            )?,
            validation_ratio: config.train.validation_ratio,
            weight_max: magnitude("QuantPost.weight_max", post.weight_max)?,
            activation_max: magnitude("QuantPost.activation_max", post.activation_max)?,
            embeddings: post.embeddings,
        })
    }

    /// The trials to make, in order: every method with the first granularity, then the next.
    pub fn candidates(&self) -> Vec<Candidate> {
        let all = self.granularities.iter().flat_map(|&granularity| {
            self.methods.iter().map(move |&method| Candidate {
                method,
                granularity,
            })
        });
        all.take(self.max_trials).collect()
    }

    /// Sequences to calibrate on.
    pub fn calibration_examples(&self) -> usize {
        self.batches.saturating_mul(self.batch_size)
    }
}

/// Every calibrator asked for; `hist` once for each percentile.
fn methods(config: &Config) -> Result<Vec<Method>> {
    let (post, search) = (&config.quant_post, &config.hpo);
    let names = list(
        "ptq_algo",
        search.ptq_algo.as_deref(),
        std::slice::from_ref(&post.algo),
    )?;
    let percents = list(
        "hist_percent",
        search.hist_percent.as_deref(),
        &[post.hist_percent],
    )?;
    let mut methods = Vec::new();
    for name in &names {
        for &percent in &percents {
            let method = Method::parse(name, percent)?;
            if !methods.contains(&method) {
                methods.push(method);
            }
        }
    }
    Ok(methods)
}

/// The search's list, or the single value where there is none.
fn list<T: Clone>(key: &str, searched: Option<&[T]>, single: &[T]) -> Result<Vec<T>> {
    match searched {
        Some([]) => Err(Error::usage(format!(
            "HyperParameterOptimization.{key} is an empty list: name a value or leave the key out"
        ))),
        Some(values) => Ok(values.to_vec()),
        None => Ok(single.to_vec()),
    }
}

fn check_operators(operators: &[String]) -> Result<()> {
    if operators.iter().any(|op| LINEAR_OPS.contains(&op.as_str())) {
        return Ok(());
    }
    Err(Error::usage(format!(
        "QuantPost.quantize_op_types [{}] selects nothing of a BERT encoder, whose linear layers are \
         matmul_v2: write quantize_op_types: [mul, matmul, matmul_v2], or leave the key out",
        operators.join(", ")
    )))
}

fn at_least_one(key: &str, value: usize) -> Result<usize> {
    match value {
        0 => Err(Error::usage(format!("{key} is 0: at least 1 is needed"))),
        value => Ok(value),
    }
}

fn magnitude(key: &str, value: u8) -> Result<u8> {
    match value {
        1..=127 => Ok(value),
        _ => Err(Error::usage(format!(
            "{key} is {value}: it must be 1 to 127"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejects(change: impl FnOnce(&mut Config), words: &str) {
        let mut config = Config::default();
        change(&mut config);
        let error = Options::from_config(&config).unwrap_err();
        assert_eq!(error.kind(), act_core::ErrorKind::Usage);
        assert!(error.to_string().contains(words), "{error}");
    }

    #[test]
    fn the_default_is_one_trial() {
        let options = Options::from_config(&Config::default()).unwrap();
        let candidate = Candidate {
            method: Method::Hist { percent: 0.9999 },
            granularity: Granularity::Channel,
        };
        assert_eq!(options.candidates(), [candidate]);
        assert_eq!(options.calibration_examples(), 512);
    }

    #[test]
    fn lists_span_a_grid_within_the_bound() {
        let mut config = Config::default();
        config.hpo.ptq_algo = Some(["hist", "KL"].map(String::from).to_vec());
        config.hpo.hist_percent = Some(vec![0.99, 0.999]);
        config.hpo.weight_quantize_type = Some(
            ["channel_wise_abs_max", "abs_max"]
                .map(String::from)
                .to_vec(),
        );
        config.hpo.batch_num = Some(vec![4, 8]);
        let all = Options::from_config(&config).unwrap();
        assert_eq!(all.candidates().len(), 6);
        assert_eq!(all.batches, 8);
        config.hpo.max_quant_count = Some(4);
        let bounded = Options::from_config(&config).unwrap().candidates();
        assert_eq!(bounded, all.candidates()[..4]);
        assert_eq!(bounded[2].method, Method::Kl);
        assert_eq!(bounded[3].granularity, Granularity::Tensor);
    }

    #[test]
    fn what_cannot_be_done_is_said() {
        rejects(|c| c.quant_post.algo = "ptf".into(), "\"ptf\"");
        rejects(|c| c.quant_post.hist_percent = 99.9, "hist_percent is 99.9");
        rejects(
            |c| c.quant_post.hist_percent = f64::NAN,
            "hist_percent is NaN",
        );
        rejects(
            |c| c.quant_post.weight_quantize_type = "max".into(),
            "\"max\"",
        );
        rejects(|c| c.quant_post.weight_max = 128, "weight_max is 128");
        rejects(|c| c.quant_post.activation_max = 0, "activation_max is 0");
        rejects(|c| c.quant_post.batch_size = 0, "batch_size is 0");
        rejects(|c| c.hpo.batch_num = Some(vec![0]), "batch_nums is 0");
        rejects(|c| c.hpo.max_quant_count = Some(0), "max_quant_count is 0");
        rejects(
            |c| c.hpo.ptq_algo = Some(vec![]),
            "ptq_algo is an empty list",
        );
        rejects(|c| c.quant_post.weight_bits = 4, "weight_bits is 4");
        rejects(
            |c| c.quant_post.quantize_op_types = vec!["conv2d".into()],
            "quantize_op_types: [mul, matmul, matmul_v2]",
        );
    }
}
