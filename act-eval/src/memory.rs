//! What this process holds in memory, as the operating system counts it. Only Linux tells; elsewhere
//! the figures are absent, never guessed.

use std::fmt;

use serde::Serialize;

use crate::table;

/// Bytes of a process's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
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

/// `peak memory 116.0 MB, 53.0 MB of it its own`, or that it is not known.
impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(peak) = self.peak_bytes else {
            return f.write_str("memory not known here");
        };
        write!(f, "peak memory {}", table::bytes(peak))?;
        match self.own_bytes {
            Some(own) => write!(f, ", {} of it its own", table::bytes(own)),
            None => Ok(()),
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
        let memory = Memory::parse(status);
        assert_eq!(memory.peak_bytes, Some(118_784 * 1024));
        assert_eq!(
            memory.to_string(),
            "peak memory 121.6 MB, 55.6 MB of it its own"
        );
        for other in ["", "VmHWM: much\n"] {
            assert_eq!(Memory::parse(other).to_string(), "memory not known here");
        }
    }
}
