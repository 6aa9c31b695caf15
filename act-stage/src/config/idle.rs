//! Keys that change nothing because of what other keys say.

use super::choices::SchemeKind;
use super::document::Config;
use super::programs::Program;
use act_core::error::Result;
use act_core::quant::WeightBits;

/// A key, whether other keys leave it without effect, and which.
type Idle = (&'static str, bool, &'static str);

const FOUR_BITS: &str = "QuantPost.weight_bits: 4";

impl Config {
    /// Warns of keys that were given, are `program`'s to read, and change nothing there because of what
    /// other keys say.
    ///
    /// # Errors
    /// Those of the losses.
    pub fn warn_of_idle(&self, program: Program) -> Result<()> {
        let warn = |key: &str, why: &str| {
            let text = format!("{key} has no effect: {why}");
            log::warn!("{}", self.places.told(key, &text));
        };
        for (key, idle, why) in self.without_meaning()? {
            if idle && program.read(key) && self.places.has(key) {
                warn(key, why);
            }
        }
        let key = "QuantPost.schemes";
        if self.leaves_float_out() && program.read(key) && self.places.has(key) {
            let text =
                format!("float in {key} has no effect: {FOUR_BITS} leaves no layer in float");
            log::warn!("{}", self.places.told(key, &text));
        }
        // A file may hold both; a flag asks for a change.
        for (key, idle, why) in self.behind_others(program) {
            if idle && program.read(key) && self.places.is_of_flag(key) {
                warn(key, why);
            }
        }
        Ok(())
    }

    /// Says that losses against a teacher were given to a training that has none.
    ///
    /// # Errors
    /// Usage: a flag gave one of them.
    pub fn check_untaught(&self) -> Result<()> {
        let losses = self.places.of_section("Distillation");
        // A flag before a key of the file, which serves other stages too.
        let Some((key, by_flag)) = losses.max_by_key(|(_, by_flag)| *by_flag) else {
            return Ok(());
        };
        let text = format!("{key} has no effect without a teacher: give --teacher FILE");
        if by_flag {
            return Err(self.places.mistake(key, &text));
        }
        log::warn!("{}", self.places.told(key, &text));
        Ok(())
    }

    /// True if layers may stay in float for all that the schemes say, and may not for what the bits say.
    fn leaves_float_out(&self) -> bool {
        let post = &self.quant_post;
        post.stored() != WeightBits::Eight && post.schemes.contains(&SchemeKind::Float)
    }

    /// Keys that say something of what is not asked for.
    fn without_meaning(&self) -> Result<[Idle; 11]> {
        let losses = self.distillation.weights()?;
        let inner = losses.pooled + losses.hidden + losses.relations;
        let targets = self.prune.targets();
        let of_time = |key: &&str| ["target_speedup", "budget"].contains(key);
        let untimed = !targets.iter().any(of_time);
        let unmeasured = untimed && !targets.contains(&"bytes");
        let unrelated = losses.relations == 0.0;
        let smooth = [SchemeKind::Smooth, SchemeKind::SmoothAtRunTime];
        let rough = !smooth
            .iter()
            .any(|kind| self.quant_post.schemes.contains(kind));
        let no_target = "no target of time is given";
        let no_size = "no target of time or bytes is given";
        let no_labels = "no loss has soft labels";
        let no_hidden = "Distillation.hidden is not asked for";
        let no_relations = "Distillation.relations is not asked for";
        let no_inner = "no loss looks into the teacher";
        let no_smooth = "smooth is not among QuantPost.schemes";
        let in_groups = self.quant_post.stored() != WeightBits::Eight;
        let of_groups = "with QuantPost.weight_bits: 4 groups have steps of their own; only the classifier, in 8 bits, heeds it";
        Ok([
            ("Prune.latency_batch", untimed, no_target),
            ("Prune.latency_threads", untimed, no_target),
            ("Prune.precision", unmeasured, no_size),
            (
                "Distillation.temperature",
                losses.soft_labels == 0.0,
                no_labels,
            ),
            ("Distillation.layers", losses.hidden == 0.0, no_hidden),
            ("Distillation.relation_heads", unrelated, no_relations),
            ("Distillation.relation_layers", unrelated, no_relations),
            ("Distillation.cache", inner == 0.0, no_inner),
            ("QuantPost.smooth_alpha", rough, no_smooth),
            ("QuantPost.weight_quantize_type", in_groups, of_groups),
            (
                "HyperParameterOptimization.weight_quantize_type",
                in_groups,
                of_groups,
            ),
        ])
    }

    /// Keys that another goes before.
    fn behind_others(&self, program: Program) -> [Idle; 10] {
        let search = &self.hpo;
        let aware = self.quant_aware.clone().unwrap_or_default();
        let trains = program == Program::Train;
        let batch = program != Program::Prune && self.train.batch_size.is_some();
        [
            (
                "Global.batch_size",
                batch,
                "TrainConfig.batch_size goes before it",
            ),
            (
                "QuantPost.algo",
                search.ptq_algo.is_some(),
                "HyperParameterOptimization.ptq_algo goes before it",
            ),
            (
                "QuantPost.hist_percent",
                search.hist_percent.is_some(),
                "HyperParameterOptimization.hist_percent goes before it",
            ),
            (
                "QuantPost.batch_nums",
                search.batch_num.is_some(),
                "HyperParameterOptimization.batch_num goes before it",
            ),
            (
                "QuantPost.weight_quantize_type",
                search.weight_quantize_type.is_some(),
                "HyperParameterOptimization.weight_quantize_type goes before it",
            ),
            (
                "QuantPost.weight_round",
                search.weight_round.is_some(),
                "HyperParameterOptimization.weight_round goes before it",
            ),
            (
                "QuantPost.bias_correction",
                search.bias_correct.is_some(),
                "HyperParameterOptimization.bias_correct goes before it",
            ),
            (
                "TrainConfig.epochs",
                trains && aware.epochs.is_some(),
                "QuantAware.epochs goes before it",
            ),
            (
                "TrainConfig.train_iter",
                trains && aware.train_iter.is_some(),
                "QuantAware.train_iter goes before it",
            ),
            (
                "TrainConfig.learning_rate",
                trains && aware.learning_rate.is_some(),
                "QuantAware.learning_rate goes before it",
            ),
        ]
    }
}
