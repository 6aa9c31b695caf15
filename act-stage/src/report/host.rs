//! The machine that measured.

use serde::{Deserialize, Serialize};

/// The machine that measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Host {
    /// Processor name.
    pub cpu: String,
    /// Logical processors available.
    pub cores: usize,
    /// Operating system.
    pub os: String,
    /// Architecture.
    pub arch: String,
    /// Vector instruction sets that matter to the engine.
    pub features: Vec<String>,
}

impl Host {
    /// This machine.
    pub fn detect() -> Self {
        let cpu = std::fs::read_to_string("/proc/cpuinfo")
            .ok()
            .and_then(|text| {
                let line = text.lines().find(|l| l.starts_with("model name"))?;
                Some(line.split_once(':')?.1.trim().to_string())
            })
            .unwrap_or_else(|| "unknown".into());
        Self {
            cpu,
            cores: std::thread::available_parallelism().map_or(1, |n| n.get()),
            os: std::env::consts::OS.into(),
            arch: std::env::consts::ARCH.into(),
            features: features(),
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn features() -> Vec<String> {
    let mut list = Vec::new();
    macro_rules! note {
        ($($name:tt),*) => { $(if std::is_x86_feature_detected!($name) { list.push($name.into()); })* };
    }
    note!("avx2", "fma", "avx512f", "avx512vnni", "avxvnni");
    list
}

#[cfg(not(target_arch = "x86_64"))]
fn features() -> Vec<String> {
    Vec::new()
}
