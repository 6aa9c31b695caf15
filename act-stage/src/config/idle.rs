//! Keys that change nothing because of what other keys say.

use super::choices::SchemeKind;
use super::document::Config;
use super::programs::Program;
use act_core::error::Result;

impl Config {
    /// Warns of keys that were given, are `program`'s to read, and change nothing there because of what
    /// other keys say.
    ///
    /// # Errors
    /// Those of the losses.
    pub fn warn_of_idle(&self, program: Program) -> Result<()> {
        for (key, idle, why) in self.idle()? {
            if idle && program.read(key) && self.places.has(key) {
                let text = format!("{key} has no effect: {why}");
                log::warn!("{}", self.places.told(key, &text));
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

    /// Each such key, whether it is idle, and why.
    fn idle(&self) -> Result<[(&'static str, bool, &'static str); 9]> {
        let losses = self.distillation.weights()?;
        let inner = losses.pooled + losses.hidden + losses.relations;
        let targets = self.prune.targets();
        let of_time = |key: &&str| ["target_speedup", "budget"].contains(key);
        let untimed = !targets.iter().any(of_time);
        let unmeasured = untimed && !targets.contains(&"bytes");
        let smooth = self.quant_post.schemes.contains(&SchemeKind::Smooth);
        let no_target = "no target of time is given";
        let no_relations = "Distillation.relations is not asked for";
        Ok([
            ("Prune.latency_batch", untimed, no_target),
            ("Prune.latency_threads", untimed, no_target),
            (
                "Prune.precision",
                unmeasured,
                "no target of time or bytes is given",
            ),
            (
                "Distillation.temperature",
                losses.soft_labels == 0.0,
                "no loss has soft labels",
            ),
            (
                "Distillation.layers",
                losses.hidden == 0.0,
                "Distillation.hidden is not asked for",
            ),
            (
                "Distillation.relation_heads",
                losses.relations == 0.0,
                no_relations,
            ),
            (
                "Distillation.relation_layers",
                losses.relations == 0.0,
                no_relations,
            ),
            (
                "Distillation.cache",
                inner == 0.0,
                "no loss looks into the teacher",
            ),
            (
                "QuantPost.smooth_alpha",
                !smooth,
                "smooth is not among QuantPost.schemes",
            ),
        ])
    }
}
