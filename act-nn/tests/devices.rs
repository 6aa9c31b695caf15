//! Every backend that is compiled in beside the CPU's own does what that one does: logits, a few
//! steps of training with every loss, products in bfloat16. They run the bodies of ordinary tensor
//! operations that the CPU's fused kernels replace. So are windows and biases of attention computed on a GPU, for
//! which it has no kernels of its own.
//!
//!     cargo test --release -p act-nn --features flex --test devices

use act_core::metrics::Measure;
use act_core::testing::{TinyOptions, tiny_artifact};
use act_core::{
    Artifact, Encoding, ErrorKind, Family, LayerPlan, Linear, Params, Result, Seed, Site, Target,
};
use act_nn::checkpoint::Unkept;
use act_nn::{
    Comparison, Decay, Device, Examples, Hidden, LayerPair, Objective, OptimizerOptions, Relations,
    Rows, Schedule, SoftLabels, TeacherFeatures, TrainOptions, Trained, Training,
};
use rand::Rng;

const HIDDEN: usize = 32;

/// BERT's parts; windows, turned heads, gates and norms before the blocks; a bias by distance.
const FAMILIES: [Family; 3] = [Family::Bert, Family::ModernBert, Family::Mpnet];

/// The other devices of this build, with the share by which their results may differ.
fn devices() -> Vec<(Device, f32)> {
    let all = [
        (Device::Flex, 1e-4),
        (Device::Vulkan, 1e-3),
        // Tensor cores round products to TF32.
        (Device::Cuda(0), 1e-2),
    ];
    let here = |(device, _): &(Device, f32)| act_nn::available(*device).is_ok();
    all.into_iter().filter(here).collect()
}

fn artifact(family: Family, seed: u64) -> Artifact {
    let options = TinyOptions {
        family,
        hidden_size: HIDDEN,
        layers: vec![LayerPlan::full(4, 8, 64), LayerPlan::full(3, 8, 40)],
        ..TinyOptions::default()
    };
    tiny_artifact(seed, &options)
}

fn examples() -> (Vec<Encoding>, Vec<Target>) {
    let mut rng = Seed(3).stream("examples");
    let encoding = |_| {
        let length = rng.random_range(1..20);
        Encoding {
            input_ids: (0..length).map(|_| rng.random_range(5..128)).collect(),
            token_type_ids: (0..length).map(|_| rng.random_range(0..2)).collect(),
        }
    };
    let encodings: Vec<Encoding> = (0..48).map(encoding).collect();
    let labels = (0..48).map(|i| Target::Class(i % 3)).collect();
    (encodings, labels)
}

/// A result, or nothing where the device says in one line that it cannot be used.
fn usable<T>(device: Device, result: Result<T>) -> Option<T> {
    result
        .inspect_err(|error| {
            let message = error.to_string();
            assert_eq!(error.kind(), ErrorKind::Usage, "{message}");
            assert!(message.contains(" cannot be used: "), "{message}");
            assert!(!message.contains('\n') && message.len() < 200, "{message}");
            println!("SKIPPED on {device:?}: {message}");
        })
        .ok()
}

/// Another model of the same shape, looked at on the CPU.
struct Inside<'a> {
    family: Family,
    comparisons: Vec<Comparison>,
    encodings: &'a [Encoding],
}

impl TeacherFeatures for Inside<'_> {
    fn values(&self, examples: &[usize]) -> Result<Vec<Vec<f32>>> {
        let encodings: Vec<Encoding> = examples
            .iter()
            .map(|&i| self.encodings[i].clone())
            .collect();
        let sites: Vec<Site> = self.comparisons.iter().map(|c| c.teacher).collect();
        let seen = act_nn::observe(
            Device::NdArray,
            &artifact(self.family, 2),
            &encodings,
            &sites,
        )?;
        let of_site = |(comparison, values): (&Comparison, Vec<Vec<f32>>)| {
            let rows = |values: Vec<f32>| match comparison.rows {
                Rows::All => values,
                Rows::First => values[..HIDDEN].to_vec(),
            };
            values.into_iter().flat_map(rows).collect()
        };
        Ok(self.comparisons.iter().zip(seen).map(of_site).collect())
    }
}

/// All losses at once.
fn objective() -> Objective {
    let pair = |student, rows| LayerPair {
        student,
        teacher: student,
        rows,
    };
    Objective {
        labels: 1.0,
        emphasis: act_nn::Emphasis::NONE,
        logits: 0.5,
        soft_labels: SoftLabels {
            weight: 0.3,
            temperature: 2.0,
        },
        pooled: 0.1,
        hidden: Hidden {
            weight: 0.1,
            pairs: vec![pair(0, Rows::All), pair(1, Rows::First)],
        },
        relations: Relations {
            weight: 0.1,
            heads: 2,
            pairs: vec![
                (Linear::Key(0), Linear::Key(0)),
                (Linear::Value(1), Linear::Value(1)),
            ],
        },
    }
}

fn train(family: Family, device: Device, mixed_precision: bool) -> Result<Trained> {
    let (encodings, labels) = examples();
    let teacher = Inside {
        family,
        comparisons: objective().comparisons(),
        encodings: &encodings,
    };
    let logits = act_nn::predict(Device::NdArray, &artifact(family, 2), &encodings, 8)?;
    let examples = Examples {
        encodings: &encodings,
        labels: &labels,
        teacher_logits: Some(&logits),
        teacher: Some(&teacher),
    };
    let options = TrainOptions {
        epochs: 4,
        max_steps: None,
        batch_size: 16,
        micro_batch: Some(8),
        eval_every: None,
        log_every: 1,
        learning_rate: Schedule::Peak {
            rate: 1e-3,
            decay: Decay::Linear,
        },
        warmup_ratio: 0.1,
        optimizer: OptimizerOptions::ADAMW,
        dropout: 0.1,
        mixed_precision,
        target_score: None,
        patience: None,
        threads: 1,
        seed: Seed(42),
    };
    let training = Training {
        artifact: &artifact(family, 1),
        train: examples,
        validation: Some(act_nn::Validation {
            examples,
            measure: Measure::accuracy(3),
        }),
        quantizing: None,
        objective: objective(),
        options: &options,
    };
    act_nn::train(device, training, &mut Unkept, &mut |_, _| Ok(()))
}

/// How far trained parameters are from others: the norm of the difference by that of what training
/// changed.
fn distance(family: Family, got: &Params, want: &Params) -> f32 {
    let start = artifact(family, 1).params;
    let (mut difference, mut change) = (0.0, 0.0);
    for (name, _) in want.iter() {
        let [got, want, start] = [got, want, &start].map(|params| params.f32(name).unwrap());
        for ((g, w), s) in got.iter().zip(want).zip(start) {
            difference += (g - w) * (g - w);
            change += (w - s) * (w - s);
        }
    }
    (difference / change).sqrt()
}

#[test]
fn logits_agree() {
    let (encodings, _) = examples();
    for family in FAMILIES {
        let model = artifact(family, 1);
        let want = act_nn::predict(Device::NdArray, &model, &encodings, 7).unwrap();
        for (device, share) in devices() {
            let got = act_nn::predict(device, &model, &encodings, 7);
            let Some(got) = usable(device, got) else {
                continue;
            };
            for (g, w) in got.iter().flatten().zip(want.iter().flatten()) {
                assert!(
                    (g - w).abs() <= share * w.abs().max(1.0),
                    "{family:?} on {device:?}: {g} is not {w}"
                );
            }
        }
    }
}

#[test]
fn trainings_agree() {
    for family in FAMILIES {
        let want = train(family, Device::NdArray, false).unwrap();
        for (device, share) in devices() {
            let Some(got) = usable(device, train(family, device, false)) else {
                continue;
            };
            let distance = distance(family, &got.params, &want.params);
            println!(
                "{family:?} on {device:?}: loss {} and {}, distance {distance:.1e}",
                got.course.final_loss, want.course.final_loss
            );
            assert!(
                (got.course.final_loss - want.course.final_loss).abs() <= f64::from(share),
                "{family:?} on {device:?}"
            );
            // Adam divides by the gradient's size, so a gradient that is rounding and nothing else
            // (a key's bias has none) moves a weight as far as any other.
            assert!(
                distance <= 100.0 * share,
                "{family:?} on {device:?}: {distance}"
            );
        }
    }
}

/// Near single precision, and not the same: the products were really made of fewer bits.
#[test]
fn mixed_precision_is_near() {
    for (device, _) in devices()
        .into_iter()
        .filter(|(device, _)| act_nn::mixes_precision(*device))
    {
        for family in FAMILIES {
            let Some(want) = usable(device, train(family, device, false)) else {
                continue;
            };
            let got = train(family, device, true).unwrap();
            let distance = distance(family, &got.params, &want.params);
            let loss = want.course.final_loss;
            println!(
                "{family:?} on {device:?}: loss {} and {loss}, distance {distance:.1e}",
                got.course.final_loss
            );
            assert!(
                (got.course.final_loss - loss).abs() <= 0.02 * loss,
                "{family:?} on {device:?}"
            );
            assert!(
                (1e-3..0.3).contains(&distance),
                "{family:?} on {device:?}: {distance}"
            );
        }
    }
}
