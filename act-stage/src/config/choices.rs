//! The names that keys may have as values, in PaddleSlim's spelling. Each is spelt here and nowhere
//! else; what they mean is the stages' business.

use act_core::named;

named! {
    /// `TrainConfig.optimizer_builder.optimizer.type`: Paddle's classes.
    pub enum OptimizerKind {
        /// Adam with decoupled decay.
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
    pub enum Penalty {
        /// Of magnitudes.
        L1 = "L1Decay",
        /// Of squares.
        L2 = "L2Decay",
    }
}

named! {
    /// `TrainConfig.amp_config.dtype`.
    pub enum AmpDtype {
        /// The one there is.
        Bfloat16 = "bfloat16",
    }
}

named! {
    /// `TrainConfig.lr_decay`: what a learning rate that is a number does after warm-up.
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
    pub enum PaddleLoss {
        /// Mean squared error.
        L2 = "l2",
        /// Divergence of softened probabilities.
        SoftLabel = "soft_label",
    }
}

named! {
    /// `QuantAware.weight_quantize_type`: where the steps of trained weights come from.
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
