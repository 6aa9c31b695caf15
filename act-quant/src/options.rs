//! What to quantise and which trials to make: the sections `QuantPost` and
//! `HyperParameterOptimization`, turned into types.

use std::time::Duration;

use act_core::metrics::{Measure, Metric};
use act_core::quant::{Calibrator, GroupLimit, WeightBits};
use act_core::{Error, Linear, Result, TaskInfo};
use act_stage::config::{
    AttentionKind, Config, JudgeTexts, QuantPost, SchemeKind, WeightGroups, WeightRound,
};

use crate::calibrate::Method;
use crate::scheme::Scheme;
use crate::weight::{Allowed, Granularity};

/// Options of post-training quantisation.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Calibrators to try, at least one.
    pub methods: Vec<Method>,
    /// Granularities of weights to try, at least one.
    pub granularities: Vec<Granularity>,
    /// Ways of rounding weights to try, at least one.
    pub rounds: Vec<WeightRound>,
    /// Whether to correct biases, at least one.
    pub bias_corrects: Vec<bool>,
    /// Upper bound of whole-model trials, and of those that change one input; at least 1.
    pub max_trials: usize,
    /// What an input may become; static or dynamic is among them.
    pub schemes: Vec<SchemeKind>,
    /// Take off every channel what its tokens have in common, where that costs nothing, and let the
    /// zero points of static scales move.
    pub shift: bool,
    /// Exponents that smoothing may use.
    pub alphas: Vec<f64>,
    /// Passes over the static inputs in which ranges are chosen by the answers of the whole model.
    pub range_passes: usize,
    /// Calibration examples that those answers are to.
    pub range_examples: usize,
    /// Divergence up to which no input is changed, in nats an example.
    pub max_divergence: f64,
    /// Sequences a batch.
    pub batch_size: usize,
    /// Calibration batches.
    pub batches: usize,
    /// What decides between trials, and between calibration and training; accuracy: divergence does.
    pub metric: Option<Metric>,
    /// How long it may be judged what other schemes of the result's inputs would have cost; `None`: not
    /// at all. Chooses nothing.
    pub explain: Option<Duration>,
    /// The texts that trials are judged on.
    pub judge: JudgeTexts,
    /// The file of such texts, if that is what they are.
    pub judge_file: Option<String>,
    /// Share of train that training held out, so that no weight has been fitted to it.
    pub validation_ratio: f64,
    /// Largest magnitude of an integer weight, 1..=127.
    pub weight_max: u8,
    /// Which weights together keep the fast sums of processors without VNNI within 16 bits.
    pub weight_groups: WeightGroups,
    /// Largest magnitude of an integer activation, 1..=127.
    pub activation_max: u8,
    /// Store the large embedding tables as integers.
    pub embeddings: bool,
    /// How integers are stored, but the classifier's.
    pub bits: WeightBits,
    /// What attention multiplies.
    pub attention: AttentionKind,
}

/// One point of the search space.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Chooses the activations' thresholds.
    pub method: Method,
    /// What shares a weight scale.
    pub granularity: Granularity,
    /// Which integers weights become.
    pub round: WeightRound,
    /// Whether biases take up the mean error of the weights.
    pub bias_correct: bool,
}

/// Who will run the quantised model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Deploy {
    /// act's own engine.
    #[default]
    Act,
    /// An ONNX runtime: QDQ graphs know no scale per token.
    Onnx,
}

impl Options {
    /// Reads the two sections. A list of `HyperParameterOptimization` replaces the single value of
    /// `QuantPost`; of several `batch_num` the largest is taken, since statistics are collected once.
    ///
    /// # Errors
    /// Usage: a value that is not allowed, or no linear layer among the operators.
    pub fn from_config(config: &Config) -> Result<Self> {
        let (post, search) = (&config.quant_post, &config.hpo);
        post.check()?;
        search.check()?;
        let methods = methods(config);
        note_unused_percentile(config, &methods);
        let granularities = choices(&search.weight_quantize_type, &post.weight_quantize_type);
        let batch_nums = choices(&search.batch_num, &post.batch_nums);
        Ok(Self {
            methods,
            granularities: granularities.to_vec(),
            rounds: choices(&search.weight_round, &post.weight_round).to_vec(),
            bias_corrects: choices(&search.bias_correct, &post.bias_correction).to_vec(),
            schemes: SchemeKind::ALL
                .into_iter()
                .filter(|kind| post.schemes.contains(kind))
                // What four bits lose, weights lose; in float they would take eight times the bytes.
                .filter(|&kind| kind != SchemeKind::Float || post.stored() == WeightBits::Eight)
                .collect(),
            shift: post.shift,
            alphas: post.smooth_alpha.clone(),
            range_passes: post.range_passes,
            range_examples: post.range_examples,
            max_divergence: post.max_divergence,
            max_trials: search.max_quant_count(),
            batch_size: post.batch_size,
            batches: batch_nums.iter().copied().fold(1, usize::max),
            metric: config.train.metric,
            explain: None,
            judge: post.judge,
            judge_file: post.judge_file.clone(),
            validation_ratio: config.train.validation_ratio,
            weight_max: post.weight_max,
            weight_groups: post.weight_groups,
            activation_max: post.activation_max,
            embeddings: post.embeddings,
            bits: post.stored(),
            attention: post.attention,
        })
    }

    /// What goes before divergence on this task; `None`: nothing.
    ///
    /// # Errors
    /// Usage, naming the key: it does not judge such answers, or not of so many classes.
    pub fn measure(&self, task: &TaskInfo) -> Result<Option<Measure>> {
        let Some(metric) = self.metric else {
            return Ok(None);
        };
        let measure = Measure::of_task(Some(metric), task);
        let measure = measure.map_err(|e| e.context("TrainConfig.metric"))?;
        Ok((metric != Metric::Accuracy).then_some(measure))
    }

    /// Leaves out what `deploy` cannot run.
    ///
    /// # Errors
    /// Usage: nothing that quantises is left, or attention in integers.
    pub fn restrict(mut self, deploy: Deploy) -> Result<Self> {
        if deploy == Deploy::Onnx {
            if self.attention == AttentionKind::Int8 {
                return Err(Error::usage(
                    "--deploy onnx: a QDQ graph cannot say attention in integers; set \
                     QuantPost.attention to f32",
                ));
            }
            self.schemes.retain(|&kind| kind != SchemeKind::Dynamic);
            if !self.schemes.contains(&SchemeKind::Static) {
                return Err(Error::usage(
                    "--deploy onnx: a QDQ graph has no scales per token, and QuantPost.schemes \
                     allow no static one; add static to them",
                ));
            }
        }
        Ok(self)
    }

    /// How a linear's weights are stored. The classifier's are few, and what they lose every answer loses:
    /// they have a byte each.
    pub fn bits(&self, linear: Linear) -> WeightBits {
        match linear {
            Linear::Classifier => WeightBits::Eight,
            _ => self.bits,
        }
    }

    /// What integer weights of a linear keep to.
    pub fn allowed(&self, linear: Linear) -> Allowed {
        Allowed {
            max: self.weight_max,
            limit: self.group_limit(),
            bits: self.bits(linear),
        }
    }

    /// What groups of weights keep to; `None` if they do whatever they are.
    pub fn group_limit(&self) -> Option<GroupLimit> {
        let size = self.weight_groups.size()?;
        GroupLimit::needed(size, self.weight_max, self.activation_max)
    }

    /// True if the options let an input become this.
    pub fn allows(&self, kind: SchemeKind) -> bool {
        self.schemes.contains(&kind)
    }

    /// True if static ranges are chosen by the answers of the whole model: where there are no scales per
    /// token to turn to.
    pub fn chooses_ranges(&self) -> bool {
        let is_static = self.allows(SchemeKind::Static) && !self.allows(SchemeKind::Dynamic);
        is_static && self.range_passes > 0
    }

    /// What every input becomes in a whole-model trial.
    pub fn base_scheme(&self, method: Method) -> Scheme {
        if self.allows(SchemeKind::Static) {
            Scheme::Static(method)
        } else {
            Scheme::Dynamic
        }
    }

    /// The whole space, in order: every method with the first granularity, rounding and correction, then
    /// the next. Methods find static scales; without any, one stands for all.
    pub fn candidates(&self) -> Vec<Candidate> {
        let methods = if self.allows(SchemeKind::Static) {
            &self.methods[..]
        } else {
            &self.methods[..1]
        };
        let mut all = Vec::new();
        for &granularity in &self.granularities {
            for &round in &self.rounds {
                for &bias_correct in &self.bias_corrects {
                    all.extend(methods.iter().map(|&method| Candidate {
                        method,
                        granularity,
                        round,
                        bias_correct,
                    }));
                }
            }
        }
        all
    }

    /// Sequences to calibrate on.
    pub fn calibration_examples(&self) -> usize {
        self.batches.saturating_mul(self.batch_size)
    }
}

/// Every calibrator asked for; `hist` once for each percentile.
fn methods(config: &Config) -> Vec<Method> {
    let (post, search) = (&config.quant_post, &config.hpo);
    let mut methods = Vec::new();
    for &calibrator in choices(&search.ptq_algo, &post.algo) {
        for &percent in choices(&search.hist_percent, &post.hist_percent) {
            let method = Method::new(calibrator, percent);
            if !methods.contains(&method) {
                methods.push(method);
            }
        }
    }
    methods
}

/// Says that percentiles were given and no calibrator takes one.
fn note_unused_percentile(config: &Config, methods: &[Method]) {
    let key = match &config.hpo.hist_percent {
        Some(_) => "HyperParameterOptimization.hist_percent",
        None if config.quant_post.hist_percent != QuantPost::default().hist_percent => {
            "QuantPost.hist_percent"
        }
        None => return,
    };
    if !methods.iter().any(|m| m.calibrator == Calibrator::Hist) {
        log::warn!("{key}: has no effect, since hist is not among the algorithms");
    }
}

/// The search's list, or the single value where there is none.
fn choices<'a, T>(searched: &'a Option<Vec<T>>, single: &'a T) -> &'a [T] {
    searched.as_deref().unwrap_or(std::slice::from_ref(single))
}

#[cfg(test)]
mod tests {
    use super::*;
    use act_stage::config::Operator;

    #[test]
    fn the_default_is_one_trial() {
        let options = Options::from_config(&Config::default()).unwrap();
        let candidate = Candidate {
            method: Method::new(Calibrator::Hist, 0.9999),
            granularity: Granularity::Channel,
            round: WeightRound::Compensated,
            bias_correct: true,
        };
        assert_eq!(options.candidates(), [candidate]);
        assert_eq!(options.calibration_examples(), 512);
    }

    #[test]
    fn lists_span_a_grid_within_the_bound() {
        let mut config = Config::default();
        config.hpo.ptq_algo = Some(vec![Calibrator::Hist, Calibrator::Kl]);
        config.hpo.hist_percent = Some(vec![0.99, 0.999]);
        config.hpo.weight_quantize_type = Some(vec![Granularity::Channel, Granularity::Tensor]);
        config.hpo.batch_num = Some(vec![4, 8]);
        let all = Options::from_config(&config).unwrap();
        assert_eq!(all.candidates().len(), 6);
        assert_eq!(all.batches, 8);
        assert_eq!(all.candidates()[2].method, Method::new(Calibrator::Kl, 0.0));
        assert_eq!(all.candidates()[3].granularity, Granularity::Tensor);
        config.hpo.bias_correct = Some(vec![true, false]);
        config.hpo.weight_round = Some(vec![WeightRound::Nearest, WeightRound::Compensated]);
        let all = Options::from_config(&config).unwrap().candidates();
        assert_eq!(all.len(), 24);
        assert_eq!(all[6].round, WeightRound::Compensated);
    }

    #[test]
    fn four_bits_leave_no_layer_in_float() {
        let mut config = Config::default();
        let options = Options::from_config(&config).unwrap();
        assert!(options.allows(SchemeKind::Float));
        config.quant_post.weight_bits = 4;
        let options = Options::from_config(&config).unwrap();
        assert!(!options.allows(SchemeKind::Float) && options.allows(SchemeKind::Dynamic));
        assert_eq!(options.bits(Linear::Classifier), WeightBits::Eight);
        assert_eq!(options.bits(Linear::Pooler), WeightBits::Four { group: 32 });
    }

    #[test]
    fn onnx_has_no_scale_per_token() {
        let mut config = Config::default();
        let onnx = |config: &Config| Options::from_config(config).unwrap().restrict(Deploy::Onnx);
        assert!(!onnx(&config).unwrap().allows(SchemeKind::Dynamic));
        config.quant_post.schemes = vec![SchemeKind::Dynamic, SchemeKind::Float];
        let message = onnx(&config).unwrap_err().to_string();
        assert!(message.starts_with("--deploy onnx"), "{message}");
        let here = Options::from_config(&config).unwrap();
        assert_eq!(
            here.base_scheme(Method::new(Calibrator::Kl, 0.0)),
            Scheme::Dynamic
        );
        assert_eq!(here.candidates().len(), 1);
    }

    #[test]
    fn what_cannot_be_done_is_said() {
        let rejects = |change: fn(&mut Config), key: &str| {
            let mut config = Config::default();
            change(&mut config);
            let error = Options::from_config(&config).unwrap_err();
            assert_eq!(error.kind(), act_core::ErrorKind::Usage);
            assert!(error.to_string().contains(key), "{error}");
        };
        rejects(|c| c.quant_post.hist_percent = f64::NAN, "hist_percent");
        rejects(|c| c.quant_post.activation_max = 0, "activation_max");
        rejects(|c| c.quant_post.schemes = vec![], "QuantPost.schemes");
        rejects(
            |c| c.quant_post.schemes = vec![SchemeKind::Dynamic, SchemeKind::Smooth],
            "static beside smooth",
        );
        rejects(|c| c.quant_post.smooth_alpha = vec![], "smooth_alpha");
        rejects(|c| c.quant_post.smooth_alpha = vec![1.5], "smooth_alpha");
        rejects(|c| c.quant_post.max_divergence = f64::NAN, "max_divergence");
        rejects(|c| c.hpo.max_quant_count = Some(0), "max_quant_count");
        rejects(|c| c.hpo.bias_correct = Some(vec![]), "bias_correct");
        rejects(|c| c.hpo.weight_round = Some(vec![]), "weight_round");
        rejects(|c| c.hpo.ptq_algo = Some(vec![]), "ptq_algo");
        rejects(|c| c.hpo.batch_num = Some(vec![]), "batch_num");
        rejects(|c| c.hpo.hist_percent = Some(vec![]), "hist_percent");
        rejects(
            |c| c.quant_post.quantize_op_types = vec![Operator::Conv2d],
            "quantize_op_types",
        );
    }
}
