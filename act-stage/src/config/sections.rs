//! The sections and their keys, typed, with their defaults. `docs/config.md` explains each key.

use super::choices::{
    AttentionKind, Criterion, Granularity, JudgeTexts, KeptTokens, Operator, PaddleLoss, Precision,
    PruneAlgorithm, SchemeKind, TrainedActivations, TrainedWeights, WeightGroups, WeightRound,
};
use super::quantity::{Size, Time};
use super::section::section;
use act_core::quant::Calibrator;

section! {
    /// Model, task and data.
    pub struct Global {
        /// Name of the task: one of CLUE's or GLUE's, or that of one's own data.
        pub task_name: Option<String>,
        /// Sequences a step or batch, where the section at work does not say its own; see
        /// [`Global::batch_size()`].
        pub batch_size: Option<usize>,
        /// Longest sequence in tokens, special tokens counted.
        pub max_seq_length: Option<usize>,
        /// Ours: folder of the data set, when `--data` does not give one. Not part of provenance.
        #[serde(skip_serializing)]
        pub data_dir: Option<String>,
    }
}

impl Global {
    /// Sequences a step or batch; PaddleSlim's configurations all say 16.
    pub fn batch_size(&self) -> usize {
        self.batch_size.unwrap_or(16)
    }
}

section! {
    /// Losses against a teacher.
    pub struct Distillation {
        /// The teacher, when the command line does not give one. Not part of provenance, which holds
        /// the teacher's digest instead.
        #[serde(skip_serializing)]
        pub teacher_model_dir: Option<String>,
        /// Accepted for PaddleSlim's files.
        #[serde(skip_serializing)]
        pub teacher_model_filename: Option<String>,
        /// Accepted for PaddleSlim's files.
        #[serde(skip_serializing)]
        pub teacher_params_filename: Option<String>,
        /// PaddleSlim's losses.
        pub loss: Option<Vec<PaddleLoss>>,
        /// Where each of them looks.
        pub node: Option<Vec<String>>,
        /// Weight of each of them.
        pub alpha: Option<Vec<f64>>,
        /// Ours: weight of cross-entropy with the labels.
        pub labels: Option<f64>,
        /// Ours: weight of the mean squared error of the logits.
        pub logits: Option<f64>,
        /// Ours: weight of the divergence of softened probabilities.
        pub soft_labels: Option<f64>,
        /// Ours: temperature of the soft labels.
        pub temperature: Option<f64>,
        /// Ours: weight of the mean squared error of the pooled output.
        pub pooled: Option<f64>,
        /// Ours: weight of the mean squared error of hidden states.
        pub hidden: Option<f64>,
        /// Ours: pairs of student's and teacher's layers whose hidden states are compared.
        pub layers: Option<Vec<[usize; 2]>>,
        /// Ours: weight of the divergence of self-attention relations.
        pub relations: Option<f64>,
        /// Ours: relation heads.
        pub relation_heads: Option<usize>,
        /// Ours: student's and teacher's layer whose relations are compared.
        pub relation_layers: Option<[usize; 2]>,
        /// Ours: memory for the teacher's inner values; see [`Distillation::cache_bytes`]. Not part of
        /// provenance: it changes no result.
        #[serde(skip_serializing)]
        pub cache: Option<Size>,
    }
}

section! {
    /// Structured pruning: by a ratio, or to a target, of which at most one may be given.
    pub struct Prune {
        /// The pruner.
        pub prune_algo: PruneAlgorithm = PruneAlgorithm::Transformer,
        /// Share of heads and of feed-forward neurons to remove from every layer; see [`Prune::ratio`].
        pub pruned_ratio: Option<f64>,
        /// Ours: how many layers stay, evenly spread.
        pub layers: Option<usize>,
        /// Ours: how many units of the residual stream stay.
        pub hidden_size: Option<usize>,
        /// Ours, a target: so many times faster.
        pub target_speedup: Option<f64>,
        /// Ours, a target: time of a sequence, `8ms`.
        pub budget: Option<Time>,
        /// Ours, a target: share of the parameters that stays.
        pub params: Option<f64>,
        /// Ours, a target: size of the file, `20MB`.
        pub bytes: Option<Size>,
        /// Ours: how importance is measured; see [`Prune::criterion()`].
        pub criterion: Option<Criterion>,
        /// Ours: what will be served; times and bytes are of it.
        pub precision: Precision = Precision::Int8,
        /// Ours: sequences that are served together, for times.
        pub latency_batch: usize = 1,
        /// Ours: threads of the engine, for times.
        pub latency_threads: usize = 1,
        /// Ours: which tokens stay.
        pub vocabulary: KeptTokens = KeptTokens::All,
        /// Ours: the corpus, one text a line. Not part of provenance, which holds its digest.
        #[serde(skip_serializing)]
        pub vocabulary_file: Option<String>,
        /// Ours: training examples on which importance is measured.
        pub calibration_examples: usize = 2048,
    }
}

impl Prune {
    /// The targets that are given, by key; more than one contradict each other.
    pub fn targets(&self) -> Vec<&'static str> {
        let given = [
            ("target_speedup", self.target_speedup.is_some()),
            ("budget", self.budget.is_some()),
            ("params", self.params.is_some()),
            ("bytes", self.bytes.is_some()),
        ];
        let given = given.into_iter().filter(|(_, given)| *given);
        given.map(|(key, _)| key).collect()
    }

    /// The share to remove, where no target is given; PaddleSlim's.
    pub fn ratio(&self) -> f64 {
        self.pruned_ratio.unwrap_or(0.25)
    }

    /// How importance is measured: PaddleSlim's way with its ratio, and with a target the one that
    /// loses least (docs/benchmarks, pruning without retraining).
    pub fn criterion(&self) -> Criterion {
        let automatic = if self.targets().is_empty() {
            Criterion::FirstOrder
        } else {
            Criterion::Obs
        };
        self.criterion.unwrap_or(automatic)
    }
}

section! {
    /// Search space of post-training quantisation: a list here goes before the single value of
    /// [`QuantPost`].
    pub struct HyperParameterOptimization {
        /// Choices for `QuantPost.algo`.
        #[cfg_attr(test, schemars(schema_with = "super::schema::calibrators"))]
        pub ptq_algo: Option<Vec<Calibrator>>,
        /// Choices for `QuantPost.weight_quantize_type`.
        pub weight_quantize_type: Option<Vec<Granularity>>,
        /// Ours: choices for `QuantPost.weight_round`.
        pub weight_round: Option<Vec<WeightRound>>,
        /// Choices for `QuantPost.bias_correction`.
        pub bias_correct: Option<Vec<bool>>,
        /// Choices for `QuantPost.hist_percent`.
        pub hist_percent: Option<Vec<f64>>,
        /// Choices for `QuantPost.batch_nums`; the largest is taken.
        pub batch_num: Option<Vec<usize>>,
        /// Upper bound of trials; see [`HyperParameterOptimization::max_quant_count()`].
        pub max_quant_count: Option<usize>,
    }
}

impl HyperParameterOptimization {
    /// Upper bound of trials; PaddleSlim's.
    pub fn max_quant_count(&self) -> usize {
        self.max_quant_count.unwrap_or(20)
    }
}

section! {
    /// Post-training quantisation.
    pub struct QuantPost {
        /// Sequences a calibration batch.
        pub batch_size: usize = 32,
        /// Calibration batches.
        pub batch_nums: usize = 16,
        /// Calibration of activations.
        #[cfg_attr(test, schemars(schema_with = "super::schema::calibrator"))]
        pub algo: Calibrator = Calibrator::Hist,
        /// Percentile of `hist`.
        pub hist_percent: f64 = 0.9999,
        /// Scales of weights.
        pub weight_quantize_type: Granularity = Granularity::Channel,
        /// Ours: which integers weights become.
        pub weight_round: WeightRound = WeightRound::Compensated,
        /// Fold the mean error of each layer's integer weights into its bias.
        pub bias_correction: bool = true,
        /// Operators to quantise; the linears must be among them.
        pub quantize_op_types: Vec<Operator> = Operator::LINEAR.to_vec(),
        /// 8.
        pub weight_bits: u32 = 8,
        /// 8.
        pub activation_bits: u32 = 8,
        /// Ours: what a site may become.
        pub schemes: Vec<SchemeKind> = SchemeKind::ALL.to_vec(),
        /// Ours: take off every channel of an input what its tokens have in common, where biases can take
        /// it up.
        pub shift: bool = true,
        /// Ours: exponents of the migration from activations to weights that `smooth` may use.
        pub smooth_alpha: Vec<f64> = vec![0.25, 0.5, 0.75, 0.9],
        /// Ours: passes over the static inputs in which each gets the range with which the whole model
        /// answers best.
        pub range_passes: usize = 2,
        /// Ours: calibration examples that those answers are to.
        pub range_examples: usize = 128,
        /// Ours: divergence from the float model, in nats an example, up to which every site stays as
        /// the search over whole models left it.
        pub max_divergence: f64 = 1e-3,
        /// Ours: the texts that trials are judged on.
        pub judge: JudgeTexts = JudgeTexts::Automatic,
        /// Ours: the file of such texts.
        pub judge_file: Option<String>,
        /// Ours: integer embedding tables.
        pub embeddings: bool = true,
        /// Ours: largest magnitude of an integer weight.
        pub weight_max: u8 = 127,
        /// Ours: which weights together keep to what processors without VNNI can add in 16 bits.
        pub weight_groups: WeightGroups = WeightGroups::Pairs,
        /// Ours: largest magnitude of an integer activation.
        pub activation_max: u8 = 127,
        /// Ours: weights that share a multiplier where `weight_bits` is 4.
        pub group_size: usize = 32,
        /// Ours: what attention multiplies queries by keys in, and its weights by values.
        pub attention: AttentionKind = AttentionKind::F32,
    }
}

impl QuantPost {
    /// What `--judge` asks for: one of the names of [`JudgeTexts`], or else a file.
    pub fn judge_by(&mut self, wanted: &str) {
        (self.judge, self.judge_file) = match wanted.parse() {
            Ok(JudgeTexts::File) | Err(_) => (JudgeTexts::File, Some(wanted.to_string())),
            Ok(texts) => (texts, None),
        };
    }
}

section! {
    /// Quantisation-aware training, after the calibration of [`QuantPost`].
    pub struct QuantAware {
        /// Operators to quantise, as in [`QuantPost::quantize_op_types`].
        pub quantize_op_types: Vec<Operator> = Operator::LINEAR.to_vec(),
        /// 8.
        pub weight_bits: u32 = 8,
        /// 8.
        pub activation_bits: u32 = 8,
        /// Where the steps of weights come from.
        pub weight_quantize_type: TrainedWeights = TrainedWeights::Learned,
        /// Where the steps of inputs come from; see [`QuantAware::activations`].
        pub activation_quantize_type: Option<TrainedActivations>,
        /// Share of the old value in the moving average of activation ranges; see
        /// [`QuantAware::moving_rate()`].
        pub moving_rate: Option<f64>,
        /// Ours: divergence of the calibrated model, in nats an example, up to which nothing is trained.
        pub max_divergence: f64 = 2e-3,
        /// Ours: peak learning rate; a tenth of `TrainConfig`'s.
        pub learning_rate: Option<f64>,
        /// Ours: passes over the data; a tenth of `TrainConfig`'s, at least 1.
        pub epochs: Option<usize>,
        /// Ours: upper bound of steps; a tenth of `TrainConfig`'s.
        pub train_iter: Option<usize>,
        /// Ours: steps between evaluations; a tenth of the steps.
        pub eval_iter: Option<usize>,
        /// Ours: dropout while training.
        pub dropout: f64 = 0.0,
    }
}

impl QuantAware {
    /// The rule of the activations' steps: as given; PaddleSlim's where only its rate is.
    pub fn activations(&self) -> TrainedActivations {
        match (self.activation_quantize_type, self.moving_rate) {
            (Some(rule), _) => rule,
            (None, Some(_)) => TrainedActivations::MovingAverage,
            (None, None) => TrainedActivations::Learned,
        }
    }

    /// Share of the old value in the moving average of activation ranges.
    pub fn moving_rate(&self) -> f64 {
        self.moving_rate.unwrap_or(0.9)
    }
}
