//! Advice on integer ranges for the machine that quantises. Advice only: a model is often served on
//! another machine, and the same data must give the same bytes on all of them.

use act_stage::config::WeightGroups;

use crate::options::Options;

/// What to try where the engine's `kernels` have no instruction that adds four products of bytes at
/// full range; none where they have, or where the ranges are narrow already. Measured in
/// docs/benchmarks/int8.md.
pub fn advice(kernels: &str, options: &Options) -> Option<&'static str> {
    let full = options.weight_max > 64 && options.activation_max > 63;
    let unlimited = full && options.weight_groups == WeightGroups::None;
    (kernels == "avx2" && unlimited).then_some(
        "this processor has no VNNI: if it is to serve the model, leave QuantPost.weight_groups at its \
         default (docs/config.md, integer ranges)",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use act_stage::config::Config;

    #[test]
    fn only_unlimited_weights_without_vnni_are_worth_a_word() {
        let mut options = Options::from_config(&Config::default()).unwrap();
        assert_eq!(advice("avx2", &options), None);
        options.weight_groups = WeightGroups::None;
        let limits = advice("avx2", &options).unwrap();
        assert!(limits.contains("QuantPost.weight_groups"), "{limits}");
        for kernels in ["avx-vnni", "avx512-vnni", "generic"] {
            assert_eq!(advice(kernels, &options), None);
        }
        options.weight_max = 64;
        assert_eq!(advice("avx2", &options), None);
    }
}
