//! The names that keys may have as values, in PaddleSlim's spelling. Each is spelt here and nowhere
//! else; what they mean is the stages' business.

use act_core::named;

named! {
    /// `TrainConfig.optimizer_builder.optimizer.type`: Paddle's classes.
    #[derive(Default)]
    #[cfg_attr(test, derive(schemars::JsonSchema))]
    pub enum OptimizerKind {
        /// Adam with decoupled decay.
        #[default]
        AdamW = "AdamW",
        /// Adam.
        Adam = "Adam",
        /// Gradient descent.
        Sgd = "SGD",
        /// With a velocity.
        Momentum = "Momentum",
    }
}

named! {
    /// `TrainConfig.optimizer_builder.regularizer.type`.
    #[cfg_attr(test, derive(schemars::JsonSchema))]
    pub enum Penalty {
        /// Of magnitudes.
        L1 = "L1Decay",
        /// Of squares.
        L2 = "L2Decay",
    }
}

named! {
    /// `TrainConfig.amp_config.dtype`.
    #[derive(Default)]
    #[cfg_attr(test, derive(schemars::JsonSchema))]
    pub enum AmpDtype {
        /// The one there is.
        #[default]
        Bfloat16 = "bfloat16",
    }
}

named! {
    /// `TrainConfig.lr_decay`: what a learning rate that is a number does after warm-up.
    #[cfg_attr(test, derive(schemars::JsonSchema))]
    pub enum LrDecay {
        /// Falls linearly to 0 at the last step.
        Linear = "linear",
        /// Falls along half a cosine to 0 at the last step.
        Cosine = "cosine",
        /// Stays.
        Constant = "constant",
    }
}

named! {
    /// `Distillation.loss`: PaddleSlim's names.
    #[cfg_attr(test, derive(schemars::JsonSchema))]
    pub enum PaddleLoss {
        /// Mean squared error.
        L2 = "l2",
        /// Divergence of softened probabilities.
        SoftLabel = "soft_label",
    }
}

named! {
    /// `QuantAware.weight_quantize_type`: where the steps of trained weights come from.
    #[cfg_attr(test, derive(schemars::JsonSchema))]
    pub enum TrainedWeights {
        /// Learned, one a row.
        Learned = "channel_wise_lsq",
        /// The largest weight of each row.
        RowPeak = "channel_wise_abs_max",
        /// The largest weight of all.
        Peak = "abs_max",
    }
}

named! {
    /// `QuantAware.activation_quantize_type`: where the steps of inputs come from.
    #[cfg_attr(test, derive(schemars::JsonSchema))]
    pub enum TrainedActivations {
        /// Learned.
        Learned = "lsq",
        /// A moving average of each batch's largest.
        MovingAverage = "moving_average_abs_max",
        /// The largest of a window of batches.
        RangePeak = "range_abs_max",
        /// The largest of all.
        Peak = "abs_max",
    }
}

named! {
    /// `Prune.prune_algo`.
    #[cfg_attr(test, derive(schemars::JsonSchema))]
    pub enum PruneAlgorithm {
        /// The one there is.
        Transformer = "transformer_pruner",
    }
}

named! {
    /// `Prune.criterion`: how importance is measured.
    #[cfg_attr(test, derive(schemars::JsonSchema))]
    pub enum Criterion {
        /// The squares of a structure's weights; the naive baseline, needs no data.
        Magnitude = "magnitude",
        /// The gradient by a mask, as PaddleSlim's transformer_pruner; the reference.
        FirstOrder = "first_order",
        /// Fisher information of masks, re-pairing, mask tuning (Kwon et al. 2022).
        Fisher = "fisher",
        /// Optimal brain surgeon on whole structures (ZipLM, Kurtic et al. 2023).
        Obs = "obs",
    }
}

named! {
    /// `Prune.precision`: what will be served.
    #[cfg_attr(test, derive(schemars::JsonSchema))]
    pub enum Precision {
        /// Integers.
        Int8 = "int8",
        /// Single precision.
        F32 = "f32",
    }
}

named! {
    /// `Prune.vocabulary`: which tokens stay.
    #[cfg_attr(test, derive(schemars::JsonSchema))]
    pub enum KeptTokens {
        /// All of them.
        All = "all",
        /// Those that the training data use.
        Used = "used",
        /// Those that a file of texts uses.
        Corpus = "corpus",
    }
}

named! {
    /// `QuantPost.weight_quantize_type`: what shares a weight scale, and how it is chosen.
    #[cfg_attr(test, derive(schemars::JsonSchema))]
    pub enum Granularity {
        /// Each output row has its own.
        Channel = "channel_wise_abs_max",
        /// The whole tensor has one.
        Tensor = "abs_max",
        /// Each output row has its own, with the least squared error; ours.
        ChannelMse = "channel_wise_mse",
    }
}

named! {
    /// `QuantPost.weight_round`: which integer a weight becomes.
    #[cfg_attr(test, derive(schemars::JsonSchema))]
    pub enum WeightRound {
        /// The nearest.
        Nearest = "nearest",
        /// The one that its error leaves least of at the layer's outputs, later weights of the row making up
        /// for those before them.
        Compensated = "compensated",
    }
}

named! {
    /// `QuantPost.weight_groups`: which weights together keep to what processors without VNNI can add in
    /// 16 bits.
    #[cfg_attr(test, derive(schemars::JsonSchema))]
    pub enum WeightGroups {
        /// None: they multiply more slowly there.
        None = "none",
        /// Every two neighbours.
        Pairs = "pairs",
        /// Every four.
        Quads = "quads",
    }
}

named! {
    /// `QuantPost.attention`: what attention multiplies queries by keys in, and its weights by values.
    #[cfg_attr(test, derive(schemars::JsonSchema))]
    pub enum AttentionKind {
        /// Floats.
        F32 = "f32",
        /// Bytes, of which the scales are found while the model runs.
        Int8 = "int8",
    }
}

impl WeightGroups {
    /// Weights of a group.
    pub fn size(self) -> Option<u8> {
        match self {
            WeightGroups::None => None,
            WeightGroups::Pairs => Some(2),
            WeightGroups::Quads => Some(4),
        }
    }
}

named! {
    /// `QuantPost.schemes`: what the input of a layer may become, the cheapest at run time first.
    #[derive(PartialOrd, Ord)]
    #[cfg_attr(test, derive(schemars::JsonSchema))]
    pub enum SchemeKind {
        /// One scale, found by calibration.
        Static = "static",
        /// One scale, after outlier channels have been moved into the weights.
        Smooth = "smooth",
        /// The same where weights and norms cannot take it up: each channel is multiplied by a number of
        /// its own when it is quantised.
        SmoothAtRunTime = "smooth_at_run_time",
        /// A scale for each token.
        Dynamic = "dynamic",
        /// Not quantised.
        Float = "float",
    }
}

named! {
    /// `QuantPost.judge`: the texts that trials are judged on.
    #[cfg_attr(test, derive(schemars::JsonSchema))]
    pub enum JudgeTexts {
        /// Texts without labels that lie beside the splits, if there are any; else made up.
        Automatic = "automatic",
        /// Texts of train that calibration has not seen, without every fifth word.
        Made = "made",
        /// Texts of train that calibration has not seen.
        Train = "train",
        /// The dev split, which then measures nothing any more.
        Dev = "dev",
        /// Those of `judge_file`.
        File = "file",
    }
}

named! {
    /// `quantize_op_types`: operators in Paddle's names.
    #[allow(missing_docs)]
    #[cfg_attr(test, derive(schemars::JsonSchema))]
    pub enum Operator {
        Mul = "mul",
        Matmul = "matmul",
        MatmulV2 = "matmul_v2",
        Conv2d = "conv2d",
        DepthwiseConv2d = "depthwise_conv2d",
        Conv2dTranspose = "conv2d_transpose",
    }
}

impl Operator {
    /// Those that are linear layers.
    pub const LINEAR: [Operator; 3] = [Operator::Mul, Operator::Matmul, Operator::MatmulV2];
}
