//! BERT's initial weights (Devlin et al. 2019, `initializer_range` 0.02 of the published code): every
//! matrix and table normal with standard deviation 0.02, redrawn beyond two deviations; biases 0;
//! layer norms the identity. Each tensor has its own stream of chance, named after it, so that one
//! more tensor moves no other.

use std::collections::BTreeSet;
use std::f64::consts::TAU;

use act_core::quant::QuantSpec;
use act_core::{Norm, Params, Plan, Seed, Tensor};
use rand::Rng;

/// Standard deviation before truncation.
const DEVIATION: f64 = 0.02;

/// Untrained parameters: exactly the tensors of the float model of `plan`.
pub fn params(plan: &Plan, seed: Seed) -> Params {
    let norms = plan.norms().into_iter();
    let ones: BTreeSet<String> = norms.map(Norm::weight).collect();
    let specs = plan.expected_tensors(&QuantSpec::default()).into_iter();
    specs
        .map(|spec| {
            let len = spec.shape.iter().product();
            let values = match spec.shape.len() {
                2 => normal(len, seed, &spec.name),
                _ if ones.contains(&spec.name) => vec![1.0; len],
                _ => vec![0.0; len],
            };
            (spec.name, Tensor::f32(spec.shape, values))
        })
        .collect()
}

/// Truncated normal numbers from the stream of tensor `name`.
fn normal(len: usize, seed: Seed, name: &str) -> Vec<f32> {
    let mut rng = seed.stream(&format!("init/{name}"));
    (0..len)
        .map(|_| (DEVIATION * truncated_standard_normal(&mut rng)) as f32)
        .collect()
}

/// A standard normal number of magnitude at most 2 (Box & Muller 1958, then rejection).
fn truncated_standard_normal(rng: &mut impl Rng) -> f64 {
    loop {
        let (radius, angle): (f64, f64) = rng.random();
        // 1 - [0, 1) is never 0, whose logarithm is infinite.
        let z = (-2.0 * (1.0 - radius).ln()).sqrt() * (TAU * angle).cos();
        if z.abs() <= 2.0 {
            return z;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use act_core::{Activation, Block, Embeddings, Family, Head, LayerPlan};

    fn plan(layers: usize) -> Plan {
        Plan {
            family: Family::Bert,
            hidden_size: 16,
            layer_norm_eps: 1e-12,
            num_labels: 2,
            embeddings: Embeddings::bert(2000, 16, 8, 2),
            block: Block::bert(Activation::Gelu),
            layers: vec![LayerPlan::full(2, 8, 32); layers],
            head: Head::BERT,
        }
    }

    #[test]
    fn matrices_are_normal_and_cut_at_two_deviations() {
        let params = params(&plan(1), Seed(7));
        let table = params.f32("embeddings.word_embeddings.weight").unwrap();
        let n = table.len() as f64;
        let moment = |p: i32| table.iter().map(|&v| f64::from(v).powi(p)).sum::<f64>() / n;
        // The standard deviation of a normal cut at two deviations is 0.8796 of the whole one's.
        let deviation = 0.02 * 0.879_626;
        assert!(table.iter().all(|v| v.abs() <= 0.04));
        assert!(moment(1).abs() < 4.0 * deviation / n.sqrt());
        assert!((moment(2).sqrt() / deviation - 1.0).abs() < 0.02);
        // Kurtosis of the cut normal, 2.37, tells it from a uniform one (1.8).
        assert!((moment(4) / moment(2).powi(2) - 2.37).abs() < 0.1);
    }

    #[test]
    fn norms_start_as_the_identity_and_biases_at_zero() {
        let params = params(&plan(2), Seed(7));
        for (name, tensor) in params.iter().filter(|(_, t)| t.shape().len() == 1) {
            let expected = f32::from(name.ends_with("LayerNorm.weight"));
            assert!(
                params.f32(name).unwrap().iter().all(|&v| v == expected),
                "{name}"
            );
            assert_eq!(tensor.shape(), [params.f32(name).unwrap().len()]);
        }
    }

    #[test]
    fn one_more_layer_moves_no_other_tensor() {
        let (two, three) = (params(&plan(2), Seed(7)), params(&plan(3), Seed(7)));
        for (name, tensor) in two.iter() {
            assert!(tensor.bytes() == three.get(name).unwrap().bytes(), "{name}");
        }
        let query = |l: usize| three.f32(&act_core::Linear::Query(l).weight()).unwrap();
        assert_ne!(query(0), query(1));
        assert_ne!(
            query(0),
            params(&plan(1), Seed(8))
                .f32(&act_core::Linear::Query(0).weight())
                .unwrap()
        );
    }
}
