//! What this process holds in memory, as the operating system counts it. Only Linux tells; elsewhere
//! the figures are absent, never guessed.

use serde::{Deserialize, Serialize};

/// Bytes of a process's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// The most that was ever resident, pages of the mapped model file included.
    pub peak_bytes: Option<u64>,
    /// What is resident now and belongs to the process alone: packed weights, workspaces, data.
    pub own_bytes: Option<u64>,
}

impl Memory {
    /// This process, now.
    pub fn of_this_process() -> Self {
        Self::parse(&std::fs::read_to_string("/proc/self/status").unwrap_or_default())
    }

    /// From the text of `/proc/PID/status` (proc(5)).
    fn parse(status: &str) -> Self {
        let value = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key))?;
            let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
            kib.checked_mul(1024)
        };
        Self {
            peak_bytes: value("VmHWM:"),
            own_bytes: value("RssAnon:"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_as_linux_writes_it() {
        let status =
            "Name:\tact-eval\nVmHWM:\t  118784 kB\nVmRSS:\t 900 kB\nRssAnon:\t   54272 kB\n";
        let expected = Memory {
            peak_bytes: Some(118_784 * 1024),
            own_bytes: Some(54_272 * 1024),
        };
        assert_eq!(Memory::parse(status), expected);
        for other in ["", "VmHWM: much\n"] {
            assert_eq!(Memory::parse(other).peak_bytes, None);
        }
    }
}
