//! How a program computes, and what it makes of a missed goal.

use act_core::{Device, Seed};

use crate::exit::Exit;

/// Chance.
#[derive(Debug, Clone, clap::Args)]
pub struct SeedArgs {
    /// Seed of every random choice.
    #[arg(long = "seed", id = "seed", value_name = "SEED", default_value_t = 42)]
    number: u64,
}

impl SeedArgs {
    /// The seed.
    pub fn get(&self) -> Seed {
        Seed(self.number)
    }
}

/// Threads.
#[derive(Debug, Clone, clap::Args)]
pub struct ThreadsArgs {
    /// Threads; 0 uses every core. Results do not depend on it.
    #[arg(
        long = "threads",
        id = "threads",
        value_name = "THREADS",
        default_value_t = 0
    )]
    number: usize,
}

impl ThreadsArgs {
    /// Number of threads to use, at least 1.
    pub fn count(&self) -> usize {
        cores(self.number)
    }
}

/// Number of threads that an argument means: 0 is every core.
pub fn cores(threads: usize) -> usize {
    match threads {
        0 => std::thread::available_parallelism().map_or(1, |n| n.get()),
        n => n,
    }
}

/// Where to train.
#[derive(Debug, Clone, clap::Args)]
pub struct DeviceArgs {
    /// Where to train: cpu, ndarray, flex, cuda, cuda:N, vulkan.
    #[arg(long, default_value = "cpu")]
    device: Device,
}

impl DeviceArgs {
    /// The device; whether this build has it, act-nn knows.
    pub fn get(&self) -> Device {
        self.device
    }
}

/// Whether a missed goal is an error.
#[derive(Debug, Clone, clap::Args)]
pub struct StrictArgs {
    /// Exit with code 4 when a goal is missed (the output is written all the same).
    #[arg(long)]
    strict: bool,
}

impl StrictArgs {
    /// How a program ends that has reached its goal, or has not.
    pub fn exit(&self, reached: bool) -> Exit {
        if reached || !self.strict {
            Exit::Done
        } else {
            Exit::Missed
        }
    }
}
