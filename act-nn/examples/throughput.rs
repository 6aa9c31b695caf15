//! Speed of the trainable encoder on random weights and random tokens, in seconds a step.
//!
//! `cargo run --release -p act-nn --example throughput [threads] [steps] [layers] [hidden] [heads]`
//! (defaults 1, 10, 4, 256, 4), then options: `--batch 16`, `--device cpu|flex|cuda|vulkan`, `--bf16`
//! for products in bfloat16, `--forward` for the forward pass alone. The feed-forward block is 4 x
//! hidden, the vocabulary 21,128, a sequence 128 tokens. The same model, batch and optimiser as
//! `tests/peers/paddle_train_step.py` and `tests/peers/torch_train_step.py`. Prints the seconds of
//! every step after the first ones, their least and median, and the most memory of the process.

use std::time::Instant;

use act_core::testing::{TinyOptions, tiny_artifact};
use act_core::{Artifact, Encoding, LayerPlan, Seed, Target};
use act_nn::checkpoint::Unkept;
use act_nn::{
    Decay, Device, Examples, Journal, Objective, OptimizerOptions, Schedule, TrainEvent,
    TrainOptions, Training,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const TOKENS: usize = 128;
const VOCABULARY: usize = 21_128;
/// Steps that are not counted: a GPU's kernels are compiled and tried out in them.
const WARM_UP: usize = 3;

struct Arguments {
    threads: usize,
    steps: usize,
    layers: usize,
    hidden: usize,
    heads: usize,
    batch: usize,
    device: Device,
    mixed: bool,
    forward: bool,
}

fn arguments() -> Arguments {
    let mut numbers = [1, 10, 4, 256, 4];
    let (mut batch, mut device, mut mixed, mut forward) = (16, Device::NdArray, false, false);
    let (mut place, mut words) = (0, std::env::args().skip(1));
    let number = |text: &str| text.parse().expect("arguments are numbers");
    while let Some(word) = words.next() {
        let mut value = || words.next().expect("the option has a value");
        match &*word {
            "--batch" => batch = number(&value()),
            "--device" => device = value().parse().expect("a device"),
            "--bf16" => mixed = true,
            "--forward" => forward = true,
            _ => {
                numbers[place] = number(&word);
                place += 1;
            }
        }
    }
    Arguments {
        threads: numbers[0],
        steps: numbers[1],
        layers: numbers[2],
        hidden: numbers[3],
        heads: numbers[4],
        batch,
        device,
        mixed,
        forward,
    }
}

fn main() {
    let arguments = arguments();
    let Arguments {
        layers,
        hidden,
        heads,
        batch,
        ..
    } = arguments;
    let artifact = tiny_artifact(
        1,
        &TinyOptions {
            hidden_size: hidden,
            layers: vec![LayerPlan::full(heads, hidden / heads, 4 * hidden); layers],
            vocab_size: VOCABULARY,
            max_position_embeddings: 128,
            ..TinyOptions::default()
        },
    );
    let encodings: Vec<Encoding> = (0..batch as u32 * 8)
        .map(|i| Encoding {
            input_ids: (0..TOKENS as u32)
                .map(|t| 5 + (i * 7919 + t * 104_729) % (VOCABULARY as u32 - 5))
                .collect(),
            token_type_ids: vec![0; TOKENS],
        })
        .collect();
    let taken = if arguments.forward {
        forward(&arguments, &artifact, &encodings)
    } else {
        train(&arguments, &artifact, &encodings)
    };
    report(&arguments, taken);
}

/// Seconds of each step of training.
fn train(arguments: &Arguments, artifact: &Artifact, encodings: &[Encoding]) -> Vec<f64> {
    let labels: Vec<Target> = (0..encodings.len() as u32)
        .map(|i| Target::Class(i % 3))
        .collect();
    let on_cpu = arguments.device == Device::NdArray;
    let options = TrainOptions {
        epochs: usize::MAX / encodings.len(),
        max_steps: Some(arguments.steps + WARM_UP),
        batch_size: arguments.batch,
        micro_batch: on_cpu.then_some(8),
        eval_every: None,
        log_every: 1,
        learning_rate: Schedule::Peak {
            rate: 1e-4,
            decay: Decay::Linear,
        },
        warmup_ratio: 0.1,
        optimizer: OptimizerOptions::ADAMW,
        dropout: 0.1,
        mixed_precision: arguments.mixed,
        target_score: None,
        patience: None,
        threads: arguments.threads,
        seed: Seed(42),
    };
    let examples = Examples {
        encodings,
        labels: &labels,
        teacher_logits: None,
        teacher: None,
    };
    let training = Training {
        artifact,
        train: examples,
        validation: None,
        quantizing: None,
        objective: Objective::LABELS,
        options: &options,
    };
    let (mut since, mut taken) = (Instant::now(), Vec::new());
    let mut listener = |event: &TrainEvent, _: &Journal| {
        if let TrainEvent::Step { .. } = event {
            taken.push(since.elapsed().as_secs_f64());
            since = Instant::now();
        }
        Ok(())
    };
    act_nn::train(arguments.device, training, &mut Unkept, &mut listener).expect("training runs");
    taken
}

/// Seconds of each forward pass, on average over many: what a call takes beside them (the weights'
/// way to the device) is taken off by a call with twice as many.
fn forward(arguments: &Arguments, artifact: &Artifact, encodings: &[Encoding]) -> Vec<f64> {
    let predict = |batches: usize| {
        let encodings: Vec<Encoding> = (encodings.iter().cycle())
            .take(batches * arguments.batch)
            .cloned()
            .collect();
        let began = Instant::now();
        let predict = if arguments.mixed {
            act_nn::predict_mixed
        } else {
            act_nn::predict
        };
        predict(arguments.device, artifact, &encodings, arguments.batch).expect("it predicts");
        began.elapsed().as_secs_f64()
    };
    let mut taken = vec![predict(WARM_UP); WARM_UP];
    for _ in 0..5 {
        let (once, twice) = (predict(arguments.steps), predict(2 * arguments.steps));
        taken.push((twice - once) / arguments.steps as f64);
    }
    taken
}

fn report(arguments: &Arguments, taken: Vec<f64>) {
    let mut steady: Vec<f64> = taken.get(WARM_UP..).unwrap_or_default().to_vec();
    let all: Vec<String> = steady.iter().map(|s| format!("{s:.4}")).collect();
    steady.sort_by(f64::total_cmp);
    let (least, median) = (steady[0], steady[steady.len() / 2]);
    println!("{}", all.join(" "));
    println!(
        "act {}, {:?}, {}, {} x {}, {} x {TOKENS}, {} thread(s): {least:.4} s at best, {median:.4} s median, \
         {:.0} sequences/s, {:.0} tokens/s at best, warm-up {:.1} s{}",
        if arguments.forward {
            "forward"
        } else {
            "training"
        },
        arguments.device,
        if arguments.mixed { "bf16" } else { "f32" },
        arguments.layers,
        arguments.hidden,
        arguments.batch,
        arguments.threads,
        arguments.batch as f64 / median,
        (arguments.batch * TOKENS) as f64 / least,
        taken.iter().take(WARM_UP).sum::<f64>(),
        peak_memory()
    );
}

/// `, 512 MB at most`, where the system tells.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|l| l.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kibibytes.map_or(String::new(), |k| {
        format!(", {} MB at most", k * 1024 / 1_000_000)
    })
}
